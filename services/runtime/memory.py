"""When Python looks for cycles: seldom in the middle of work, regularly besides it.

Left alone, the collector of cycles stops a hot path again and again and finds nothing. Never run, what is left behind by
retries, rebalances and lost connections grows, and holds whole batches.
"""

import asyncio
import gc


def settle() -> None:
    """What lives now lives on and is not looked at again; from now on only a flood of new objects starts a collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(1_000_000, 50, 50)


async def tidy_for_ever(pause_seconds: float = 10.0) -> None:
    """Collects cycles again and again: some milliseconds each time, since there are few new objects by then."""
    while True:
        await asyncio.sleep(pause_seconds)
        gc.collect()
