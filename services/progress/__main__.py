"""`python -m services.progress`."""

import asyncio
import sys

from services.progress.app import main
from services.runtime.errors import Misconfigured

try:
    asyncio.run(main())
except Misconfigured as error:
    print(error, file=sys.stderr)
    sys.exit(2)
