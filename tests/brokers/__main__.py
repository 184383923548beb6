"""Fetches Apache Kafka's jars, checks them, and makes the archive of classes; exit code 1 when it cannot and must."""

import sys

from tests.brokers import jars
from tests.brokers.kafka import make_archive


def main() -> int:
    """0 also when something is missing that is not required: the tests that need it say so."""
    try:
        jars.fetch()
        make_archive()
    except jars.Missing as missing:
        print(f"{missing}. What needs Apache Kafka {'fails' if jars.is_required() else 'is skipped'}.", file=sys.stderr)
        return int(jars.is_required())
    except jars.Altered as altered:
        print(altered, file=sys.stderr)
        return 1
    (jars.FOLDER / ".fetched").touch()
    return 0


sys.exit(main())
