"""ClickHouse's HTTP interface: a request in, a statement run, an answer or a typed error out."""

import asyncio
import base64
import gzip
import hmac
import io
import json
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import lz4.frame
from backports import zstd
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from services.embedded.endpoint import statements
from services.embedded.endpoint.engine import Answer, EngineSession, Pool
from services.embedded.endpoint.errors import AUTHENTICATION_FAILED, BAD_ARGUMENTS, QueryError
from services.embedded.endpoint.query_log import Entry, QueryLog, now_text, shortened
from services.embedded.endpoint.settings import EndpointSettings
from services.embedded.endpoint.statements import Parser, Statement

_RESERVED: Final = frozenset(
    {
        *("query", "database", "default_format", "session_id", "session_timeout", "session_check", "query_id"),
        *("quota_key", "compress", "decompress", "wait_end_of_query", "client_protocol_version", "role"),
        *("buffer_size", "user", "password", "send_progress_in_http_headers", "http_headers_progress_interval_ms"),
        "enable_http_compression",
    }
)
_STREAMABLE: Final = frozenset(
    {"Native", "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "CSV", "JSONEachRow", "RowBinary"}
)
"""Formats whose blocks may stand one after another: the engine writes each block as a document of its own."""
_MAX_FORM_PART: Final = 64 * 1024 * 1024
_CONTENT_TYPES: Final = {"JSON": "application/json; charset=UTF-8", "JSONCompact": "application/json; charset=UTF-8"}


class EndpointMetrics:
    """The endpoint's metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.queries = Counter("frigjort_endpoint_queries", "Queries, by user", ["user", "kind"], registry=registry)
        self.errors = Counter("frigjort_endpoint_errors", "Failed queries, by code", ["code"], registry=registry)
        self.rows_written = Counter("frigjort_endpoint_rows_written", "Rows of inserts", registry=registry)
        self.seconds = Histogram("frigjort_endpoint_query_seconds", "Time of a query", ["kind"], registry=registry)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, understood."""

    user: str
    query_id: str
    statement: Statement
    data: bytes
    database: str
    output_format: str
    settings: dict[str, str]
    params: dict[str, str]


class HttpInterface:
    """Answers requests with the sessions of the user's kind."""

    def __init__(
        self,
        settings: EndpointSettings,
        writers: Pool,
        auditors: Pool,
        parser: Parser,
        log: QueryLog,
        metrics: EndpointMetrics,
    ) -> None:
        self._settings = settings
        self._pools = {settings.writer_user: writers, settings.auditor_user: auditors}
        self._passwords = {
            settings.writer_user: settings.writer_password.get_secret_value(),
            settings.auditor_user: settings.auditor_password.get_secret_value(),
        }
        self._parser = parser
        self._parsing = asyncio.Lock()
        self._log = log
        self._metrics = metrics

    async def ping(self, _: Request) -> Response:
        """As the server answers it."""
        return PlainTextResponse("Ok.\n")

    async def query(self, request: Request) -> Response:
        """One query."""
        started = perf_counter()
        user = ""
        try:
            user = self._authenticate(request)
            asked = await self._understand(request, user)
            return await self._answer(asked, started)
        except QueryError as error:
            return self._error(error, user, request.query_params.get("query", ""), started)

    def _authenticate(self, request: Request) -> str:
        user, password = _credentials(request)
        expected = self._passwords.get(user, "")
        if not (user in self._passwords and hmac.compare_digest(password.encode(), expected.encode())):
            raise QueryError.denied(
                AUTHENTICATION_FAILED,
                "AUTHENTICATION_FAILED",
                f"{user}: the password is wrong, or there is no such user",
            )
        return user

    async def _understand(self, request: Request, user: str) -> Asked:
        url = dict(request.query_params)
        body = b""
        if request.headers.get("content-type", "").startswith("multipart/form-data"):  # long parameters come as a form
            async with request.form(max_part_size=_MAX_FORM_PART) as form:
                url |= {name: value for name, value in form.items() if isinstance(value, str)}
        else:
            body = _decompress(await request.body(), request.headers.get("content-encoding", ""))
        text, data = _split(url.get("query", ""), body)
        if not text.strip():
            raise QueryError.denied(62, "SYNTAX_ERROR", "Syntax error: empty query")
        async with self._parsing:
            statement = await asyncio.to_thread(self._parser.parse, text)
        statements.refuse_session_statements(statement)
        settings = {
            name: value for name, value in url.items() if name not in _RESERVED and not name.startswith("param_")
        }
        named = url.get("default_format") or request.headers.get("x-clickhouse-format") or "TabSeparated"
        return Asked(
            user=user,
            query_id=url.get("query_id") or "",
            statement=statement,
            data=data,
            database=url.get("database") or request.headers.get("x-clickhouse-database") or self._settings.database,
            output_format=statement.output_format or named,
            settings=settings,
            params={name.removeprefix("param_"): value for name, value in url.items() if name.startswith("param_")},
        )

    async def _answer(self, asked: Asked, started: float) -> Response:
        pool = self._pools[asked.user]
        session = await asyncio.to_thread(pool.take)
        streaming = False
        try:
            await asyncio.to_thread(self._prepare, session, asked)
            if asked.statement.streams and asked.output_format in _STREAMABLE:
                blocks = session.stream(asked.statement.text, asked.output_format, asked.params)
                first = await asyncio.to_thread(next, blocks, b"")
                streaming = True
                headers = self._headers(asked, 0, 0)
                return StreamingResponse(
                    self._blocks(first, blocks, pool, session, asked, started), headers=headers, media_type="text/plain"
                )
            answer = await asyncio.to_thread(self._run, session, asked)
        finally:
            if not streaming:
                pool.give_back(session)
        self._note(asked, started, answer.rows_read, answer.rows_written)
        return Response(
            answer.body,
            headers=self._headers(asked, answer.rows_read, answer.rows_written),
            media_type=_CONTENT_TYPES.get(asked.output_format, "text/tab-separated-values; charset=UTF-8"),
        )

    def _prepare(self, session: EngineSession, asked: Asked) -> None:
        settings = asked.settings
        if asked.user == self._settings.auditor_user:
            settings = {name: value for name, value in settings.items() if name != "readonly"}
            statements.refuse_settings(settings)
            if asked.database not in {self._settings.database, "frigjort_log", "default"}:
                raise QueryError.denied(497, "ACCESS_DENIED", f"the auditor may not use database {asked.database}")
            session.prepare(self._settings.database if asked.database == "default" else asked.database, settings)
            statements.refuse_unless_reading(session, asked.statement, asked.params, self._settings.database)
        else:
            session.prepare(asked.database, settings)

    def _run(self, session: EngineSession, asked: Asked) -> Answer:
        statement = asked.statement
        if statement.kind == "INSERT" and statement.output_format and asked.data.strip():
            return session.insert(statement.without_format, statement.output_format, asked.data)
        return session.run(statement.text, asked.output_format, asked.params)

    async def _blocks(
        self, first: bytes, blocks: Iterator[bytes], pool: Pool, session: EngineSession, asked: Asked, started: float
    ) -> AsyncIterator[bytes]:
        """The answer's blocks. An error in the middle breaks the connection: a cut answer never looks whole."""
        try:
            block = first
            while block:
                yield block
                block = await asyncio.to_thread(next, blocks, b"")
            self._note(asked, started, 0, 0)
        finally:
            await asyncio.shield(asyncio.to_thread(_finish, blocks, pool, session))

    def _headers(self, asked: Asked, rows_read: int, rows_written: int) -> dict[str, str]:
        summary = {"read_rows": str(rows_read), "written_rows": str(rows_written), "result_rows": str(rows_written)}
        return {
            "X-ClickHouse-Server-Display-Name": "frigjort-embedded",
            "X-ClickHouse-Query-Id": asked.query_id,
            "X-ClickHouse-Format": asked.output_format,
            "X-ClickHouse-Timezone": "UTC",
            "X-ClickHouse-Summary": json.dumps(summary),
        }

    def _note(self, asked: Asked, started: float, rows_read: int, rows_written: int) -> None:
        elapsed = perf_counter() - started
        kind = asked.statement.kind
        self._metrics.queries.labels(asked.user, kind).inc()
        self._metrics.rows_written.inc(rows_written)
        self._metrics.seconds.labels(kind).observe(elapsed)
        self._log.add(
            Entry(
                now_text(), asked.user, asked.query_id, kind, int(elapsed * 1000), rows_read, rows_written, 0,
                shortened(asked.statement.sql),
            )
        )  # fmt: skip

    def _error(self, error: QueryError, user: str, query: str, started: float) -> Response:
        self._metrics.errors.labels(str(error.code)).inc()
        elapsed = int((perf_counter() - started) * 1000)
        known = user if user in self._passwords else ""
        kind = query.split(maxsplit=1)[0].upper()[:16] if query.strip() else ""
        self._log.add(Entry(now_text(), known, "", kind, elapsed, 0, 0, error.code, ""))
        headers = {
            "X-ClickHouse-Exception-Code": str(error.code),
            "X-ClickHouse-Server-Display-Name": "frigjort-embedded",
        }
        return PlainTextResponse(error.message + "\n", status_code=error.status, headers=headers)


def _finish(blocks: Iterator[bytes], pool: Pool, session: EngineSession) -> None:
    close = getattr(blocks, "close", None)
    if close is not None:
        close()
    pool.give_back(session)


def _credentials(request: Request) -> tuple[str, str]:
    headers = request.headers
    if "x-clickhouse-user" in headers:
        return headers["x-clickhouse-user"], headers.get("x-clickhouse-key", "")
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            return "", ""
        return user, password
    return request.query_params.get("user", "default"), request.query_params.get("password", "")


def _decompress(body: bytes, encoding: str) -> bytes:
    try:
        match encoding.lower():
            case "" | "identity":
                return body
            case "lz4":
                with lz4.frame.open(io.BytesIO(body)) as frames:  # one or several
                    return bytes(frames.read())
            case "zstd":
                return zstd.decompress(body)
            case "gzip":
                return gzip.decompress(body)
            case "deflate":
                return zlib.decompress(body)
    except (RuntimeError, ValueError, EOFError, OSError, zlib.error, zstd.ZstdError) as error:
        raise QueryError.denied(BAD_ARGUMENTS, "BAD_ARGUMENTS", f"the body is not {encoding}: {error}") from error
    raise QueryError.denied(BAD_ARGUMENTS, "BAD_ARGUMENTS", f"unknown Content-Encoding {encoding}")


def _split(query: str, body: bytes) -> tuple[str, bytes]:
    """The statement and its data: the query in the URL with the body as data, or both in the body."""
    if query:
        head = query.lstrip()[:6].upper()
        return (
            (query, body)
            if head == "INSERT" or not body.strip()
            else (query + "\n" + body.decode("utf-8", "replace"), b"")
        )
    if body.lstrip()[:6].upper() != b"INSERT":
        return body.decode("utf-8", "replace"), b""
    return _split_insert(body)


def _split_insert(body: bytes) -> tuple[str, bytes]:
    """An insert whose data follow in the body: after the format's name and a line end, or after VALUES, or it selects."""
    upper = body[:65_536].upper()
    values = upper.find(b"VALUES")
    named = upper.find(b" FORMAT ")
    if named >= 0 and (values < 0 or named < values):
        rest = body[named + 8 :].lstrip(b" ")
        name = rest.split(None, 1)[0]
        data = rest[len(name) :]
        return (body[:named] + b" FORMAT " + name).decode("utf-8", "replace"), data.lstrip(b" \r").removeprefix(b"\n")
    if values >= 0:
        return body[: values + 6].decode("utf-8", "replace"), body[values + 6 :]
    return body.decode("utf-8", "replace"), b""
