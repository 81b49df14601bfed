"""uvicorn's HTTP protocol, whose response to what is no HTTP is a problem like every other error."""

from __future__ import annotations

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from coverfusion.experiments.service.problems import MEDIA_TYPE, Problem


class ProblemProtocol(H11Protocol):
    """Pure Python on purpose: next to a model its parsing costs nothing."""

    def send_400_response(self, msg: str) -> None:
        """Answers and closes the connection."""
        headers = [("content-type", MEDIA_TYPE), ("connection", "close")]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=bytes(Problem("bad-request", msg).response().body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event))
        self.transport.close()
