"""Event histories for load: what goes right and everything that goes wrong, seeded, as bytes ready for Kafka, in a stream.

The demo's simulator (`services/cli/demo/case_systems.py`) shows what authorities would send; this one is made to break the
fold: the same seed and count always give the same messages, whatever was generated before. Rates are in `FATES`.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Final

from contracts import topics
from contracts.examples import AUTHORITY, Example, invalid
from contracts.identifiers import is_cvr
from contracts.reading import STRUCTURED_HEADERS

Message = tuple[str, bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]
"""Topic, key, value, headers."""

DAYS: Final = 90
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
KINDS: Final = (
    *(
        (b"kle:27.35.04", b"low"),
        (b"kle:27.35.04", b"medium"),
        (b"kle:27.35.04", b"high"),
        (b"kle:32.18.04-G01", b"medium"),
    ),
    *((b"form:44.20.05", b"low"), (b"local:borgerhenvendelse", b"low"), (b"local:uden-grundlag", b"unspecified")),
)
"""Task types and complexities; nobody has a baseline for the last."""

FATES: Final = {
    "completed": 82.0,
    "corrected": 4.0,  # another day, task type and complexity
    "reopened": 2.0,  # cumulative rework, twice
    "retracted": 1.5,
    "retracted_and_reported_again": 0.5,
    "retracted_at_the_same_revision": 0.5,
    "out_of_order": 2.0,  # corrections before what they correct
    "duplicate": 2.5,  # the same event at another coordinate, at once or much later
    "same_id_other_content": 0.5,
    "same_revision_other_content": 0.5,
    "binary": 1.0,
    "heartbeat": 0.5,
    "invalid": 2.5,
}
"""Of a hundred histories, how many are of which kind."""

_HOLD: Final = 5_000
"""How many messages later the follow-up of a history may come."""
_DAYS: Final = [(START + timedelta(days=day)).strftime("%Y-%m-%d").encode() for day in range(DAYS)]
_SECONDS: Final = [b"%02d:%02d:%02d" % (s // 3600, s // 60 % 60, s % 60) for s in range(86_400)]
_EVENT: Final = (
    b'{"specversion":"1.0","id":"%b","source":"/load/casesystem-%d","type":"dk.frigjort.task.%b.v1","subject":"%b",'
    b'"partitionkey":"%b","time":"%bT23:59:59.999Z","datacontenttype":"application/json",'
    b'"dataschema":"urn:frigjort:schema:dk.frigjort.task.%b.v1","data":%b}'
)
_STATE: Final = (
    b'{"authority":"%b","task":"%b","revision":%d,"task_type":"%b","complexity":"%b","started_at":"%bT%b.%03dZ",'
    b'"completed_at":"%bT23:59:%02d.%03dZ","active_ms":%d,"review_ms":%b,"rework_ms":%b,%b}'
)
_RETRACTION: Final = b'{"authority":"%b","task":"%b","revision":%d,"reason":"reported-in-error"}'
_AI: Final = b',"ai":{"gen_ai.provider.name":"load","gen_ai.request.model":"load-1","gen_ai.usage.output_tokens":250}'


def authorities(count: int) -> list[str]:
    """The first `count` CVR numbers that pass the check, from that of the contract's examples on."""
    numbers = (str(number) for number in range(int(AUTHORITY), 100_000_000) if is_cvr(str(number)))
    return [next(numbers) for _ in range(count)]


def _traits(chance: Random) -> bytes:
    """How a task was done, as the end of its data."""
    assistance = chance.choice(["none", "none", "suggestion", "draft", "draft", "decision_support", "automation"])
    basis = chance.choices(["measured", "elapsed", "self_reported"], [80, 15, 5])[0]
    outcome = chance.choices(["completed", "abandoned", "escalated"], [96, 3, 1])[0]
    origin = chance.choices(["pre_existing", "induced"], [98, 2])[0]
    arm = chance.choices(["", "control", "treatment"], [90, 5, 5])[0]
    parts = {
        "time_basis": basis,
        "assistance": "none" if arm == "control" else assistance,
        "assignment": "random" if arm else chance.choice(["eligible", "chosen"]),
        "origin": origin,
        "outcome": outcome,
        "work": chance.choice(["administrative", "core"]),
        "audience": chance.choice(["citizen", "business", "internal"]),
        **({"arm": arm, "assigned_at": "2025-12-31T08:00:00+01:00"} if arm else {}),
        **({"study": "trial-1", "stratum": "s-1"} if arm and chance.random() < 0.3 else {}),
        **({"cluster": f"c-{chance.randrange(40)}", "cluster_kind": "team"} if chance.random() < 0.8 else {}),
    }
    text = ",".join(f'"{name}":"{value}"' for name, value in parts.items()).encode()
    return text + (b"" if parts["assistance"] == "none" else _AI)


