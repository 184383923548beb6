"""What can be known of the deployment files without containers: they parse, and what they refer to exists."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from services.audit.seals.sealing import Standing
from services.collector.metrics import CollectorMetrics
from services.collector.settings import CollectorSettings
from services.domain.accounts import Account, Gaps, Log, Stored
from services.domain.chain import Checkpoint
from services.domain.conservation import Finding, Kind, Report
from services.domain.effect.drift import Drift
from services.domain.effect.waterfall import Step
from services.domain.figures.shapes import TOTAL, Counts, Figure, Scope
from services.progress.metrics import FigureMetrics, ProgressMetrics, RollupMetrics, SealMetrics
from services.progress.settings import ProgressSettings
from services.runtime.settings import ClickHouseSettings, KafkaSettings, Settings

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DASHBOARDS: list[dict[str, Any]] = [
    json.loads(file.read_text()) for file in sorted((ROOT / "deploy/grafana/dashboards").rglob("*.json"))
]
RULES: dict[str, Any] = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())
REPORT = Report(
    (Account(1, "topic", 0, Log(0, 9, 9, 7), Stored(0, 6, 4, 1, 1, 1, 3), Gaps(2, 1, ((2, 3),)), 2),),
    (Finding(Kind.COMPACTED, "topic", "cause", "remedy"),),
)
METRIC = re.compile(r"\bfrigjort_[a-z_]+")
STEPS = (Step("gross", 1, 0.0, 2.0), Step("adjusted", 1, 0.0, 2.0))
FIGURE = Figure(Scope("nation"), TOTAL, Counts(*[1] * 10), STEPS, "A", "C", Drift(1.0, 0.9, 1.1, 9), 0)
FIGURES = [FIGURE, replace(FIGURE, scope=Scope("authority", "10000009"))]


def _metric_names() -> set[str]:
    registry = CollectorRegistry()
    metrics = CollectorMetrics(registry)
    for labelled in (metrics.received, metrics.rejected, metrics.measurements, metrics.retries):
        labelled.labels("x")
    for by_partition in (metrics.lag, metrics.brake_engaged):
        by_partition.labels("x", "0")
    metrics.insert_seconds.labels("records")
    progress = ProgressMetrics(registry)
    progress.last.report = REPORT
    SealMetrics(registry).show([Standing((1, "topic", 0), Checkpoint(1, "topic", 0, 1, b"", 2, 3), 1, None)], 0)
    RollupMetrics(registry, lambda: 0.0).seconds.labels("sweep")
    FigureMetrics(registry).show(FIGURES)
    return set(METRIC.findall(generate_latest(registry).decode()))


def test_every_mounted_and_built_file_exists() -> None:
    for name, service in COMPOSE["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), (name, source)
            else:
                assert source in COMPOSE["volumes"], (name, source)
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).exists()
    for copied in re.findall(r"^COPY (?!--from)(\S+)", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE):
        assert (ROOT / copied).exists(), copied


def test_images_are_pinned_and_ports_are_local() -> None:
    for name, service in COMPOSE["services"].items():
        assert re.search(r":\d+\.\d+|:v\d+\.\d+", service["image"]), name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), (name, port)
        if name not in {"migrate", "topics"}:
            assert "healthcheck" in service, name
        for needed in service.get("depends_on", []):
            assert needed in COMPOSE["services"], (name, needed)


def test_every_setting_in_the_compose_file_is_known() -> None:
    groups: list[type[Settings]] = [CollectorSettings, ProgressSettings, ClickHouseSettings, KafkaSettings]
    known = {str(g.model_config.get("env_prefix", "")) + field.upper() for g in groups for field in g.model_fields}
    for name in ("migrate", "topics", "collector", "progress"):
        assert set(COMPOSE["services"][name]["environment"]) <= known


def test_every_variable_is_in_the_example() -> None:
    wanted = set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "docker-compose.yml").read_text()))
    given = set(re.findall(r"^([A-Z_]+)=", (ROOT / "deploy/example.env").read_text(), re.MULTILINE))
    assert wanted == given


def test_dashboards_and_alerts_use_metrics_that_exist() -> None:
    names = _metric_names()
    expressions = [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]
    panels = [panel for dashboard in DASHBOARDS for panel in dashboard["panels"]]
    expressions += [target["expr"] for panel in panels for target in panel["targets"] if "expr" in target]
    assert len(expressions) >= 40
    for expression in expressions:
        for name in METRIC.findall(expression):
            assert name in names, name


@pytest.mark.parametrize("file", sorted((ROOT / "deploy/grafana/provisioning").rglob("*.yml")), ids=lambda f: f.name)
def test_provisioning_parses_and_the_dashboard_uses_its_sources(file: Path) -> None:
    document = yaml.safe_load(file.read_text())
    assert document["apiVersion"] == 1
    for source in document.get("datasources", []):
        assert source["uid"] in json.dumps(DASHBOARDS)


def test_the_users_of_the_server_are_those_of_the_settings() -> None:
    users = ET.parse(ROOT / "deploy/clickhouse/users.d/frigjort.xml").getroot().find("users")
    assert users is not None
    assert {user.tag for user in users} == {"default", "frigjort_writer", "frigjort_auditor", "frigjort_sealer"}
    given = COMPOSE["services"]["clickhouse"]["environment"]
    for user in users:
        password = user.find("password")
        if password is not None:
            assert password.get("from_env") in given


def test_the_auditor_is_granted_every_view_and_nothing_else() -> None:
    users = ET.parse(ROOT / "deploy/clickhouse/users.d/frigjort.xml").getroot()
    granted = [query.text for query in users.findall("users/frigjort_auditor/grants/query")]
    assert sorted(map(str, granted)) == sorted(f"GRANT SELECT ON frigjort.{view}" for view in _views())


def test_the_sealer_may_write_seals_rollups_and_figures_and_nothing_else() -> None:
    users = ET.parse(ROOT / "deploy/clickhouse/users.d/frigjort.xml").getroot()
    granted = [str(query.text) for query in users.findall("users/frigjort_sealer/grants/query")]
    reading = {f"GRANT SELECT ON frigjort.{view}" for view in _views()}
    written = ("seals", "progress_daily", "progress_clusters", "unit_heads", "figures", "scenarios", "flag_counts")
    assert [grant for grant in granted if grant not in reading] == [
        f"GRANT INSERT ON frigjort.{name}" for name in written
    ]


def test_every_view_reads_with_the_rights_of_its_maker() -> None:
    for name, clause in _views().items():
        assert clause == "DEFINER = CURRENT_USER SQL SECURITY DEFINER", name


def _views() -> dict[str, str]:
    """The plain views of the migrations, each with what stands between its name and AS."""
    files = sorted((ROOT / "deploy/clickhouse/migrations").glob("*.sql"))
    found = re.findall(
        r"^CREATE (?:OR REPLACE )?VIEW (?:IF NOT EXISTS )?(\w+)\s*(.*?)\s*\bAS\b",
        "\n".join(file.read_text() for file in files),
        re.MULTILINE | re.DOTALL,
    )
    assert len(found) > 10
    return dict(found)
