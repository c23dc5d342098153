"""Which kinds the cluster serves at present: optional ones come and go while the operator runs.

A LIST, a watch or a write that is answered with 404 shows that a kind has gone. Whoever asks for it again shows that it is back.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from modelway.cluster.kinds import WATCHED, Kind
from modelway.errors import KindNotServed

NOT_FOUND = 404
"""What the API server answers to any request about a kind that it does not serve."""

logger = logging.getLogger(__name__)


class ServedKinds:
    """The watched kinds, and which of them are there; all are until the cluster says otherwise.

    Args:
        watched: every kind that the operator would watch.
    """

    def __init__(self, watched: Iterable[Kind] = WATCHED) -> None:
        self.watched = tuple(watched)
        self._named = {kind.name: kind for kind in self.watched}
        self._absent: set[Kind] = set()
        self._subscribers: list[Callable[[Kind], None]] = []

    def subscribe(self, subscriber: Callable[[Kind], None]) -> None:
        """Call `subscriber` with each kind that comes or goes from now on."""
        self._subscribers.append(subscriber)

    def named(self, name: str) -> Kind:
        """The watched kind of a name."""
        return self._named[name]

    def serves(self, kind: Kind) -> bool:
        """Whether the cluster serves a kind, as far as we know."""
        return kind not in self._absent

    def serves_named(self, name: str) -> bool:
        """Whether the cluster serves the watched kind of a name, as far as we know."""
        return self.serves(self.named(name))

    @property
    def present(self) -> tuple[Kind, ...]:
        """The watched kinds that are served."""
        return tuple(kind for kind in self.watched if kind not in self._absent)

    @property
    def absent(self) -> tuple[Kind, ...]:
        """The optional kinds that are not served."""
        return tuple(kind for kind in self.watched if kind in self._absent)

    def note_absent(self, kind: Kind) -> None:
        """The API server does not serve an optional kind."""
        if kind.optional and kind not in self._absent:
            logger.info("The cluster does not serve %s: Modelway works without it", kind)
            self._absent.add(kind)
            self._publish(kind)

    def note_present(self, kind: Kind) -> None:
        """The API server serves a kind again, or for the first time."""
        if kind in self._absent:
            logger.info("The cluster serves %s now", kind)
            self._absent.discard(kind)
            self._publish(kind)

    async def until_served(self, kind: Kind) -> None:
        """Wait until the API server serves a kind."""
        changed = asyncio.Event()

        def note(_: Kind) -> None:
            changed.set()

        self.subscribe(note)
        try:
            while not self.serves(kind):
                changed.clear()
                await changed.wait()
        finally:
            self._subscribers.remove(note)

    def _publish(self, kind: Kind) -> None:
        for subscriber in self._subscribers:
            subscriber(kind)


def not_served(kind: Kind) -> KindNotServed:
    """The error of a spec that asks for a kind which the cluster does not serve."""
    return KindNotServed(
        f"{kind.field} needs the kind {kind}, which this cluster does not serve. Leave {kind.field} out, or have {kind.name} installed: "
        "the model goes on by itself then."
    )
