"""What a connection asks of whoever answers its requests."""

from collections.abc import Callable
from typing import Protocol

from modelway_server.http.replies import Reply
from modelway_server.http.request import Request

Respond = Callable[[Reply], None]
"""Takes the answer to one request."""


class Application(Protocol):
    """What answers requests."""

    @property
    def draining(self) -> bool:
        """Whether clients shall open another connection for their next request."""

    def begin(self, request: Request) -> None:
        """A head has arrived: say whether the body is wanted, or set why the request is refused."""

    def answer(self, request: Request, respond: Respond) -> None:
        """A request has arrived, or is refused: call `respond` once, now or later."""

    def note_sent(self, request: Request, reply: Reply) -> None:
        """The answer is on its way to the client."""

    def once_published(self, leave: Callable[[], None]) -> None:
        """Call `leave` once what `note_sent` counted can be read by everybody, now or soon."""

    def abandon(self, request: Request) -> None:
        """The client has gone."""
