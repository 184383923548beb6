"""The error tree.

FrigjortError
├── Retry           the world is away (a broker, a database): wait and try the same again
├── Halt            a promise would break: stop this part, say why and how to mend it
├── Refused         a rule says no to what was asked: nothing was done
└── Misconfigured   a setting is wrong: the process ends with exit code 2 before it touches anything

A record's own fault is no error of the program: `contracts.codes.Violation`.
"""

from dataclasses import dataclass


class FrigjortError(Exception):
    """Every error that this project raises on purpose."""


@dataclass(eq=False)
class Retry(FrigjortError):
    """The world is away. `neighbour` names what did not answer, `cause` says how."""

    neighbour: str
    cause: str

    def __str__(self) -> str:
        return f"{self.neighbour} is away: {self.cause}"


@dataclass(eq=False)
class Halt(FrigjortError):
    """A promise would break. `what` is stopped, `reason` says why, `remedy` how to mend it."""

    what: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what} is halted: {self.reason}. Remedy: {self.remedy}"


@dataclass(eq=False)
class Refused(FrigjortError):
    """A rule says no to what was asked, and nothing was done. `what` is refused, `reason` says by which rule, `remedy`
    what can be done instead."""

    what: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what} is refused: {self.reason}. Remedy: {self.remedy}"


@dataclass(eq=False)
class Misconfigured(FrigjortError):
    """A setting is wrong or unknown."""

    setting: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.setting}: {self.remedy}"
