"""Apache Kafka's jars: fetched once by Maven (pom.xml), held against checksums.txt before anything runs them.

`python -m tests.brokers` fetches them; `make test` does so by itself."""

import hashlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
FOLDER: Final = HERE.parents[1] / ".frigjort-kafka"
"""Ignored by git: jars/, and archive.jsa, classes as the JVM can map them, which halves a start."""
REQUIRED: Final = "FRIGJORT_TEST_REQUIRE_KAFKA"
"""The variable under which a missing broker fails the run instead of skipping the tests that need it."""
_REMEDY: Final = "`make test` fetches Apache Kafka once with Maven (Debian: default-jre-headless, maven)"


class Missing(Exception):
    """Something that the broker needs is not on this machine: `str()` says what, and how to get it."""


class Altered(Exception):
    """A jar is not the one that was pinned."""


def checksums(file: Path = HERE / "checksums.txt") -> dict[str, str]:
    """The SHA-256 of each jar by its name, as sha256sum writes them."""
    lines = (line.split() for line in file.read_text(encoding="utf-8").splitlines())
    return {name: digest for digest, name in lines}


def check(folder: Path = FOLDER) -> list[Path]:
    """The pinned jars in their order. Raises `Missing` or `Altered`, each with the jar's name."""
    jars = []
    for name, digest in checksums().items():
        jar = folder / "jars" / name
        if not jar.exists():
            raise Missing(f"no Apache Kafka: {name} is not in {folder / 'jars'}; {_REMEDY}")
        found = hashlib.sha256(jar.read_bytes()).hexdigest()
        if found != digest:
            raise Altered(
                f"{jar} has SHA-256 {found}, pinned is {digest}: delete it here and in Maven's local repository, then run make again"
            )
        jars.append(jar)
    return jars


def java() -> str:
    """The Java that runs it. Raises `Missing`."""
    found = shutil.which("java")
    if found is None:
        raise Missing(f"no Java: `java` (17 or newer) is not on the PATH; {_REMEDY}")
    return found


@cache
def classpath() -> str:
    """All jars, checked once in this process. Raises `Missing` or `Altered`."""
    return os.pathsep.join(str(jar) for jar in check())


def is_required() -> bool:
    """Whether a missing broker fails the run."""
    return os.environ.get(REQUIRED, "") not in {"", "0"}


def fetch(folder: Path = FOLDER) -> None:
    """Copies the jars into the folder. Raises `Missing` or `Altered`."""
    java()
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing(f"no Maven: `mvn` is not on the PATH; {_REMEDY}")
    command = [maven, "--batch-mode", "--no-transfer-progress", "--quiet", "--file", str(HERE / "pom.xml")]
    command += ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder / 'jars'}"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    if ended.returncode != 0:
        raise Missing(f"no Apache Kafka: Maven could not fetch it ({(ended.stdout + ended.stderr).strip()[:500]})")
    check(folder)
