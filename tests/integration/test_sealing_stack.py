"""`frigjort audit seal` and `verify` on a real stack: checkpoints go to Kafka and into a file, and show what ClickHouse alone cannot."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tenacity import retry, stop_after_delay, wait_fixed
from typer.testing import CliRunner

from contracts import topics
from services.audit.seals.clickhouse import SealStore
from services.audit.seals.copies import FileCopies
from services.audit.seals.kafka import KafkaCopies
from services.audit.seals.sealing import Copies, Sealer, Standing
from services.cli.main import app
from services.domain.chain import HOUR_MS, REGISTRY
from services.runtime.clock import now_ms
from tests.integration.conftest import AUTHORITY, OTHER, Running
from tests.integration.reconciling import metric, reconciled, send

RUN = CliRunner()
TOPIC = topics.tasks_topic(AUTHORITY)
VERIFIED, TAMPERED = 0, 7


def audit(running: Running, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the answer."""
    result = RUN.invoke(app, ["audit", *arguments, "--json", "--data", str(running.stack.data)])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, json.loads(result.stdout)


def three_hours_later(running: Running, file: Path) -> list[Standing]:
    """What a sealer does then."""
    copies: list[Copies] = [KafkaCopies(running.stack.kafka_settings()), FileCopies(file)]
    return Sealer(SealStore(running.client()), copies, lambda: now_ms() + 3 * HOUR_MS).run()


def _young_records_are_not_sealed(running: Running) -> None:
    code, answer = audit(running, "seal")
    assert code == 0
    by_topic = {each["topic"]: each for each in answer["partitions"]}
    assert by_topic.keys() == {topics.BASELINES, TOPIC, topics.tasks_topic(OTHER)}
    assert {(each["why"], each["made"], each["sealed"]) for each in by_topic.values()} == {("young", 0, None)}
    code, answer = audit(running, "verify", "--from-kafka")
    assert (code, answer["verified"], answer["seals"], answer["partitions"]) == (VERIFIED, True, 0, 3)


def _what_is_due_is_sealed_published_and_verified(running: Running, file: Path) -> None:
    standings = three_hours_later(running, file)
    kept = FileCopies(file).read()
    assert sum(standing.made for standing in standings) == len(kept) >= 3
    assert KafkaCopies(running.stack.kafka_settings()).read() == kept
    code, answer = audit(running, "verify", "--from-kafka", "--checkpoints", str(file))
    assert (code, answer["findings"], answer["seals"]) == (VERIFIED, [], len(kept))
    assert answer["checkpoints_from_elsewhere"] == len(kept)
    assert answer["rows"] >= running.value("SELECT count() FROM dispositions")
    shown(running, running.value("SELECT sum(last_offset) FROM checkpoints"))


@retry(stop=stop_after_delay(30), wait=wait_fixed(0.3), reraise=True)
def shown(running: Running, sealed_offsets: int) -> None:
    """The progress service sees the seals, and found nothing to seal itself."""
    assert metric(running, "sealed_offset") == sealed_offsets
    assert metric(running, "two_chains") == 0
    assert metric(running, "unsealed_seconds") == 0


def _the_auditor_takes_a_bundle_along(running: Running, file: Path, folder: Path) -> None:
    code, manifest = audit(running, "bundle", str(folder))
    assert (code, manifest["totals"]["tasks"]) == (0, running.value("SELECT count() FROM task_measurements"))
    command = [sys.executable, "-I", str(folder / "verify.py"), "--json", "--checkpoints", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["findings"], answer["totals"]) == (0, [], manifest["totals"])
    assert answer["counts"]["records"] == running.value("SELECT count() FROM dispositions")


def _seals_that_are_gone_are_missed_by_whoever_kept_them(running: Running, file: Path) -> None:
    running.client().command(f"ALTER TABLE seals DELETE WHERE topic = '{TOPIC}'", settings={"mutations_sync": 1})
    assert audit(running, "verify")[0] == VERIFIED  # ClickHouse alone cannot know: these records are young
    for how in (("--from-kafka",), ("--checkpoints", str(file))):
        code, answer = audit(running, "verify", "--cvr", AUTHORITY, *how)
        assert (code, {found["kind"] for found in answer["findings"]}) == (TAMPERED, {"seal_missing"})
    assert audit(running, "verify", "--cvr", OTHER, "--from-kafka")[0] == VERIFIED


def _a_payload_that_was_changed_is_named(running: Running) -> None:
    ((offset,),) = running.rows(f"SELECT max(offset) FROM events WHERE topic = '{TOPIC}'")
    running.client().command(
        f"ALTER TABLE records UPDATE payload = concat(payload, ' ') WHERE topic = '{TOPIC}' AND offset = {offset}",
        settings={"mutations_sync": 1},
    )
    code, answer = audit(running, "verify", "--topic", TOPIC)
    assert (code, answer["found"]) == (TAMPERED, 1)
    (found,) = answer["findings"]
    assert (found["kind"], found["table"], found["offset"]) == ("altered", "records", offset)
    assert found["coordinate"] == f"1/{TOPIC}/0/{offset}"


@pytest.mark.timeout(240)
def test_what_was_sealed_and_published_shows_what_was_changed(
    start_stack: Callable[..., Running], tmp_path: Path
) -> None:
    running = start_stack(environment={"FRIGJORT_PROGRESS_SEAL_INTERVAL_SECONDS": "1"})
    send(running, 1_000)
    assert reconciled(running, "--wait", "60")[0] == 0
    _young_records_are_not_sealed(running)
    _what_is_due_is_sealed_published_and_verified(running, tmp_path / "seals.jsonl")
    _the_auditor_takes_a_bundle_along(running, tmp_path / "seals.jsonl", tmp_path / "bundle")
    _seals_that_are_gone_are_missed_by_whoever_kept_them(running, tmp_path / "seals.jsonl")
    _a_payload_that_was_changed_is_named(running)
    assert REGISTRY in {each.place for each in three_hours_later(running, tmp_path / "more.jsonl")}
