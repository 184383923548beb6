"""Chunks hold every task once and none is much too large."""

from hypothesis import given
from hypothesis import strategies as st

from services.audit.chunks import chunks

SIZES = st.dictionaries(st.sampled_from([f"{number:08}" for number in range(30)]), st.integers(0, 400))


@given(SIZES, st.integers(1, 300))
def test_every_part_of_every_authority_once_and_no_chunk_larger_than_asked(sizes: dict[str, int], most: int) -> None:
    found = list(chunks(sizes, most))
    parts: dict[str, set[tuple[int, int]]] = {}
    for chunk in found:
        assert chunk.authorities
        assert chunk.events <= most
        for authority in chunk.authorities:
            assert (chunk.part, chunk.of) not in parts.setdefault(authority, set())
            parts[authority].add((chunk.part, chunk.of))
    assert parts.keys() == sizes.keys()
    for authority, those in parts.items():
        of = max(1, -(-sizes[authority] // most))
        assert those == {(part, of) for part in range(of)}


def test_small_authorities_share_a_chunk_and_a_large_one_has_several() -> None:
    found = list(chunks({"a": 10, "b": 20, "c": 250, "d": 70, "e": 1}, most=100))
    assert [(chunk.authorities, chunk.of) for chunk in found if chunk.part == 0] == [
        (("c",), 3),
        (("a", "b", "d"), 1),
        (("e",), 1),
    ]
    assert len(found) == 5
