"""What a request says: a statement that the engine's own parser has read, or an insert whose data follow it.

Nothing here decides by looking for words in a text, with one exception: where the statement of an insert ends and its data
begin has to be found before the engine sees either, since the engine takes data that stand in a statement for more
statements as soon as they hold an empty line.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from services.embedded.endpoint.connection import Token
from services.embedded.endpoint.engine import Engine
from services.embedded.endpoint.errors import Code, QueryError

_BLANKS: Final = frozenset({"Whitespace", "Comment"})
_OPENING: Final = frozenset({"OpeningRoundBracket", "OpeningSquareBracket", "OpeningCurlyBrace"})
_CLOSING: Final = frozenset({"ClosingRoundBracket", "ClosingSquareBracket", "ClosingCurlyBrace"})
_NAMES: Final = frozenset({"BareWord", "QuotedIdentifier"})
_SESSION: Final = frozenset({"USE", "SET", "BEGIN", "COMMIT", "ROLLBACK"})
REMEMBERED: Final = 16_384
"""Characters of a statement that is remembered when it comes again; longer ones would fill the memory."""
_HEAD: Final = re.compile(
    rb"""(?P<blank>\s+|--[^\n]*|\#[ !][^\n]*|/\*.*?\*/)
    |(?P<quoted>'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*")
    |(?P<word>[A-Za-z_]\w*)|(?P<open>[(\[])|(?P<close>[)\]])|(?P<other>.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_MORE: Final = re.compile(
    rb"""(?>[^'";`]+|'(?:[^'\\]|\\.|'')*+'|"(?:[^"\\]|\\.)*+"|`(?:[^`\\]|\\.)*+`)*+;[\s;]*[^\s;]""", re.DOTALL
)
"""Rows of VALUES, a semicolon, and something after it."""
_DATA_AFTER_FORMAT: Final = re.compile(rb"[ \t\f]*\r?\n?")


@dataclass(frozen=True, slots=True)
class Insert:
    """An insert with data: the statement up to FORMAT or VALUES, the format, and the data that came with the statement."""

    statement: str
    input_format: str
    data: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One statement. `text` is what came, without what ends it, and is what runs: writing a statement anew can change what
    it means (IN with a parameter). `canonical` is the engine's writing of it, `kind` its first word, `tree` its syntax tree
    where there is one, `redirect_at` where its output's destination is named, in bytes."""

    text: str
    canonical: str
    kind: str
    only_reads: bool
    output_format: str
    tree: dict[str, Any] | None
    redirect_at: int | None

    def into(self, path: str, output_format: str) -> str:
        """The statement with its output going to a path. Only where `tree` is known."""
        text = self.text.encode()
        at = self.redirect_at if self.redirect_at is not None else len(text)
        rest = text[at:].decode() or f"FORMAT {output_format}"
        return f"{text[:at].decode()}\nINTO OUTFILE '{path}' TRUNCATE {rest}"


def insert_in(text: bytes) -> Insert | None:
    """The insert that a text begins with; none for other statements, and for inserts that select what they insert.

    Raises `QueryError` for one that reads a file of the server, or whose statement does not end.
    """
    depth, words, last = 0, 0, b""
    for found in _HEAD.finditer(text):
        kind = found.lastgroup
        if kind == "blank":
            continue
        depth += (kind == "open") - (kind == "close")
        token = found.group().upper() if kind == "word" else found.group()
        words += 1
        if words == 1 and token != b"INSERT":
            return None
        if kind == "word" and depth == 0 and last not in {b"INTO", b"TABLE", b"FUNCTION", b"."}:
            match token:
                case b"SELECT" | b"WITH":
                    return None
                case b"VALUES":
                    return Insert(_decoded(text[: found.start()]), "Values", text[found.end() :])
                case b"FORMAT":
                    return _formatted(text, found.start(), found.end())
                case b"INFILE":
                    raise QueryError.refused(Code.NOT_IMPLEMENTED, "FROM INFILE is for clients: send the data")
        if token == b";":
            raise QueryError.refused(Code.SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)")
        last = token
    return None


def refuse_more_after(values: bytes) -> None:
    """Raises `QueryError` where another statement follows the rows of VALUES: the engine would leave it out in silence."""
    if _MORE.match(values):
        raise QueryError.refused(Code.SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)")


def _formatted(text: bytes, begin: int, end: int) -> Insert:
    named = re.compile(rb"\s*(\w+)").match(text, end)
    if named is None:
        raise QueryError.refused(Code.SYNTAX_ERROR, "Syntax error: FORMAT without a name")
    blank = _DATA_AFTER_FORMAT.match(text, named.end())
    data = text[blank.end() :] if blank else b""
    return Insert(_decoded(text[:begin]), named.group(1).decode(), data)


def _decoded(text: bytes) -> str:
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        raise QueryError.refused(Code.BAD_ARGUMENTS, "The query is not UTF-8") from None
    if "\0" in decoded:  # what reads to a NUL and what reads past it would read two statements
        raise QueryError.refused(Code.SYNTAX_ERROR, "Syntax error: the query holds a NUL")
    return decoded


class Parser:
    """Reads statements with the engine's parser; what is asked again is remembered."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known = lru_cache(maxsize=512)(self._parse)

    def parse(self, text: bytes) -> Statement:
        """The one statement in a text. Raises `QueryError`: none, several, wrong, or one that needs a session."""
        decoded = _decoded(text)
        return self._known(decoded) if len(decoded) <= REMEMBERED else self._parse(decoded)

    def _parse(self, text: str) -> Statement:
        with self._engine.connect() as connection:
            found = connection.classify(text)
            if found.statements != 1:
                connection.canonical(text)  # raises what is wrong with it
                raise QueryError.refused(Code.SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)")
            tokens = [token for token in connection.tokens(text) if token.kind not in _BLANKS]
            while tokens and tokens[-1].kind in {"Semicolon", "EndOfStream"}:
                tokens.pop()
            encoded = text.encode()[: tokens[-1].end]
            plain = encoded.decode()
            words = [encoded[token.begin : token.end].decode("utf-8", "replace") for token in tokens]
            kind = next((word.upper() for word in words if word != "("), "")
            _refuse(kind, words, reads_or_inserts=kind in _READS, controls=found.controls)
            canonical = f"{kind} [hidden: it holds a secret]" if found.has_secrets else connection.canonical(plain)
            tree = _tree(connection.tree, plain) if found.only_reads else None
        named = _format_at(tokens, words)
        at = named if tree is None or "format_ast" in tree else None
        output_format = words[at + 1].strip('`"') if at is not None else ""
        return Statement(
            plain, canonical, kind, found.only_reads, output_format, tree, None if at is None else tokens[at].begin
        )


_READS: Final = frozenset({"SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK"})


def _refuse(kind: str, words: list[str], *, reads_or_inserts: bool, controls: bool) -> None:
    if kind in _SESSION or (kind == "CREATE" and "TEMPORARY" in {word.upper() for word in words[1:4]}):
        raise QueryError.refused(
            Code.NOT_IMPLEMENTED,
            f"{kind} needs a session, and there are none here: put settings and database into the URL",
        )
    if reads_or_inserts and controls:
        raise QueryError.refused(Code.ACCESS_DENIED, "INTO OUTFILE is not allowed")


def _tree(parse: Any, text: str) -> dict[str, Any] | None:
    try:
        tree: dict[str, Any] = parse(text)
    except QueryError as error:
        if error.code == Code.BAD_ARGUMENTS:  # a kind of statement that has none
            return None
        raise
    except RecursionError:
        return None
    return tree


def _format_at(tokens: list[Token], words: list[str]) -> int | None:
    """The index of the word FORMAT that names the output format; none where the statement names none."""
    depth = 0
    found = None
    for at, (token, word) in enumerate(zip(tokens, words, strict=True)):
        depth += (token.kind in _OPENING) - (token.kind in _CLOSING)
        follows = tokens[at + 1].kind in _NAMES if at + 1 < len(tokens) else False
        if depth == 0 and follows and token.kind == "BareWord" and word.upper() == "FORMAT" and words[at - 1] != ".":
            found = at
    return found
