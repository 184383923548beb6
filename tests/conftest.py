"""Settings of every test: properties have no deadline, since the machine is shared with the stacks of other tests."""

import pytest
from hypothesis import settings

from tests.brokers import jars

settings.register_profile("frigjort", deadline=None, print_blob=True)
settings.load_profile("frigjort")


@pytest.fixture(scope="session")
def kafka_jars() -> None:
    """What needs Apache Kafka asks for this: it skips where the broker cannot be had, and fails where it must be."""
    try:
        jars.java()
        jars.classpath()
    except jars.Missing as missing:
        if jars.is_required():
            pytest.fail(f"{missing} ({jars.REQUIRED} is set)", pytrace=False)
        pytest.skip(str(missing))
