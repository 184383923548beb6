"""What must be true of an installation: pure verdicts on what its neighbours answered."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from contracts import topics
from contracts.codes import Violation
from contracts.events import RegistryEvent
from contracts.reading import STRUCTURED_HEADERS, Record, read
from services.domain.match import Registry, TwoContentsForOneGenerationError
from services.runtime.errors import FrigjortError, Halt, Misconfigured, Retry
from services.runtime.migrations import Standing

LONGEST_PUBLICATION: Final = timedelta(minutes=1)
OLDEST_CLICKHOUSE: Final = (25, 8)
"""The release that docker-compose.yml names; older ones were not tried."""


class State(StrEnum):
    """The verdict of a check. `NOT_CHECKED`: something that it needs is not there."""

    OK = "ok"
    PROBLEM = "problem"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found. `cause`: what is so, in words; `remedy` is empty where nothing is to be done."""

    state: State
    cause: str
    remedy: str = ""


def ok(cause: str) -> Finding:
    """All is well."""
    return Finding(State.OK, cause)


def problem(cause: str, remedy: str) -> Finding:
    """Something is wrong."""
    return Finding(State.PROBLEM, cause, remedy)


def of_error(error: FrigjortError) -> Finding:
    """A neighbour's error as a problem with its remedy."""
    match error:
        case Halt():
            return problem(error.reason, error.remedy)
        case Misconfigured():
            return problem(error.setting, error.remedy)
        case Retry():
            return problem(str(error), f"start {error.neighbour}, or correct its address in the settings")
        case _:
            return problem(str(error), "see the log of the process")


def topics_exist(existing: set[str], authorities: Iterable[str]) -> Finding:
    """The topics of the registry, of dead letters and of seals, and one for each authority."""
    wanted = [topics.BASELINES, topics.REJECTED, topics.SEALS, *map(topics.tasks_topic, authorities)]
    missing = [name for name in wanted if name not in existing]
    if missing:
        return problem(f"missing: {', '.join(missing)}", "run `frigjort topics`")
    return ok(f"{len(wanted)} topics")


def cleanup_policies(configs: Mapping[str, Mapping[str, str]]) -> Finding:
    """The registry's topic is compacted, no other one: there every offset is a record."""
    wrong = []
    for name, config in sorted(configs.items()):
        policy = set(re.split(r"[\s,]+", config.get("cleanup.policy", "delete")))
        wanted = {"compact"} if name == topics.BASELINES else {"delete"}
        if policy != wanted:
            wrong.append(f"{name} has {'+'.join(sorted(policy))}, not {'+'.join(wanted)}")
    remedy = "set cleanup.policy of the topic with your Kafka tools: gaps of a compacted input cannot be told from loss"
    return _unless(wrong, f"{len(configs)} topics", remedy)


def transactions(ends: Mapping[tuple[str, int], int], stable: Mapping[tuple[str, int], int]) -> Finding:
    """No transaction is open in an input topic. `stable`: the ends for readers of committed ones, asked after the others."""
    wrong = [
        f"{name}/{number} from offset {stable[name, number]}"
        for name, number in sorted(ends)
        if stable.get((name, number), 0) < ends[name, number]
    ]
    remedy = "have the source send without transactions, and forbid them (docs/operating.md): their markers are gaps"
    return _unless([f"open in {', '.join(wrong)}"] if wrong else [], f"none is open in {len(ends)} partitions", remedy)


def timestamp_types(configs: Mapping[str, Mapping[str, str]]) -> Finding:
    """Records carry the broker's time, not their producer's."""
    wrong = [
        f"{name} has {config.get('message.timestamp.type', 'no setting')}"
        for name, config in sorted(configs.items())
        if config.get("message.timestamp.type") != "LogAppendTime"
    ]
    return _unless(wrong, "LogAppendTime everywhere", "set message.timestamp.type=LogAppendTime of the topic")


