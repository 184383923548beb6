"""Bodies and answers in the encodings that clients use."""

import gzip
import json
import zlib

import lz4.frame
import psutil
import pytest
from backports import zstd

from tests.integration.embedded.reaching import AUDITOR, Reached

ROWS = b"1\tone\n2\ttwo\n"


def _stored_brotli(data: bytes) -> bytes:
    """A brotli stream of one uncompressed block (RFC 7932, section 9.2)."""
    return ((len(data) - 1) << 4 | 1 << 20).to_bytes(3, "little") + data + b"\x03"


_ENCODED = {
    "identity": ROWS,
    "lz4": lz4.frame.compress(ROWS[:6]) + lz4.frame.compress(ROWS[6:]),  # a client writes a frame a block
    "zstd": zstd.compress(ROWS[:6]) + zstd.compress(ROWS[6:]),
    "gzip": gzip.compress(ROWS),
    "deflate": zlib.compress(ROWS),
    "br": _stored_brotli(ROWS),
}


@pytest.mark.parametrize("encoding", sorted(_ENCODED))
def test_encoded_bodies(endpoint: Reached, table: str, encoding: str) -> None:
    answer = endpoint.ask(
        _ENCODED[encoding], query=f"INSERT INTO {table} FORMAT TSV", headers={"Content-Encoding": encoding}
    )
    assert answer.status == 200, answer.text
    assert endpoint.ask(f"SELECT n, s FROM {table} ORDER BY n").body == ROWS


@pytest.mark.parametrize("encoding", sorted(set(_ENCODED) - {"identity"}))
def test_damaged_and_cut_bodies_insert_nothing(endpoint: Reached, table: str, encoding: str) -> None:
    for body in (_ENCODED[encoding][:-3], b"not this" * 10):
        answer = endpoint.ask(body, query=f"INSERT INTO {table} FORMAT TSV", headers={"Content-Encoding": encoding})
        assert answer.status >= 400
    assert endpoint.ask("x", headers={"Content-Encoding": "rot13"}).code == 89
    assert endpoint.ask(f"SELECT count() FROM {table}").body == b"0\n"


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", "deflate"])
def test_a_small_body_that_holds_very_much(endpoint: Reached, table: str, encoding: str) -> None:
    """Decoded in parts of bounded size, it is refused where a query is expected, and stored where data are."""
    encode = {"lz4": lz4.frame.compress, "zstd": zstd.compress, "gzip": gzip.compress, "deflate": zlib.compress}[
        encoding
    ]
    process = psutil.Process(endpoint.process.pid)
    before = process.memory_info().rss
    bomb = encode(b" " * 400_000_000)
    assert endpoint.ask(bomb, as_user=AUDITOR, headers={"Content-Encoding": encoding}).status == 413
    assert process.memory_info().rss - before < 150_000_000
    rows = encode(b"1\tx\n" * 5_000_000)
    answer = endpoint.ask(rows, query=f"INSERT INTO {table} FORMAT TSV", headers={"Content-Encoding": encoding})
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["written_rows"] == "5000000"


@pytest.mark.parametrize("rows", [3, 1_000_000])
@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", "deflate"])
def test_encoded_answers(endpoint: Reached, encoding: str, rows: int) -> None:
    query = f"SELECT number FROM numbers({rows})"
    plain = endpoint.ask(query)
    assert "Content-Encoding" not in plain.headers
    coded = endpoint.ask(query, headers={"Accept-Encoding": f"br, {encoding};q=0.5, identity;q=0"})
    assert coded.headers["Content-Encoding"] == encoding
    decode = {"lz4": lz4.frame.decompress, "zstd": zstd.decompress, "gzip": gzip.decompress, "deflate": zlib.decompress}
    assert decode[encoding](coded.body) == plain.body
    off = endpoint.ask(query, headers={"Accept-Encoding": encoding}, enable_http_compression="0")
    assert off.body == plain.body
