"""What travels in bodies: request bodies decoded piece by piece, responses encoded as the client asked."""

import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, Protocol

import lz4.frame
from backports import zstd

from services.embedded.endpoint.errors import Code, QueryError

_DAMAGED: Final = (RuntimeError, ValueError, EOFError, zlib.error, zstd.ZstdError)
_PART_BYTES: Final = 4 * 1024**2
_GZIP: Final = 31
_FAST: Final = 1


class Decoder(Protocol):
    """Decodes a stream chunk by chunk. Raises `QueryError` for a damaged one, and at `finish` for a cut one."""

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        """What the chunk holds, in parts of bounded size: a small chunk can hold very much."""

    def finish(self) -> bytes:
        """What is left, after the last chunk."""


class _Plain:
    def decode(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk

    def finish(self) -> bytes:
        return b""


class _Frames:
    """A stream of one or more frames, one after the other, as clients write them."""

    def __init__(self, name: str, frame: Callable[[], Any]) -> None:
        self._name = name
        self._frame = frame
        self._current: Any = None

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        rest, more = chunk, False
        while rest or more:
            if self._current is None:
                self._current = self._frame()
            try:
                part = self._current.decompress(rest, _PART_BYTES)
            except _DAMAGED as error:
                raise QueryError.refused(Code.CANNOT_DECOMPRESS, f"The body is not {self._name}: {error}") from None
            if part:
                yield part
            if self._current.eof:
                rest, more = self._current.unused_data or b"", False
                self._current = None
            else:  # zlib hands back what it has not read; the others keep it, and say that they need no more
                rest = getattr(self._current, "unconsumed_tail", b"")
                more = not getattr(self._current, "needs_input", True)

    def finish(self) -> bytes:
        if self._current is not None:
            raise QueryError.refused(Code.CANNOT_DECOMPRESS, f"The body ends inside a frame of {self._name}")
        return b""


class _Brotli:
    """Held until its end: the engine decodes it in one go."""

    def __init__(self, decode: Callable[[bytes], bytes]) -> None:
        self._decode = decode
        self._held: list[bytes] = []

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        self._held.append(chunk)
        return iter(())

    def finish(self) -> bytes:
        return self._decode(b"".join(self._held)) if self._held else b""


def decoder(encoding: str, from_brotli: Callable[[bytes], bytes]) -> Decoder:
    """The decoder of a `Content-Encoding`. Raises `QueryError` for an unknown one."""
    match encoding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "lz4":
            return _Frames("lz4", lz4.frame.LZ4FrameDecompressor)
        case "zstd":
            return _Frames("zstd", zstd.ZstdDecompressor)
        case "gzip" | "x-gzip":
            return _Frames("gzip", lambda: zlib.decompressobj(_GZIP))
        case "deflate":
            return _Frames("deflate", zlib.decompressobj)
        case "br":
            return _Brotli(from_brotli)
    raise QueryError.refused(Code.UNKNOWN_COMPRESSION_METHOD, f"Unknown Content-Encoding '{encoding[:32]}'")


class Body:
    """A request's body, read in pieces. `ended`: the last piece has been read."""

    def __init__(self, stream: AsyncIterator[bytes] | None, coding: Decoder) -> None:
        self._stream = stream
        self._decoder = coding
        self.ended = stream is None

    async def read(self, size: int = 1) -> list[bytes]:
        """The next chunks, still encoded, of at least this size together but for the last ones; as they come from the
        network, since joining them would cost a copy. Raises `ClientDisconnect` where the client is cut off."""
        chunks: list[bytes] = []
        read = 0
        if self._stream is not None:
            async for chunk in self._stream:
                chunks.append(chunk)
                read += len(chunk)
                if read >= size:
                    return chunks
        self.ended = True
        return chunks

    def decode(self, chunks: list[bytes]) -> Iterator[bytes]:
        """The content of the chunks that were read last. Raises `QueryError`."""
        for chunk in chunks:
            yield from self._decoder.decode(chunk)
        if self.ended:
            yield self._decoder.finish()


class Encoder(Protocol):
    """Encodes a stream piece by piece; a piece may come out with a later one."""

    def encode(self, data: bytes) -> bytes:
        """The piece, as far as it is ready."""

    def finish(self) -> bytes:
        """What is left, and the end of the stream."""


class _Lz4:
    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._begun = False

    def encode(self, data: bytes) -> bytes:
        head = b"" if self._begun else bytes(self._frame.begin())
        self._begun = True
        return head + bytes(self._frame.compress(data))

    def finish(self) -> bytes:
        return self.encode(b"") + bytes(self._frame.flush())


class _Flushed:
    """An encoder of the standard library's kind."""

    def __init__(self, stream: Any) -> None:
        self.encode: Callable[[bytes], bytes] = stream.compress
        self.finish: Callable[[], bytes] = stream.flush


_ENCODERS: Final[dict[str, Callable[[], Encoder]]] = {
    "lz4": _Lz4,
    "zstd": lambda: _Flushed(zstd.ZstdCompressor(_FAST)),
    "gzip": lambda: _Flushed(zlib.compressobj(_FAST, wbits=_GZIP)),
    "deflate": lambda: _Flushed(zlib.compressobj(_FAST)),
}


def encoding_for(accepted: str) -> str:
    """The cheapest encoding that an `Accept-Encoding` accepts; empty for none."""
    wanted = {}
    for offer in accepted.lower().split(","):
        name, _, weight = offer.partition(";")
        wanted[name.strip()] = weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return next((name for name in _ENCODERS if wanted.get(name)), "")


def encoder(encoding: str) -> Encoder | None:
    """The encoder of a `Content-Encoding`; none for an empty one."""
    return _ENCODERS[encoding]() if encoding else None
