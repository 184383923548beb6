"""A checkpoint is the same bytes everywhere, and comes back from them."""

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import topics
from contracts.generate import schema
from contracts.seals import SEALED_TYPE
from services.audit.seals.copies import FileCopies, checkpoint_of, event_of
from services.domain.chain import Checkpoint
from services.runtime.errors import Misconfigured, Retry

COUNT = st.integers(0, 2**53 - 1)
CHECKPOINTS = st.builds(
    Checkpoint,
    log_no=st.integers(0, 2**32 - 1),
    topic=st.sampled_from([topics.tasks_topic("10000009"), topics.BASELINES]),
    partition=st.integers(0, 2**16 - 1),
    last_offset=COUNT,
    chain=st.binary(min_size=32, max_size=32),
    records=st.integers(1, 2**53 - 1),
    closed_ms=st.integers(0, 10**13),
)


@given(CHECKPOINTS)
def test_an_event_keeps_to_the_contract_and_says_all(checkpoint: Checkpoint) -> None:
    event = event_of(checkpoint)
    jsonschema.validate(json.loads(event), schema(SEALED_TYPE), cls=jsonschema.Draft202012Validator)
    assert checkpoint_of(event) == checkpoint
    assert event == event_of(checkpoint)


@given(st.lists(CHECKPOINTS, min_size=1, max_size=5))
def test_a_file_is_added_to_and_read_again(tmp_path_factory: pytest.TempPathFactory, made: list[Checkpoint]) -> None:
    copies = FileCopies(tmp_path_factory.mktemp("seals") / "seals.jsonl")
    copies.keep(made[:2])
    copies.keep(made[2:])
    copies.keep(made[:1])
    assert copies.read() == [*made, made[0]]


def test_what_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    copies = FileCopies(tmp_path / "seals.jsonl")
    with pytest.raises(Misconfigured, match="cannot be read"):
        copies.read()
    copies.keep([Checkpoint(1, "t", 0, 1, bytes(32), 2, 3)])
    event = json.loads(copies.path.read_bytes())
    event["data"]["chain"] = "00"
    copies.path.write_text(copies.path.read_text() + json.dumps(event))
    with pytest.raises(Misconfigured, match="number 2 is no checkpoint"):
        copies.read()
    with pytest.raises(Retry):
        FileCopies(tmp_path / "nowhere" / "seals.jsonl").keep([])