class _Task:
    """One task and the states it goes through."""

    __slots__ = ("authority", "chance", "day", "kind", "name", "source", "traits")

    def __init__(self, name: bytes, authority: bytes, chance: Random, traits: Sequence[bytes]) -> None:
        self.name, self.authority, self.chance = name, authority, chance
        bits = chance.getrandbits(48)
        self.day = bits % DAYS
        self.kind = (bits >> 8) % len(KINDS)
        self.source = (bits >> 16) & 3
        self.traits = traits[(bits >> 20) % len(traits)]

    def state(self, what: bytes, revision: int, event_id: bytes = b"", rework: bytes = b"0") -> bytes:
        """A completed, corrected or reopened event, with times of its own."""
        return self._event(what, event_id or b"%b-%d" % (self.name, revision), self.data(revision, rework))

    def data(self, revision: int, rework: bytes = b"0") -> bytes:
        """The data of a state."""
        bits = self.chance.getrandbits(64)
        day, kind = _DAYS[self.day], KINDS[self.kind]
        active = bits % 7_200_000
        review = b"null" if bits & 0x3F0000000 == 0 else b"%d" % ((bits >> 32) % 600_000)
        return _STATE % (
            *(self.authority, self.name, revision, *kind, day, _SECONDS[(bits >> 40) % 80_000], (bits >> 8) % 1000),
            *(day, (bits >> 20) % 60, (bits >> 24) % 1000, active, review, rework, self.traits),
        )

    def retraction(self, revision: int) -> bytes:
        data = _RETRACTION % (self.authority, self.name, revision)
        return self._event(b"retracted", b"%b-%dr" % (self.name, revision), data)

    def moved(self) -> "_Task":
        """The same task on another day, of another type and complexity."""
        bits = self.chance.getrandbits(16)
        self.day = bits % DAYS
        self.kind = (bits >> 8) % len(KINDS)
        return self

    def _event(self, what: bytes, event_id: bytes, data: bytes) -> bytes:
        return _EVENT % (event_id, self.source, what, self.name, self.name, _DAYS[self.day], what, data)

    def binary(self) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
        """A completed event in binary mode: value and headers."""
        attributes = {
            "specversion": b"1.0",
            "id": self.name + b"-1",
            "source": b"/load/casesystem-%d" % self.source,
            "type": b"dk.frigjort.task.completed.v1",
            "subject": self.name,
            "partitionkey": self.name,
            "time": _DAYS[self.day] + b"T12:00:00Z",
            "dataschema": b"urn:frigjort:schema:dk.frigjort.task.completed.v1",
        }
        headers = tuple((f"ce_{name}", value) for name, value in attributes.items())
        return self.data(1), (("content-type", b"application/json"), *headers)


def messages(count: int, seed: int, among: Sequence[str]) -> Iterator[Message]:
    """`count` messages of the histories of as many tasks as it takes, over the topics of these authorities.

    Where the count cuts a history off, its later events are not sent.
    """
    chance = Random(seed)
    traits = [_traits(chance) for _ in range(512)]
    bad = [example for example in invalid() if example.record.topic.startswith(topics.TASKS_PREFIX)]
    places = [(authority.encode(), topics.tasks_topic(authority)) for authority in among]
    fates, weights = list(FATES), list(accumulate(FATES.values()))
    held: list[list[Message]] = [[] for _ in range(_HOLD)]
    sent = number = 0
    drawn: list[str] = []
    while sent < count:
        if not drawn:
            drawn = chance.choices(fates, cum_weights=weights, k=1_000)
        fate = drawn.pop()
        authority, topic = places[chance.getrandbits(30) % len(places)]
        task = _Task(b"t%d-%d" % (seed, number), authority, chance, traits)
        number += 1
        if fate == "completed":
            history: list[Message] = [(topic, task.name, task.state(b"completed", 1), STRUCTURED_HEADERS)]
        else:
            history = _history(fate, task, topic, bad)
        now, *later = history
        for message in (now, *held[number % _HOLD]):
            yield message
            sent += 1
            if sent == count:
                return
        held[number % _HOLD].clear()
        for message in later:
            delay = 1 if chance.random() < 0.5 else chance.randrange(1, _HOLD)
            held[(number + delay) % _HOLD].append(message)


def _history(fate: str, task: _Task, topic: str, bad: Sequence[Example]) -> list[Message]:
    """The messages of one history; the first is sent now, each other one some time later."""
    name = task.name
    if fate == "invalid":
        record = bad[task.chance.randrange(len(bad))].of(task.authority.decode()).record
        return [(topic, record.key, record.value, record.headers)]
    if fate == "binary":
        value, headers = task.binary()
        return [(topic, name, value, headers)]
    if fate == "heartbeat":
        return [(topic, task.authority, _heartbeat(task), STRUCTURED_HEADERS)]
    return [(topic, name, value, STRUCTURED_HEADERS) for value in _values(fate, task)]


def _values(fate: str, task: _Task) -> list[bytes]:
    first = task.state(b"completed", 1)
    match fate:
        case "corrected":
            values = [first, task.moved().state(b"corrected", 2)]
        case "reopened":
            values = [first, task.state(b"reopened", 2, rework=b"300000"), task.state(b"reopened", 3, rework=b"900000")]
        case "retracted":
            values = [first, task.retraction(2)]
        case "retracted_and_reported_again":
            values = [task.retraction(2), first, task.moved().state(b"corrected", 3)]
        case "retracted_at_the_same_revision":
            values = [task.retraction(1), first]
        case "out_of_order":
            values = [task.moved().state(b"corrected", 3), task.state(b"reopened", 2, rework=b"60000"), first]
        case "duplicate":
            values = [first, first, first]
        case "same_id_other_content":
            values = [first, task.moved().state(b"corrected", 2, event_id=task.name + b"-1")]
        case "same_revision_other_content":
            values = [first, task.moved().state(b"completed", 1, event_id=task.name + b"-1b")]
        case _:
            raise ValueError(f"no such fate: {fate}")
    return values


def _heartbeat(task: _Task) -> bytes:
    event = _EVENT.replace(b"dk.frigjort.task", b"dk.frigjort.source")
    data = b'{"authority":"%b","since":"2026-01-01T00:00:00Z","at":"2026-03-01T00:00:00Z","sent":%d}'
    sent = data % (task.authority, task.chance.getrandbits(20))
    beat = (b"heartbeat-" + task.name, task.source, b"heartbeat", task.authority, task.authority, _DAYS[task.day])
    return event % (*beat, b"heartbeat", sent)
