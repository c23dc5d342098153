"""One HTTP/1.1 connection: requests are answered one after the other, with a deadline and a bound in every state.

The states, and what ends them:

- IDLE: nothing of a request has come. The first must begin within HEAD_SECONDS, each later one within KEEP_ALIVE_SECONDS.
- HEAD, BODY: what arrives has the bounds and the time that `reader` gives it.
- WAITING: whoever answers ends it. Requests that come meanwhile wait; nothing is read while any waits.
- WRITING: the client must read at the pace at which it must send. What it has not read counts as bytes of requests.
- CLOSING: the last answer is out. What still comes is discarded for LINGER_SECONDS, since a client that is still sending would lose the answer.

Source: RFC 9112; RFC 9110, section 10.1.1 (Expect).
"""

import asyncio
import time
from collections import deque
from enum import Enum, auto
from functools import partial
from typing import cast

from modelway_server.http.owner import Owner
from modelway_server.http.reader import HEAD_SECONDS, Reader
from modelway_server.http.replies import RETRY_AFTER, Reply, error_body, response
from modelway_server.http.request import Request
from modelway_server.http.unread import WRITE_SECONDS, Unread
from modelway_server.prediction.alarm import Alarm

KEEP_ALIVE_SECONDS = 90.0
"""Longer than the 60 s after which proxies close idle connections: they close first, and no request is lost."""
LINGER_SECONDS = 2.0
LARGE_ANSWER_BYTES = 64 * 1024
"""An answer from which on it matters whether its client reads it."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NEVER = float("inf")


class State(Enum):
    """Where a connection stands; see the module."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    WAITING = auto()
    WRITING = auto()
    CLOSING = auto()


