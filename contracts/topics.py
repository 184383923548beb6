"""Names and settings of the topics."""

from typing import Final

TASKS_PREFIX: Final = "frigjort.tasks.v1."
TASKS_PATTERN: Final = r"^frigjort\.tasks\.v1\.[1-9][0-9]{7}$"
BASELINES: Final = "frigjort.baselines.v1"
REJECTED: Final = "frigjort.rejected.v1"
SEALS: Final = "frigjort.seals.v1"

TASKS_CONFIG: Final = {
    "cleanup.policy": "delete",  # never compacted: every offset is a record
    "message.timestamp.type": "LogAppendTime",
    "retention.ms": str(14 * 24 * 3600 * 1000),  # short: it is the supplier's own bytes
}
BASELINES_CONFIG: Final = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"}
REJECTED_CONFIG: Final = {
    "cleanup.policy": "delete",
    "message.timestamp.type": "LogAppendTime",
    "retention.ms": str(90 * 24 * 3600 * 1000),
}
SEALS_CONFIG: Final = {
    "cleanup.policy": "delete",  # two checkpoints at one offset that differ are both kept
    "message.timestamp.type": "LogAppendTime",
    "retention.ms": "-1",  # for ever: 300 bytes an hour and partition
}


def tasks_topic(authority: str) -> str:
    """The topic that the authority with this CVR number writes to."""
    return TASKS_PREFIX + authority


def authority_of(topic: str) -> str:
    """The CVR number in the name of a tasks topic."""
    return topic.removeprefix(TASKS_PREFIX)
