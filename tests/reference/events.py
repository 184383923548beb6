"""Single events of a task, field by field, as bytes."""

from typing import Any

from contracts.examples import AUTHORITY

_STATE = (
    '{{"specversion":"1.0","id":"{id}","source":"/case/{source}","type":"dk.frigjort.task.{what}.v1","subject":"{task}",'
    '"partitionkey":"{task}","time":"2026-02-01T10:00:00Z","dataschema":"urn:frigjort:schema:dk.frigjort.task.{what}.v1",'
    '"data":{{"authority":"{authority}","task":"{task}","revision":{revision},{rest}}}}}'
)
_REST = (
    '"task_type":"{task_type}","complexity":"{complexity}","started_at":"2026-01-01T00:00:00Z","completed_at":"2026-{day}T12:00:00Z",'
    '"active_ms":{active},"review_ms":0,"rework_ms":{rework},"time_basis":"measured","assistance":"draft",'
    '"assignment":"chosen","origin":"pre_existing","outcome":"completed","work":"core","audience":"citizen"'
)


def event(what: str = "completed", revision: int = 1, **fields: Any) -> bytes:
    """An event of task t-1 of the examples' authority, with other values for any of the fields named here."""
    known = {
        "id": f"t-1-{revision}",
        "source": "a",
        "task": "t-1",
        "authority": AUTHORITY,
        "day": "02-01",
        "rework": 0,
        "task_type": "kle:27.35.04",
        "complexity": "low",
        "active": 600_000,
        **fields,
    }
    rest = '"reason":"reported-in-error"' if what == "retracted" else _REST.format(**known)
    return _STATE.format(what=what, revision=revision, rest=rest, **known).encode()
