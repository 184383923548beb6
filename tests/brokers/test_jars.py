"""A broker that cannot be had: what needs it is skipped and says what is missing, or fails where it must be had. A jar that
is not the pinned one is never run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.brokers import jars

NEEDS_KAFKA = "tests/brokers/test_brokers.py::test_ready_means_ready"


def _run(path: Path, required: str, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": str(path), jars.REQUIRED: required}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=jars.HERE.parents[1],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def copy(kafka_jars: None, tmp_path: Path) -> Path:
    """A folder of its own with all jars."""
    assert kafka_jars is None
    (tmp_path / "jars").mkdir()
    for jar in jars.check():
        (tmp_path / "jars" / jar.name).symlink_to(jar)
    return tmp_path


def test_without_java_it_is_skipped_counted_and_says_why(tmp_path: Path) -> None:
    ended = _run(tmp_path, "", "pytest", "-p", "no:cacheprovider", NEEDS_KAFKA)
    assert ended.returncode == 0, ended.stdout
    assert "1 skipped" in ended.stdout
    assert "no Java: `java` (17 or newer) is not on the PATH" in ended.stdout


def test_without_java_it_fails_where_it_must_be_had(tmp_path: Path) -> None:
    ended = _run(tmp_path, "1", "pytest", "-p", "no:cacheprovider", NEEDS_KAFKA)
    assert ended.returncode == 1
    assert "1 error" in ended.stdout
    assert "no Java: `java` (17 or newer) is not on the PATH" in ended.stdout
    assert f"({jars.REQUIRED} is set)" in ended.stdout


@pytest.mark.parametrize(("required", "code"), [("", 0), ("1", 1)])
def test_fetching_without_maven(tmp_path: Path, required: str, code: int) -> None:
    (tmp_path / "java").symlink_to(shutil.which("true") or "")
    ended = _run(tmp_path, required, "tests.brokers")
    assert ended.returncode == code
    assert "no Maven: `mvn` is not on the PATH" in ended.stderr


def test_the_run_of_a_new_machine_requires_it() -> None:
    lines = (jars.HERE.parents[1] / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert f"export {jars.REQUIRED}=1" in lines
    assert lines[-2:] == ["make test", "make test-faults"]


def test_a_missing_jar_is_named(copy: Path) -> None:
    name = next(iter(jars.checksums()))
    (copy / "jars" / name).unlink()
    with pytest.raises(jars.Missing, match=name):
        jars.check(copy)


def test_an_altered_jar_is_named(copy: Path) -> None:
    jar = copy / "jars" / next(iter(jars.checksums()))
    changed = jar.read_bytes() + b"\0"
    jar.unlink()
    jar.write_bytes(changed)
    with pytest.raises(jars.Altered, match=jar.name):
        jars.check(copy)


def test_a_jar_that_is_not_pinned_is_not_run(copy: Path) -> None:
    (copy / "jars" / "another.jar").touch()
    assert [jar.name for jar in jars.check(copy)] == list(jars.checksums())


def test_the_checksums_are_of_the_version_that_is_fetched() -> None:
    pom = (jars.HERE / "pom.xml").read_text(encoding="utf-8")
    versions = {
        name.removeprefix("kafka_2.13-").removesuffix(".jar") for name in jars.checksums() if "kafka_2.13" in name
    }
    assert all(f"<version>{version}</version>" in pom for version in versions)
    assert len(versions) == 1
