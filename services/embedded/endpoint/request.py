"""A request, understood: its parameters, and the statement or insert that it carries."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_bytes, token_hex
from typing import Final
from uuid import UUID

from starlette.requests import Request

from services.embedded.endpoint.auth import User
from services.embedded.endpoint.bodies import Body, decoder, encoding_for
from services.embedded.endpoint.engine import Engine
from services.embedded.endpoint.errors import Code, QueryError
from services.embedded.endpoint.settings import EndpointSettings
from services.embedded.endpoint.statements import Insert, insert_in

_RESERVED: Final = frozenset(
    {
        *("query", "database", "default_format", "session_id", "session_timeout", "session_check", "query_id"),
        *("quota_key", "compress", "decompress", "wait_end_of_query", "client_protocol_version", "role"),
        *("buffer_size", "user", "password", "send_progress_in_http_headers", "http_headers_progress_interval_ms"),
        "enable_http_compression",
    }
)
"""Parameters of the interface; all others are settings of the query, but for `param_…`."""
_ON: Final = frozenset({"1", "true"})
_QUERY_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants. Either `insert` with data that `body` goes on with, or `text`. `mark` tells its query from all
    others inside the engine."""

    user: User
    query_id: str
    mark: str
    database: str
    settings: Mapping[str, str]
    params: Mapping[str, str]
    only_reads: bool
    default_format: str
    encoding: str
    buffered: bool
    text: bytes
    insert: Insert | None
    body: Body


async def understand(request: Request, user: User, engine: Engine, settings: EndpointSettings) -> Asked:
    """What a request wants; of an insert's data no more is read than came with its statement. Raises `QueryError`."""
    url = dict(request.query_params)
    headers = request.headers
    if headers.get("content-type", "").startswith("multipart/form-data"):
        url |= await _form(request, settings.max_query_bytes)
        body = Body(None, decoder("", engine.from_brotli))
    else:
        coding = decoder(headers.get("content-encoding", ""), engine.from_brotli)
        body = Body(request.stream(), coding)
    _refuse_unknown_ways(url)
    insert, text = await _statement(url.get("query", ""), body, settings.max_query_bytes)
    query_id = url.get("query_id") or str(UUID(bytes=token_bytes(16), version=4))
    if not _QUERY_ID.fullmatch(query_id):
        raise QueryError.refused(Code.BAD_ARGUMENTS, "query_id: up to 128 printable ASCII characters")
    compresses = url.get("enable_http_compression", "1") in _ON
    return Asked(
        user=user,
        query_id=query_id,
        mark=token_hex(8),
        database=url.get("database") or headers.get("x-clickhouse-database") or settings.database,
        settings={name: value for name, value in url.items() if name not in _RESERVED and name[:6] != "param_"},
        params={name[6:]: value for name, value in url.items() if name.startswith("param_")},
        only_reads=request.method != "POST",
        default_format=url.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated",
        encoding=encoding_for(headers.get("accept-encoding", "")) if compresses else "",
        buffered=url.get("wait_end_of_query", "0") in _ON,
        text=text,
        insert=insert,
        body=body,
    )


async def _statement(query: str, body: Body, limit: int) -> tuple[Insert | None, bytes]:
    """The insert, or else the text. A query in the URL stands before the body."""
    begin = query.encode()
    insert = insert_in(begin) if begin else None
    if insert is not None:
        return insert, b""
    if begin:
        begin += b"\n"
    while not body.ended:
        for part in body.decode(await body.read()):
            begin += part
            insert = insert_in(begin) if not query else None
            if len(begin) > limit and insert is None:
                raise QueryError.refused(Code.QUERY_IS_TOO_LARGE, f"The query is longer than {limit} bytes")
        if insert is not None:
            return insert, b""
    if not begin.strip():
        raise QueryError.refused(Code.SYNTAX_ERROR, "Syntax error: Empty query")
    return None, begin


async def _form(request: Request, limit: int) -> dict[str, str]:
    """The fields of a form: long queries and parameters. Tables as files are not known here."""
    async with request.form(max_part_size=limit) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        if len(fields) != len(form):
            raise QueryError.refused(Code.NOT_IMPLEMENTED, "External tables are not known here")
    return fields


def _refuse_unknown_ways(url: Mapping[str, str]) -> None:
    if url.get("compress") in _ON or url.get("decompress") in _ON:
        raise QueryError.refused(
            Code.NOT_IMPLEMENTED,
            "compress and decompress (ClickHouse's own framing) are not known here: use Content-Encoding, Accept-Encoding",
        )
    if url.get("role"):
        raise QueryError.refused(Code.SET_NON_GRANTED_ROLE, "There are no roles here but the two users")