def clickhouse_version(version: str) -> Finding:
    """Not older than what this release was made for."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST_CLICKHOUSE:
        oldest = ".".join(map(str, OLDEST_CLICKHOUSE))
        return problem(f"version {version} is older than {oldest}", f"upgrade ClickHouse to {oldest} or newer")
    return ok(f"version {version}")


def migrations_current(standing: Mapping[str, Standing]) -> Finding:
    """Every migration of this release is applied, unchanged, and no other one."""
    wrong = {name: state for name, state in standing.items() if state != Standing.APPLIED}
    if not wrong:
        return ok(f"{len(standing)} applied")
    if set(wrong.values()) == {Standing.PENDING}:
        remedy = "run `frigjort migrate`"
    elif Standing.UNKNOWN in wrong.values():
        remedy = "run the release that made this schema, or a newer one"
    else:
        remedy = "restore the file as it was applied; put changes into a new file"
    return problem("; ".join(f"{name} is {state}" for name, state in wrong.items()), remedy)


def insert_settings(wanted: Mapping[str, object], effective: Mapping[str, str]) -> Finding:
    """What the collector asks for with each insert is what the server does."""
    wrong = [
        f"{name} is {effective[name]}, not {value}"
        for name, value in wanted.items()
        if name in effective and effective[name] != str(value)
    ]
    return _unless(wrong, "inserts are acknowledged when stored", "let the writer's profile change these settings")


def durable_tables(engines: Mapping[str, str]) -> Finding:
    """The tables that offsets are committed for are on disk when an insert is acknowledged."""
    wrong = [
        f"{table}: {setting} is not 1"
        for table, engine in sorted(engines.items())
        for setting in ("fsync_after_insert", "fsync_part_directory")
        if f"{setting} = 1" not in engine
    ]
    return _unless(wrong, ", ".join(sorted(engines)), "ALTER TABLE … MODIFY SETTING … = 1")


def registry_agrees(stored: Iterable[bytes], told: Iterable[bytes]) -> Finding:
    """What ClickHouse keeps can be read, is the same that Kafka tells, and no generation has two contents."""
    try:
        known = Registry().apply(map(_registry_event, stored))
        topic = Registry().apply(map(_registry_event, told))
        known.apply(topic.heard.values())
    except Violation as violation:
        return problem(f"an event breaks the contract: {violation}", "find out who else writes to the registry's topic")
    except TwoContentsForOneGenerationError as error:
        return problem(str(error), "find out who wrote the second; there is one registry writer")
    untold = len(known.heard.keys() - topic.heard.keys())
    unknown = len(topic.heard.keys() - known.heard.keys())
    if unknown:
        return problem(f"{unknown} events of the topic are not in ClickHouse", "find out who else writes to the topic")
    if untold:
        return problem(f"{untold} events are stored and not in the topic", "run `frigjort topics`")
    return ok(
        f"generation {known.generation}, {len(known.baselines())} baselines, {len(known.authorities())} authorities"
    )


class _Named(msgspec.Struct):
    subject: str = ""


def _registry_event(payload: bytes) -> RegistryEvent:
    """Raises `Violation`."""
    try:
        key = msgspec.json.decode(payload, type=_Named).subject
    except msgspec.DecodeError:
        key = ""
    return read(Record(topics.BASELINES, key.encode(), STRUCTURED_HEADERS, payload)).event  # type: ignore[return-value]


def writers(claims: Mapping[str, datetime], now: datetime) -> Finding:
    """Nobody claims to write to the registry for longer than a publication takes."""
    old = [holder for holder, since in claims.items() if now - since > LONGEST_PUBLICATION]
    remedy = "once its process is gone: `frigjort registry unlock …`"
    return _unless([f"{holder} claims to write for over a minute" for holder in old], "none is stuck", remedy)


def log_bindings(bound: Mapping[str, tuple[int, set[str]]], ids: Mapping[str, str]) -> Finding:
    """Each authority's topic is the incarnation that its newest log number means."""
    wrong = []
    for name, topic_id in sorted(ids.items()):
        log_no, known = bound.get(name, (0, set()))
        if not log_no:
            wrong.append(f"{name} is bound to no log number")
        elif known != {topic_id}:
            wrong.append(f"{name} is another incarnation than log {log_no}")
    return _unless(wrong, f"{len(ids)} topics", "run `frigjort authorities rebind --cvr …`, once you know why")


def readiness(url: str, status: int, problems: Iterable[str]) -> Finding:
    """A process's own verdict at /readyz; status 0: no answer."""
    if status == 200:
        return ok(url)
    said = "; ".join(problems) or ("no answer" if status == 0 else f"status {status}")
    return problem(f"{url}: {said}", "follow the text; for no answer see the log of the process and start it again")


def _unless(wrong: list[str], well: str, remedy: str) -> Finding:
    return problem("; ".join(wrong), remedy) if wrong else ok(well)
