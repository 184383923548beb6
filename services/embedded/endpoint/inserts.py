"""An insert with data: handed to the engine piece by piece, stored as a whole or not at all while it is one block."""

from collections.abc import Iterable

from services.embedded.endpoint.bodies import Body
from services.embedded.endpoint.connection import Answer, Connection, Inserting
from services.embedded.endpoint.engine import Engine, Scope
from services.embedded.endpoint.statements import Insert, refuse_more_after


class Insertion:
    """One insert; its steps run in a thread, one after the other."""

    def __init__(self, engine: Engine, scope: Scope, insert: Insert, body: Body) -> None:
        self._engine = engine
        self._scope = scope
        self._insert = insert
        self._body = body
        self._connection: Connection | None = None
        self._inserting: Inserting | None = None
        self._values = b""

    def step(self, chunks: list[bytes] | None) -> Answer | None:
        """Takes the chunks of the body that were read last; `None` where it had ended before. The answer after the last.

        Raises `QueryError`.
        """
        if self._inserting is None:
            self._connection = self._engine.connect(self._scope)
            self._inserting = self._connection.insert(self._insert.statement, self._insert.input_format)
            self._add(self._inserting, [self._insert.data])
        if chunks is not None:
            self._add(self._inserting, self._body.decode(chunks))
        if not self._body.ended:
            return None
        refuse_more_after(self._values)
        self._inserting.add(self._values)
        answer = self._inserting.finish()
        self.close()
        return answer

    def _add(self, inserting: Inserting, data: Iterable[bytes]) -> None:
        """Rows of VALUES are looked at before the engine takes any; all else goes on at once."""
        for part in data:
            if self._insert.input_format == "Values":
                self._values += part
            else:
                inserting.add(part)

    def close(self) -> None:
        """Ends it; what is not finished is given up."""
        if self._inserting is not None:
            self._inserting.cancel()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
