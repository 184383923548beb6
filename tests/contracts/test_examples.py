"""The examples are part of the contract: every file gets exactly the verdict that it promises."""

import json

import jsonschema
import pytest

from contracts import generate
from contracts.codes import EXPLANATIONS, RejectionCode, Violation
from contracts.deadletters import dead_letter
from contracts.events import AUTHORITY_EVENTS, REGISTRY_EVENTS
from contracts.examples import CANARY, Example, invalid, valid
from contracts.reading import read

VALID = list(valid())
INVALID = list(invalid())
# Faults that are not of the document's shape: of bytes, of headers, of two places that must agree, of arithmetic.
NOT_EXPRESSIBLE = {
    *(
        "empty_value",
        "oversized",
        "invalid_header",
        "invalid_utf8",
        "invalid_json",
        "non_finite_number",
        "trailing_data",
    ),
    *("duplicate_key", "personal_number", "prompt_content", "wrong_topic", "authority_mismatch", "task_mismatch"),
    *("completed_before_started", "assigned_after_start", "inconsistent", "unknown_type"),
}
NOT_EXPRESSIBLE_NAMES = {
    "cvr-checksum",  # modulo 11
    "time-no-such-day",
    "time-next-century",  # only after its offset is applied
    "wrong-type-whole-fraction",  # JSON Schema has one number: 1.0 is an integer
    "format-task-newline",  # the `$` of this validator's engine also matches before a last line end
    "wrong-type-of-type",
    "missing-type",
    "header-personal-number",
    "header-missing-id",
    "header-unknown-extension",
}


@pytest.mark.parametrize("example", VALID, ids=lambda example: example.name)
def test_valid_examples_are_accepted(example: Example) -> None:
    assert read(example.record).payload


@pytest.mark.parametrize("example", INVALID, ids=lambda example: example.name)
def test_invalid_examples_get_their_verdict(example: Example) -> None:
    with pytest.raises(Violation) as refused:
        read(example.record)
    assert (refused.value.code, refused.value.path) == (example.code, example.path)


@pytest.mark.parametrize("example", INVALID, ids=lambda example: example.name)
def test_a_verdict_says_nothing_of_what_it_refused(example: Example) -> None:
    with pytest.raises(Violation) as refused:
        read(example.record)
    key, letter = dead_letter("1/frigjort.tasks.v1.10000009/0/7", 0, 10, refused.value)
    for form in (CANARY, CANARY.replace("-", ""), CANARY.replace("-", " "), "610190"):
        assert form not in str(refused.value)
        assert form.encode() not in key + letter


def test_every_code_and_every_type_has_an_example() -> None:
    assert {example.code for example in INVALID} == set(RejectionCode) == set(EXPLANATIONS)
    assert {read(example.record).event.type for example in VALID} == {*AUTHORITY_EVENTS, *REGISTRY_EVENTS}
    assert len(VALID) >= 15
    assert len({example.name.removeprefix("personal-number-") for example in INVALID}) >= 60


def test_generated_files_are_not_stale() -> None:
    assert generate.stale() == []


@pytest.mark.parametrize("example", VALID, ids=lambda example: example.name)
def test_valid_examples_satisfy_their_json_schema(example: Example) -> None:
    document = json.loads(read(example.record).payload)
    jsonschema.validate(document, generate.schema(document["type"]), cls=jsonschema.Draft202012Validator)


def _expressible(example: Example) -> bool:
    return example.code not in NOT_EXPRESSIBLE and example.name not in NOT_EXPRESSIBLE_NAMES


@pytest.mark.parametrize("example", [e for e in INVALID if _expressible(e)], ids=lambda example: example.name)
def test_what_a_schema_can_express_it_refuses(example: Example) -> None:
    document = json.loads(example.record.value or b"")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, generate.schema(document["type"]), cls=jsonschema.Draft202012Validator)
