"""The ways in which clients reach an endpoint."""

import base64
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import clickhouse_connect
import urllib3
from clickhouse_connect.driver.client import Client

from services.embedded.endpoint_process import EndpointProcess

WRITER, WRITER_PASSWORD = "frigjort_writer", "writer-secret-æ"
AUDITOR, AUDITOR_PASSWORD = "frigjort_auditor", "auditor-secret"
PASSWORDS = {WRITER: WRITER_PASSWORD, AUDITOR: AUDITOR_PASSWORD}


@dataclass(frozen=True)
class Answer:
    """An answer over plain HTTP."""

    status: int
    headers: Any
    body: bytes

    @property
    def code(self) -> int:
        return int(self.headers.get("X-ClickHouse-Exception-Code", 0))

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Reached:
    """A running endpoint."""

    process: EndpointProcess
    pool: urllib3.PoolManager

    @property
    def url(self) -> str:
        return self.process.url

    def ask(
        self,
        body: str | bytes | None = None,
        as_user: str = WRITER,
        method: str = "POST",
        headers: dict[str, str] | None = None,
        **url: Any,
    ) -> Answer:
        """One request, as little dressed up as can be."""
        data = body.encode() if isinstance(body, str) else body
        response = self.pool.request(
            method,
            f"{self.url}/?{urlencode(url)}" if url else f"{self.url}/",
            body=data,
            headers={**basic(as_user), **(headers or {})},
            timeout=60,
            retries=False,
            decode_content=False,
        )
        return Answer(response.status, response.headers, response.data)

    def curl(self, *arguments: str, user: str = AUDITOR) -> "subprocess.CompletedProcess[bytes]":
        """What a shell sees."""
        return subprocess.run(
            ["curl", "-sS", "-u", f"{user}:{PASSWORDS[user]}", *arguments], capture_output=True, timeout=30, check=False
        )

    def client(self, user: str = WRITER, **options: Any) -> Client:
        """The official client."""
        return clickhouse_connect.get_client(
            dsn=self.url, username=user, password=PASSWORDS[user], database="frigjort", **options
        )


def basic(user: str) -> dict[str, str]:
    """The header as curl and clickhouse-connect write it: UTF-8."""
    if not user:
        return {}
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{PASSWORDS[user]}".encode()).decode()}


def start(folder: Path, port: int = 0, **settings: str) -> EndpointProcess:
    """An endpoint over a folder."""
    process = EndpointProcess(
        folder / "data",
        WRITER_PASSWORD,
        AUDITOR_PASSWORD,
        folder / "endpoint.log",
        port,
        settings={"query_log_seconds": "0.2", **settings},
    )
    process.start()
    return process
