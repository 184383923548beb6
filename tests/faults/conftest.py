"""One world for all scenarios, and the report of what they came to."""

import statistics
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.faults.verdict import table
from tests.faults.world import Scenario, World

_reported: list[Scenario] = []


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world with one broker."""
    request.getfixturevalue("kafka_jars")
    with World(Path(tmp_path_factory.mktemp("world"))) as started:
        yield started


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world with three brokers."""
    request.getfixturevalue("kafka_jars")
    with World(Path(tmp_path_factory.mktemp("cluster")), nodes=3) as started:
        yield started


@pytest.fixture
def scenario(world: World) -> Callable[..., AbstractContextManager[Scenario]]:
    """Runs a scenario in the world of one broker, or in the given one, and reports it."""

    @contextmanager
    def run(fault: str, events: int, *, among: World = world, **options: int) -> Iterator[Scenario]:
        with among.scenario(fault, events, **options) as running:
            _reported.append(running)
            yield running

    return run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A scenario may wait long for a recovery before it fails by its own words."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(400))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of all scenarios."""
    if not _reported:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line(table([row(scenario) for scenario in _reported]))


def row(scenario: Scenario) -> tuple[object, ...]:
    """A scenario as a line of the report."""
    result, seconds = scenario.result, scenario.recovered_seconds
    figures = ("?", "?", "?", "?")
    if result is not None:
        figures = (str(result.records), str(result.lost), str(result.doubled), str(sum(result.wrong.values())))
    times = (f"{statistics.median(seconds):.1f}", f"{max(seconds):.1f}") if seconds else ("", "")
    return (scenario.fault, scenario.times, *figures, *times)