class Connection(asyncio.Protocol):
    """One connection.

    Args:
        owner: that accepted it.
        loop: that calls it.
    """

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop) -> None:
        self._owner = owner
        self._application = owner.application
        self._loop = loop
        self._transport: asyncio.Transport
        self._reader = Reader(self, owner.known_heads)
        self._active_at = time.monotonic()
        self._is_silent = True
        self._alarm = Alarm(self._end_late, loop)
        # the requests that are answered
        self._current: Request | None = None
        self._queue: deque[Request] = deque()
        self._is_answering = False
        self._reading_paused = False
        self._final: Reply | None = None
        # the answer that is written
        self._unread = Unread(owner.charge)
        self._written: tuple[Request, Reply, bool] | None = None
        self._closed_at = 0.0
        self._closing_until: float | None = None
        self._lost = False

    @property
    def state(self) -> State:
        """Where it stands."""
        if self._closing_until is not None:
            return State.CLOSING
        if self._written is not None or self._unread.is_much:
            return State.WRITING
        if self._reader.in_body:
            return State.BODY
        if self._current is not None:
            return State.WAITING
        return State.HEAD if self._reader.in_head else State.IDLE

    @property
    def waits_since(self) -> tuple[bool, float] | None:
        """Whether a part of a request is here, and since when its client owes the rest; None where the client owes nothing."""
        match self.state:
            case State.IDLE:
                return False, self._active_at
            case State.HEAD | State.BODY:
                return True, self._reader.since
        return None

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock of a connection that may never send anything; refuse it if there are too many."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has its methods, and is none
        refusal = self._owner.admit(self)
        if refusal is not None:
            self._write_final(Reply(503, error_body(refusal), RETRY_AFTER), linger=False)
        self._watch_clock()

    def data_received(self, data: bytes) -> None:
        """Read what has come."""
        if self._closing_until is not None:
            return
        now = self._active_at = time.monotonic()
        self._is_silent = False
        self._reader.feed(data, now)
        if self._reader.deadline is not None:
            self._watch_clock()

    def eof_received(self) -> bool:
        """The client sends nothing more: it has gone."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (as asyncio calls it)
        """The connection has ended: whoever answers need not go on."""
        self._lost = True
        self._alarm.cancel()
        self._unread.end()
        self._drop_requests()
        self._owner.release(self)

    def pause_writing(self) -> None:
        """The client does not read."""
        self._unread.begin(self._transport.get_write_buffer_size(), time.monotonic())
        self._watch_clock()

    def resume_writing(self) -> None:
        """The client has read most of it."""
        self._unread.end()
        if self._written is not None:
            self._end_written()
        else:
            self._answer_next()

    # what the owner calls

    def drain(self) -> None:
        """End the connection once no request is here."""
        if self.state is State.IDLE:
            self._close()

    def abort(self) -> None:
        """End the connection now."""
        self._transport.abort()

    # what the reader calls

    def take_head(self, request: Request) -> None:
        """A head has come: its request waits for its turn."""
        if self._current is None and not self._unread.is_much:
            self._current = request
        else:
            self._queue.append(request)
        self._application.begin(request)
        if request is self._current:
            self._invite(request)

    def take_request(self, request: Request) -> None:
        """A request has come: answer it when its turn comes."""
        if request is self._current:
            self._answer(request)
        else:
            self._pause_reading()

    def take_refusal(self, reply: Reply) -> None:
        """Refuse what has come, once all requests before it are answered, and close."""
        last = self._queue[-1] if self._queue else self._current
        if last is not None and not last.keep_alive:
            return  # what follows the last request of a connection is nobody's
        self._final = reply
        self._pause_reading()
        self._answer_next()

    # answering

    def _invite(self, request: Request) -> None:
        """Ask for a body that its client holds back, unless the request is refused."""
        if request.head.expects_continue and request.failure is None and request.version == "1.1":
            self._transport.write(_CONTINUE)

    def _answer(self, request: Request) -> None:
        def respond(reply: Reply) -> None:
            self._respond(request, reply)

        self._application.answer(request, respond)

    def _respond(self, request: Request, reply: Reply) -> None:
        if request is not self._current or self._closing_until is not None:
            return
        is_ending = self._application.draining or self._owner.is_closing
        close = is_ending or reply.close or not (request.keep_alive and request.complete)
        lines = self._owner.common_headers(is_foreign=reply.is_foreign)
        content = response(reply, lines, close=close, body=request.method != b"HEAD")
        if len(content) < LARGE_ANSWER_BYTES:
            self._application.note_sent(request, reply)  # whoever has the answer finds it counted
            self._application.once_published(partial(self._write_answer, request, content, close=close))
            return
        self._transport.write(content)
        self._written = request, reply, close
        self._loop.call_soon(self._look_at_written, request)  # the loop sends before it calls this

    def _write_answer(self, request: Request, content: bytes, *, close: bool) -> None:
        if request is self._current and not self._lost:
            self._transport.write(content)
            self._end_answer(request, close=close)

    def _look_at_written(self, request: Request) -> None:
        if self._written is not None and self._written[0] is request and not self._unread.is_much:
            self._end_written()

    def _end_written(self) -> None:
        assert self._written is not None
        (request, reply, close), self._written = self._written, None
        self._application.note_sent(request, reply)
        self._end_answer(request, close=close)

    def _end_answer(self, request: Request, *, close: bool) -> None:
        self._active_at = time.monotonic()
        self._current = None
        if close:
            self._close(linger=not request.complete)
        elif self._queue or self._final is not None or self._reading_paused:
            self._answer_next()

    def _answer_next(self) -> None:
        """Answer the requests that wait, one after the other, until one of them is not answered at once."""
        if self._is_answering:
            return
        self._is_answering = True
        try:
            while self._queue and self._can_answer():
                request = self._current = self._queue.popleft()
                if request.is_ready:
                    self._answer(request)
                else:
                    self._invite(request)
        finally:
            self._is_answering = False
        if self._current is not None:
            if not self._current.is_ready:
                self._resume_reading()
        elif self._can_answer():
            if self._final is None:
                self._resume_reading()
            else:
                self._write_final(self._final, linger=True)

    def _can_answer(self) -> bool:
        return self._current is None and not self._unread.is_much and self._closing_until is None

    # ending

    def _write_final(self, reply: Reply, *, linger: bool) -> None:
        self._transport.write(response(reply, self._owner.common_headers(), close=True))
        self._close(linger=linger)

    def _close(self, *, linger: bool = False) -> None:
        self._reader.is_over = True
        self._drop_requests()
        self._closed_at = time.monotonic()
        self._closing_until = self._closed_at + LINGER_SECONDS
        if linger and self._transport.can_write_eof():
            self._transport.write_eof()
            self._resume_reading()
        else:
            self._transport.close()
        self._watch_clock()

    def _pause_reading(self) -> None:
        if not self._reading_paused and self._closing_until is None:
            self._reading_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()

    def _drop_requests(self) -> None:
        """Have nobody work on what is not answered."""
        requests = [*([] if self._current is None else [self._current]), *self._queue]
        self._current = self._written = None
        self._queue.clear()
        for request in requests:
            self._application.abandon(request)

    # the clock

    def _watch_clock(self) -> None:
        if not self._lost:
            self._alarm.set(self._deadline())

    def _deadline(self) -> float:
        if self._closing_until is not None:
            return self._closing_until
        if self._unread.is_much:
            return self._unread.deadline
        if self._reader.deadline is not None:
            return self._reader.deadline
        if self._current is not None or self._queue:
            return _NEVER
        return self._active_at + (HEAD_SECONDS if self._is_silent else KEEP_ALIVE_SECONDS)

    def _end_late(self) -> None:
        """End what has passed its deadline."""
        now = time.monotonic()
        if now < self._deadline():
            self._alarm.set(min(self._deadline(), now + KEEP_ALIVE_SECONDS))
            return
        match self.state:
            case State.HEAD | State.BODY:
                self._reader.end_late(now)
                self._watch_clock()
            case State.WRITING if self._unread.keeps_pace(self._transport.get_write_buffer_size(), now):
                self._watch_clock()
            case State.CLOSING if self._may_still_send():
                self._closing_until = now + LINGER_SECONDS
                self._watch_clock()
            case State.IDLE:
                self._close()
            case _:
                self._transport.abort()

    def _may_still_send(self) -> bool:
        """Whether a part of the last answer has not left, and has time to."""
        return self._transport.get_write_buffer_size() > 0 and time.monotonic() < self._closed_at + WRITE_SECONDS
