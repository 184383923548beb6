"""Salt, digest and leaf are what they say they are."""

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from services.domain import provenance
from services.domain.provenance import Provenance


@given(st.binary(min_size=1, max_size=200), st.binary(max_size=200))
def test_the_salt_is_the_standard_librarys_hmac(secret: bytes, coordinate: bytes) -> None:
    assert Provenance(secret).salt(coordinate) == hmac.digest(secret, coordinate, "sha256")


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.binary(max_size=200))
def test_the_digest_binds_to_the_payload(salt: bytes, payload: bytes, other: bytes) -> None:
    digest = provenance.digest_of(salt, payload)
    assert digest == hashlib.sha256(salt + payload).digest()
    assert provenance.matches(salt, payload, digest)
    assert provenance.matches(salt, other, digest) == (other == payload)


def test_a_leaf_changes_with_everything_it_is_made_of() -> None:
    leaves = {
        provenance.accepted_leaf(b"1/t/0/1", 5, b"x" * 32),
        provenance.accepted_leaf(b"1/t/0/2", 5, b"x" * 32),
        provenance.accepted_leaf(b"1/t/0/1", 6, b"x" * 32),
        provenance.accepted_leaf(b"1/t/0/1", 5, b"y" * 32),
        provenance.rejected_leaf(b"1/t/0/1", 5, "code", "path"),
        provenance.rejected_leaf(b"1/t/0/1", 5, "code", "other"),
    }
    assert len(leaves) == 6
