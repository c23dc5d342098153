"""One revision as a replay asks it: by its Service, on connections that are kept."""

import asyncio
import json
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from modelway_server.prediction.held_bytes import HeldBytes
from modelway_server.replay.rows import Question
from modelway_server.traffic.client import Busy, Client, Unreachable
from modelway_server.traffic.incoming import SECONDS_HEADER, request_bytes
from modelway_server.traffic.tally import Outcome, Verdict, verdict_of
from modelway_server.traffic.wire import BrokenOff, CandidateAnswer, TooLarge

LARGEST_ANSWER: Final = 32 << 20
METADATA_SECONDS: Final = 10.0
AGAIN_SECONDS: Final = 0.25
"""When a revision is tried again that could not be reached."""
TRIES: Final = 4
"""How often a request is sent to a revision that cannot be reached, or has no room."""
_ROUTE: Final = b"/invocations"


class Address(NamedTuple):
    """Where the Service of a revision answers.

    Attributes:
        host: an IP address.
        port: of the Service.
        revision: the hash of the revision, which every answer must name.
    """

    host: str
    port: int
    revision: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class DirectConnector:
    """Opens connections by itself: there are no walls around this process.

    Args:
        address: to which.
    """

    def __init__(self, address: Address) -> None:
        self._address = address

    async def connect(self) -> socket.socket:
        """See `traffic.connector.Connector`."""
        family = socket.AF_INET6 if ":" in self._address.host else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.settimeout(0)
        try:
            await asyncio.get_running_loop().sock_connect(connection, (self._address.host, self._address.port))
        except BaseException:
            connection.close()
            raise
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


class Missed(Exception):
    """A revision did not see a request, however often it was tried: that says nothing of it."""


class Arm:
    """Asks one revision.

    Args:
        address: where it answers.
        key: by which the servers know that another one asks.
    """

    def __init__(self, address: Address, key: str) -> None:
        self.address = address
        self._key = key
        self._client = Client(DirectConnector(address), LARGEST_ANSWER, address.revision, HeldBytes(2 * LARGEST_ANSWER))

    async def inputs(self, name: str, seconds: float) -> Sequence[Mapping[str, Any]]:
        """What the revision takes, as its metadata has it; nothing where that cannot be read.

        Args:
            name: of the model.
            seconds: for which it is tried.

        Raises:
            Missed: it cannot be reached.
        """
        request = b"GET /v2/models/%b HTTP/1.1\r\nhost: replay\r\n\r\n" % name.encode()
        end = time.monotonic() + seconds
        while True:
            try:
                answer = await self._client.send((request,), METADATA_SECONDS)
                return _inputs_of(answer)
            except (Unreachable, Busy, BrokenOff, TooLarge, TimeoutError) as error:
                if time.monotonic() > end:
                    raise Missed from error
                await asyncio.sleep(AGAIN_SECONDS)

    async def ask(self, question: Question, seconds: float) -> Outcome:
        """What the revision makes of a request in so many seconds, by the words of `traffic.tally`.

        Raises:
            Missed: it cannot be reached, or had no room.
        """
        headers = {b"content-type": question.content_type}
        content = request_bytes(_ROUTE, headers, question.body, self._key, seconds)
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(AGAIN_SECONDS)
            begun = time.monotonic()
            try:
                answer = await self._client.send(content, seconds)
            except (Unreachable, Busy):
                continue
            except TimeoutError:
                return Outcome(Verdict.LATE, seconds)
            except (BrokenOff, TooLarge):
                return Outcome(Verdict.FAILED, seconds)
            verdict = verdict_of(answer)
            if verdict is not Verdict.BUSY:
                return Outcome(verdict, _seconds_of(answer, time.monotonic() - begun), answer)
        raise Missed

    def close(self) -> None:
        """Keep no connection."""
        self._client.close()


def _seconds_of(answer: CandidateAnswer, waited: float) -> float:
    """How long an answer took, without the way where it says so."""
    try:
        return float(answer.headers.get(SECONDS_HEADER, b""))
    except ValueError:
        return waited


def _inputs_of(answer: CandidateAnswer) -> Sequence[Mapping[str, Any]]:
    try:
        inputs = json.loads(answer.body)["inputs"]
        return [dict(each) for each in inputs]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
