"""Opening a source file: plain or gzip, told by its first bytes, with how far it is read."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

Watch = Callable[[float], None]
"""Hears the share of a source that is read, 0 to 1."""
_BUFFER_BYTES: Final = 1 << 18


def unwatched(_share: float) -> None:
    """A watch that nobody looks at."""


class _Watched(io.FileIO):
    """A file that says how far it is read."""

    def __init__(self, path: Path, watch: Watch) -> None:
        super().__init__(path)
        self._size = max(1, path.stat().st_size)
        self._watch = watch

    def readinto(self, buffer: Any) -> int | None:
        count = super().readinto(buffer)
        self._watch(min(1.0, self.tell() / self._size))
        return count


@contextmanager
def opened(path: Path, watch: Watch = unwatched) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked where it is gzip. Raises `ValueError` where it is empty, cut or damaged, also while it
    is read."""
    with io.BufferedReader(_Watched(path, watch), _BUFFER_BYTES) as file:
        packed = file.peek(2)[:2] == b"\x1f\x8b"
        stream = gzip.GzipFile(fileobj=file) if packed else file
        try:
            if not stream.peek(1):
                raise ValueError(f"{path} is empty")
            yield cast("IO[bytes]", stream)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} is cut or damaged: fetch it again ({error})") from error
