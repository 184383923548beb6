"""The fast shapes are the contract's models, field for field."""

import msgspec

from contracts import tasks
from contracts.events import COMPLETED, CORRECTED, REOPENED, TaskCompleted
from services.collector import shapes
from services.collector.partitions import Partitions


def _wire(model: type[tasks.TaskState | tasks.ModelUse | TaskCompleted]) -> dict[str, bool]:
    return {field.alias or name: field.is_required() for name, field in model.model_fields.items()}


def _struct(shape: type[msgspec.Struct]) -> dict[str, bool]:
    return {field.encode_name: field.required for field in msgspec.structs.fields(shape)}


def test_fields_and_what_is_required_agree() -> None:
    assert _struct(shapes.State) == _wire(tasks.TaskState)
    assert _struct(shapes.ModelUse) == _wire(tasks.ModelUse)
    assert _struct(shapes.StructuredEvent) == _wire(TaskCompleted)
    assert _struct(shapes.Head) == {name: need for name, need in _wire(TaskCompleted).items() if name != "data"}
    assert sum(_wire(TaskCompleted).values()) == shapes.HEAD_REQUIRED
    assert sum(_wire(tasks.TaskState).values()) == shapes.STATE_REQUIRED
    assert sum(_wire(tasks.ModelUse).values()) == shapes.MODEL_USE_REQUIRED


def test_the_types_agree() -> None:
    kinds = next(field for field in msgspec.structs.fields(shapes.Head) if field.name == "type").type
    assert set(kinds.__args__) == {COMPLETED, CORRECTED, REOPENED}


def test_a_batch_of_no_partition_is_empty() -> None:
    assert Partitions().take(10).records == []
