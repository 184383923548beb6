"""An insert with data: handed to the engine piece by piece, stored as a whole or not at all while it is one block."""

from services.embedded.endpoint.bodies import Body
from services.embedded.endpoint.engine import Answer, Connection, Engine, Inserting, Scope
from services.embedded.endpoint.statements import Insert


class Insertion:
    """One insert; its steps run in a thread, one after the other."""

    def __init__(self, engine: Engine, scope: Scope, insert: Insert, body: Body) -> None:
        self._engine = engine
        self._scope = scope
        self._insert = insert
        self._body = body
        self._connection: Connection | None = None
        self._inserting: Inserting | None = None

    def step(self, piece: bytes | None) -> Answer | None:
        """Takes the piece of the body that was read last; none where the body had ended before. The answer after the last.

        Raises `QueryError`.
        """
        if self._inserting is None:
            self._connection = self._engine.connect(self._scope)
            self._inserting = self._connection.insert(self._insert.statement, self._insert.input_format)
            if self._insert.data:
                self._inserting.add(self._insert.data)
        data = self._body.decode(piece) if piece is not None else b""
        if data:
            self._inserting.add(data)
        if not self._body.ended:
            return None
        answer = self._inserting.finish()
        self.close()
        return answer

    def close(self) -> None:
        """Ends it; what is not finished is given up."""
        if self._inserting is not None:
            self._inserting.cancel()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
