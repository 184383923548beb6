"""`python -m services.collector`."""

import asyncio
import sys

from services.collector.app import main
from services.runtime.errors import Misconfigured

try:
    asyncio.run(main())
except Misconfigured as error:
    print(error, file=sys.stderr)
    sys.exit(2)
