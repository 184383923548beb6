"""One world for all scenarios, and the report of what they came to."""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.scenario import Scenario, Scenarios, scenario_in
from tests.faults.verdict import table
from tests.faults.world import World

FAULT = "fault"
"""The property of a test that holds a line of the report: it comes from whatever worker ran it."""


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
def scenario(request: pytest.FixtureRequest, world: World) -> Scenarios:
    """Runs a scenario in the world of the module, or in the given one, and reports it."""

    @contextmanager
    def run(fault: str, events: int, *, among: World = world, **options: int) -> Iterator[Scenario]:
        begun: list[Scenario] = []
        try:
            with scenario_in(among, fault, events, **options) as running:
                begun.append(running)
                yield running
        finally:
            request.node.user_properties.extend((FAULT, row(each)) for each in begun)

    return run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A scenario may wait long for a recovery before it fails by its own words."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(400))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of all scenarios."""
    called = [
        report
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
    ]
    rows = [value for report in called for name, value in report.user_properties if name == FAULT]
    if rows:
        terminalreporter.section("faults")
        terminalreporter.write_line(table(rows))


def row(scenario: Scenario) -> tuple[str, ...]:
    """A scenario as a line of the report."""
    result, seconds = scenario.result, scenario.recovered_seconds
    figures = ("?", "?", "?", "?")
    if result is not None:
        figures = (str(result.records), str(result.lost), str(result.doubled), str(sum(result.wrong.values())))
    times = (f"{statistics.median(seconds):.1f}", f"{max(seconds):.1f}") if seconds else ("", "")
    return (scenario.fault, str(scenario.times), *figures, *times)
