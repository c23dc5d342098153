"""How many models may be at one kind of work at once: rollouts after a change of the platform, Jobs that prove revisions. Pure.

Each rollout takes a place, whatever its reason. A rollout that failed or is paused takes none, so that it delays nobody. Nothing is stored:
after a restart the cluster shows what is under way.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from modelway.api import conditions
from modelway.observed import DeploymentView, Key

LOOK_SECONDS = 1.0
"""How old the count of what is under way may be; a new turn counts at once."""

WAIT_SECONDS = 30.0
"""After how many seconds a waiting model looks again by itself."""

LOOKS_PER_SECOND = 10.0
"""How often all waiting models together look again."""

_OVER = frozenset({"NewReplicaSetAvailable", "ProgressDeadlineExceeded", "DeploymentPaused"})


def is_rolling_out(deployment: DeploymentView) -> bool:
    """Whether a Deployment is replacing pods and has not failed."""
    if deployment.observed_generation < deployment.generation:
        return True
    progress = conditions.find(deployment.conditions, "Progressing")
    return progress.reason not in _OVER if progress else deployment.available < deployment.size


class Turns:
    """Gives turns to the namespace with the fewest under way; within it, first come, first served.

    Args:
        at_once: how many models may be at work at the same time.
        working: returns the models that are.
        wake: called with a model whose turn may have come.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        at_once: int,
        working: Callable[[], Iterable[Key]],
        wake: Callable[[Key], None],
        clock: Callable[[], float],
    ) -> None:
        self._at_once = at_once
        self._working = working
        self._wake = wake
        self._clock = clock
        self._under_way: set[Key] = set()
        self._count_time = float("-inf")
        self._turns: dict[Key, bool] = {}
        """The turns since the last count, and whether their pass has ended."""
        self._waiting: dict[Key, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, key: Key) -> bool:
        """Take a turn for a model; False if it must wait, and is woken later."""
        self._count()
        if key in self._under_way or key in self._turns or (self._free() > 0 and self._first(key) == key):
            self._waiting.pop(key, None)
            self._turns[key] = False
            return True
        self._waiting.setdefault(key)
        return False

    def retry_seconds(self) -> float:
        """Seconds after which a waiting model should look again."""
        return max(WAIT_SECONDS, len(self._waiting) / LOOKS_PER_SECOND)

    def finish(self, key: Key, *, waits: bool) -> None:
        """Note that a pass ended, so that its work can be counted; wake the first waiting model if there is room."""
        if key in self._under_way or key in self._turns:
            self._count_time = float("-inf")  # it may be over
        if key in self._turns:
            self._turns[key] = True
        if not waits:
            self._waiting.pop(key, None)
        if self._waiting:
            self._count()
            if self._free() > 0:
                self._wake(self._first())

    def _first(self, *latest: Key) -> Key:
        """The next one of those that wait, and of the latest to come."""
        shares = Counter(key.namespace for key in self._under_way | self._turns.keys())
        return min((*self._waiting, *latest), key=lambda one: shares[one.namespace])

    def _free(self) -> int:
        return self._at_once - len(self._under_way | self._turns.keys())

    def _count(self) -> None:
        now = self._clock()
        if now - self._count_time >= LOOK_SECONDS:
            self._count_time, self._under_way = now, set(self._working())
            self._turns = {key: False for key, ended in self._turns.items() if not ended}
