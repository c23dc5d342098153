"""Tell live watches from dead ones. There is one watch per kind and watched namespace, and it receives a bookmark every minute.

A quiet watch and a dead one look alike to whoever waits for events, so received bytes are counted. A dead watch is closed, and kopf opens
a new one. While that does not help, the cluster is listed every minute.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

DEAF_SECONDS = 240.0
"""How long a watch may receive nothing: bookmarks come every minute, and kopf gives up a silent connection after 70 s, so this is three of them."""

logger = logging.getLogger(__name__)


class Watch(NamedTuple):
    """One watch."""

    kind: str
    namespace: str
    """Empty where all are watched at once."""

    def __str__(self) -> str:
        return f"{self.kind} in {f'namespace {self.namespace}' if self.namespace else 'all namespaces'}"


class Stream(Protocol):
    """The answer to the request of a watch, as it comes in."""

    def received(self) -> int:
        """Bytes that have come."""

    def close(self) -> None:
        """Break the connection: a new one is made in its place."""


@dataclass(slots=True)
class _State:
    last_heard: float
    stream: Stream | None = None
    received: int = 0
    deaf: bool = False
    restarted: float = 0.0
    """When it was last restarted for being deaf."""
    refused: str | None = None
    """Why the API server refused the last attempt to open it; None once it is open."""


class Watches:
    """All watches of one operator.

    Args:
        on_restart: called with each watch that is restarted because it is dead.
        clock: seconds, monotonic.
        is_served: whether the cluster serves the kind of this name. Where it does not, a request on its way says nothing of a watch.
    """

    def __init__(
        self,
        on_restart: Callable[[Watch], None],
        clock: Callable[[], float],
        is_served: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._on_restart = on_restart
        self._clock = clock
        self._is_served = is_served
        self._states: dict[Watch, _State] = {}

    def note_request(self, watch: Watch) -> None:
        """Note that a watch sends a request."""
        self._state_of(watch)

    def note_open(self, watch: Watch, stream: Stream) -> None:
        """Note that a watch was opened."""
        state = self._state_of(watch)
        if state.refused is not None:
            logger.info("%s is watched again", watch)
        state.stream, state.received, state.refused = stream, 0, None

    def note_failure(self, watch: Watch, why: str) -> None:
        """Note that the API server refused to open a watch."""
        state = self._state_of(watch)
        if state.refused is None:
            logger.warning("%s cannot be watched; trying again: %s", watch, why)
        state.refused = why

    def restart(self, watch: Watch) -> None:
        """Close a watch, so that kopf opens a new one."""
        state = self._states.get(watch)
        if state is not None and state.stream is not None:
            state.stream.close()
        self._on_restart(watch)

    def forget(self, kind: str) -> None:
        """A kind is no longer served: nothing is expected of its watches."""
        self._states = {watch: state for watch, state in self._states.items() if watch.kind != kind}

    def _state_of(self, watch: Watch) -> _State:
        """The state of a watch; one that is not kept where its kind is absent."""
        new = _State(self._clock())
        return self._states.setdefault(watch, new) if self._is_served(watch.kind) else new

    def excuse(self) -> None:
        """Forgive all watches their silence: the API server was away."""
        for state in self._states.values():
            state.last_heard = self._clock()

    def look(self) -> None:
        """Note which watches received something since the last look. Restart those that have been silent for too long."""
        now = self._clock()
        for watch, state in self._states.items():
            received = state.stream.received() if state.stream is not None else 0
            if received > state.received:
                if state.deaf:
                    logger.info("The watch on %s receives data again", watch)
                state.last_heard, state.received, state.deaf = now, received, False
            elif state.refused is None and now - (state.restarted if state.deaf else state.last_heard) > DEAF_SECONDS:
                if not state.deaf:
                    logger.warning(
                        "The watch on %s has received nothing for %.0f s: restarting it, and listing every minute until it works",
                        watch,
                        now - state.last_heard,
                    )
                state.deaf, state.restarted = True, now
                self.restart(watch)

    @property
    def deaf(self) -> bool:
        """Whether some watch is dead, so that only a LIST finds changes."""
        return any(state.deaf for state in self._states.values())

    def silence(self) -> Iterator[tuple[Watch, float]]:
        """Each watch, and for how many seconds it has received nothing."""
        now = self._clock()
        return ((watch, now - state.last_heard) for watch, state in self._states.items())
