"""The exit codes of every command. They do not change."""

from enum import IntEnum


class ExitCode(IntEnum):
    """0 is success; 1 the answer is no; 2 the command was called wrongly; 3 a neighbour is away; 4 a promise would break;
    5 records are not stored as they must be; 6 all is well so far, and something is still waiting; 7 what is stored is not what
    was stored."""

    OK = 0
    NO = 1
    USAGE = 2
    AWAY = 3
    HALTED = 4
    NOT_WHOLE = 5
    WAITING = 6
    ALTERED = 7
