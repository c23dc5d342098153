"""How each watch does: one per kind and watched namespace. A watch that is open tells something every minute, if only where it stands.

A quiet watch and a dead one look alike to whoever waits for events, so bytes are counted. One that is dead is closed, and so opened anew, again and again; while that
does not help, whoever lists the cluster must do so in its place.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

DEAF_SECONDS = 240.0
"""How long a watch may tell nothing at all: bookmarks come every minute, and three connections that were given up after 70 s were no accident."""

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
    """When it was last opened anew for being deaf."""
    refused: str | None = None
    """What the API server said when the watch could last not be opened; None once it was."""


class Watches:
    """All watches of one operator.

    Args:
        on_restart: called with each watch that is opened anew because it is dead.
        clock: seconds, monotonic.
    """

    def __init__(self, on_restart: Callable[[Watch], None], clock: Callable[[], float]) -> None:
        self._on_restart = on_restart
        self._clock = clock
        self._states: dict[Watch, _State] = {}

    def note_request(self, watch: Watch) -> None:
        """A watch asks the API server for something, for the first time or again."""
        self._states.setdefault(watch, _State(self._clock()))

    def note_open(self, watch: Watch, stream: Stream) -> None:
        """A watch was opened."""
        state = self._states.setdefault(watch, _State(self._clock()))
        if state.refused is not None:
            logger.info("%s is watched again", watch)
        state.stream, state.received, state.refused = stream, 0, None

    def note_failure(self, watch: Watch, why: str) -> None:
        """The API server refused to open a watch."""
        state = self._states.setdefault(watch, _State(self._clock()))
        if state.refused is None:
            logger.warning("%s cannot be watched, which is tried again: %s", watch, why)
        state.refused = why

    def restart(self, watch: Watch) -> None:
        """Open a watch anew."""
        state = self._states.get(watch)
        if state is not None and state.stream is not None:
            state.stream.close()
        self._on_restart(watch)

    def forget(self, kind: str) -> None:
        """A kind is no longer served: nothing is expected of its watches."""
        self._states = {watch: state for watch, state in self._states.items() if watch.kind != kind}

    def excuse(self) -> None:
        """The API server was away, and no watch could tell anything."""
        for state in self._states.values():
            state.last_heard = self._clock()

    def look(self) -> None:
        """Note who told something since the last look; open anew who has been silent for too long."""
        now = self._clock()
        for watch, state in self._states.items():
            received = state.stream.received() if state.stream is not None else 0
            if received > state.received:
                if state.deaf:
                    logger.info("%s tells something again", watch)
                state.last_heard, state.received, state.deaf = now, received, False
            elif state.refused is None and now - (state.restarted if state.deaf else state.last_heard) > DEAF_SECONDS:
                if not state.deaf:
                    logger.warning(
                        "The watch on %s has told nothing for %.0f s and is opened anew; until it does, it is listed every minute",
                        watch,
                        now - state.last_heard,
                    )
                state.deaf, state.restarted = True, now
                self.restart(watch)

    @property
    def deaf(self) -> bool:
        """Whether some watch tells nothing, so that only a LIST finds what it should have told."""
        return any(state.deaf for state in self._states.values())

    def silence(self) -> Iterator[tuple[Watch, float]]:
        """Each watch, and for how many seconds it has told nothing."""
        now = self._clock()
        return ((watch, now - state.last_heard) for watch, state in self._states.items())
