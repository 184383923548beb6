"""ClickHouse's HTTP interface: a request in, a statement run, an answer or a typed error out."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import perf_counter_ns
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Send
from starlette.types import Scope as Connected

from services.embedded.endpoint.auditor import Auditor
from services.embedded.endpoint.auth import Accounts
from services.embedded.endpoint.connection import NOTHING, Answer
from services.embedded.endpoint.engine import Engine, Scope
from services.embedded.endpoint.errors import Code, QueryError
from services.embedded.endpoint.inserts import Insertion
from services.embedded.endpoint.metrics import EndpointMetrics
from services.embedded.endpoint.query_log import Entry, QueryLog
from services.embedded.endpoint.reads import Reading
from services.embedded.endpoint.request import Asked, understand
from services.embedded.endpoint.results import BrokenOff, ClientGone, Reply
from services.embedded.endpoint.settings import EndpointSettings
from services.embedded.endpoint.statements import Insert, Parser, Statement

SERVER: Final = "frigjort-embedded"
_NETWORK_ERROR: Final = 210


@dataclass(slots=True)
class Noted:
    """What the log and the metrics will say of a request."""

    started_ns: int
    user: str = ""
    query_id: str = ""
    kind: str = ""
    query: str = ""
    code: int = 0
    answer: Answer = NOTHING

    @property
    def elapsed_ns(self) -> int:
        """Time since it came."""
        return perf_counter_ns() - self.started_ns


class HttpInterface:
    """Answers requests, each on a connection of its own to the engine; so many at once of each user."""

    def __init__(self, engine: Engine, settings: EndpointSettings, log: QueryLog, metrics: EndpointMetrics) -> None:
        self._engine = engine
        self._settings = settings
        self._log = log
        self._metrics = metrics
        self._accounts = Accounts(settings)
        self._parser = Parser(engine)
        self._auditor = Auditor(engine, settings)
        self._slots = {
            False: asyncio.Semaphore(settings.writer_queries),
            True: asyncio.Semaphore(settings.auditor_queries),
        }

    async def __call__(self, scope: Connected, receive: Receive, send: Send) -> None:
        """One request."""
        request = Request(scope, receive)
        if request.method != "POST" and not scope["query_string"]:
            await PlainTextResponse("Ok.\n")(scope, receive, send)
            return
        noted = Noted(perf_counter_ns())
        try:
            user = self._accounts.authenticate(request.headers, request.query_params)
            noted.user = user.name
            asked = await understand(request, user, self._engine, self._settings)
            noted.query_id = asked.query_id
            reply = Reply(send, asked.encoding, self._settings.stalled_client_seconds)
            with self._metrics.running.labels(user.name).track_inprogress():
                async with self._slots[user.audits]:
                    noted.answer = await self._answer(asked, noted, receive, reply)
        except QueryError as error:
            noted.code = error.code
            await self._refuse(error, noted, Reply(send, "", self._settings.stalled_client_seconds))
        except BrokenOff as error:
            noted.code = error.code
        except (ClientDisconnect, ClientGone):
            noted.code = _NETWORK_ERROR
        finally:
            self._note(noted)

    async def _answer(self, asked: Asked, noted: Noted, receive: Receive, reply: Reply) -> Answer:
        if asked.insert is not None:
            noted.kind = "INSERT"
            answer = await self._insert(asked, asked.insert)
            noted.query = f"{asked.insert.statement.strip()} FORMAT {asked.insert.input_format}"
            await reply.whole(200, self._headers(noted, answer), b"")
            return answer
        statement = await asyncio.to_thread(self._parser.parse, asked.text)
        noted.kind, noted.query = statement.kind, statement.canonical
        scope = await asyncio.to_thread(self._scope, asked, statement)
        output_format = statement.output_format or asked.default_format
        if statement.tree is None:
            answer = await asyncio.to_thread(self._run, scope, statement.text, output_format)
            shown = output_format if statement.only_reads or answer.body else ""
            await reply.whole(200, self._headers(noted, answer, shown), answer.body)
            return answer
        headers = partial(self._headers, noted, output_format=output_format)
        spool = self._settings.data_path if asked.buffered else None
        reading = Reading(self._engine, scope, statement, output_format, asked.mark, headers, spool)
        return await reading.serve(reply, receive)

    def _scope(self, asked: Asked, statement: Statement | None) -> Scope:
        """What the user may do with this statement, or with an insert. Raises `QueryError`."""
        mark = {"log_comment": asked.mark} if "log_comment" not in asked.settings else {}
        if not asked.user.audits:
            if statement is None and asked.only_reads:
                raise QueryError.refused(Code.READONLY, "Cannot insert in readonly mode: GET implies it, use POST")
            return Scope(asked.database, {**asked.settings, **mark}, asked.params, 2 if asked.only_reads else 0)
        if statement is None:
            raise QueryError.refused(Code.READONLY, "The auditor may read and nothing else")
        permitted = self._auditor.permit(statement)
        settings = self._auditor.settings(asked.settings) | permitted.settings
        database = self._auditor.database(asked.database)
        return Scope(database, {**mark, **settings}, asked.params, permitted.readonly)

    def _run(self, scope: Scope, sql: str, output_format: str) -> Answer:
        with self._engine.connect(scope) as connection:
            return connection.run(sql, output_format)

    async def _insert(self, asked: Asked, insert: Insert) -> Answer:
        insertion = Insertion(self._engine, self._scope(asked, None), insert, asked.body)
        answer = None
        try:
            while answer is None:
                chunks = None if asked.body.ended else await asked.body.read(self._settings.insert_piece_bytes)
                answer = await asyncio.to_thread(insertion.step, chunks)
        finally:
            if answer is None:
                await asyncio.to_thread(insertion.close)
        return answer

    def _headers(self, noted: Noted, answer: Answer, output_format: str = "") -> dict[str, str]:
        summary = {
            "read_rows": answer.rows_read,
            "read_bytes": answer.bytes_read,
            "written_rows": answer.rows_written,
            "written_bytes": answer.bytes_written,
            "total_rows_to_read": 0,
            "result_rows": answer.result_rows,
            "result_bytes": 0,
            "elapsed_ns": noted.elapsed_ns,
        }
        content_type = self._engine.content_types.get(output_format)
        shown = {"X-ClickHouse-Format": output_format} if content_type else {}
        return {
            "Content-Type": content_type or "text/plain; charset=UTF-8",
            "X-ClickHouse-Server-Display-Name": SERVER,
            "X-ClickHouse-Query-Id": noted.query_id,
            **shown,
            "X-ClickHouse-Timezone": self._engine.timezone,
            "X-ClickHouse-Summary": json.dumps({name: str(value) for name, value in summary.items()}),
        }

    async def _refuse(self, error: QueryError, noted: Noted, reply: Reply) -> None:
        headers = {**self._headers(noted, noted.answer), "X-ClickHouse-Exception-Code": str(error.code)}
        if error.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
        with suppress(ClientGone):
            await reply.whole(error.status, headers, f"{error.message}\n".encode())

    def _note(self, noted: Noted) -> None:
        kind = self._metrics.kind(noted.kind)
        self._metrics.queries.labels(noted.user, kind).inc()
        self._metrics.seconds.labels(kind).observe(noted.elapsed_ns / 1e9)
        if noted.code:
            self._metrics.errors.labels(str(noted.code)).inc()
        self._metrics.rows_read.inc(noted.answer.rows_read)
        self._metrics.rows_written.inc(noted.answer.rows_written)
        self._log.add(
            Entry(
                user=noted.user,
                query_id=noted.query_id,
                kind=kind,
                duration_ms=noted.elapsed_ns // 1_000_000,
                rows_read=noted.answer.rows_read,
                rows_written=noted.answer.rows_written,
                exception_code=noted.code,
                query=noted.query,
            )
        )
