"""How many models may be at one kind of work at once: rollouts after a change of the platform, Jobs that prove revisions. Pure.

Each rollout takes a place, whatever its reason. A rollout that failed or is paused takes none, so that it delays nobody. No more does a
Job that came to nothing within minutes: its pod is refused, finds no node, or fails again and again. Nothing is stored: after a restart the
cluster shows what is under way.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from modelway.api import conditions
from modelway.observed import DeploymentView, JobView, Key, PodView

LOOK_SECONDS = 1.0
"""How old the count of what is under way may be; a new turn counts at once."""

WAIT_SECONDS = 30.0
"""After how many seconds a waiting model looks again by itself."""

LOOKS_PER_SECOND = 10.0
"""How often all waiting models together look again."""

START_SECONDS = 120.0
"""For how long a Job takes a place although nothing of it runs."""

MOST_RESTARTS = 3
"""How often a container of a Job may start again until its Job takes no place."""

_OVER = frozenset({"NewReplicaSetAvailable", "ProgressDeadlineExceeded", "DeploymentPaused"})


def is_rolling_out(deployment: DeploymentView) -> bool:
    """Whether a Deployment is replacing pods and has not failed."""
    if deployment.observed_generation < deployment.generation:
        return True
    progress = conditions.find(deployment.conditions, "Progressing")
    return progress.reason not in _OVER if progress else deployment.available < deployment.size


def is_at_work(job: JobView, pods: Iterable[PodView], now: datetime) -> bool:
    """Whether a Job proves its revision now, or has just been made. One that waits or fails for minutes holds up no other.

    Args:
        job: a Job.
        pods: the pods that prove revisions of its model.
        now: the time, with a time zone.
    """
    if job.finished or job.deleting:
        return False
    if job.created and now - datetime.fromisoformat(job.created) < timedelta(seconds=START_SECONDS):
        return True
    containers = [one for pod in pods if pod.proof == job.proof and not pod.deleting for one in pod.containers]
    return any(one.running for one in containers) and all(one.restarts < MOST_RESTARTS for one in containers)


class Turns:
    """Gives turns to the namespace with the fewest under way, then to the one whose last turn is longest ago, then by arrival.

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
        self._latest: dict[str, int] = {}
        """The number of each namespace's last turn; empty while nobody waits."""
        self._number = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, key: Key) -> bool:
        """Take a turn for a model; False if it must wait, and is woken later."""
        self._count()
        if key in self._under_way or key in self._turns or (self._free() > 0 and self._first(key) == key):
            self._waiting.pop(key, None)
            self._turns[key] = False
            self._note_turn(key.namespace)
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
        return min(
            (*self._waiting, *latest),
            key=lambda one: (shares[one.namespace], self._latest.get(one.namespace, 0)),
        )

    def _note_turn(self, namespace: str) -> None:
        self._number += 1
        if not self._waiting:
            self._latest.clear()
        self._latest[namespace] = self._number

    def _free(self) -> int:
        return self._at_once - len(self._under_way | self._turns.keys())

    def _count(self) -> None:
        now = self._clock()
        if now - self._count_time >= LOOK_SECONDS:
            self._count_time, self._under_way = now, set(self._working())
            self._turns = {key: False for key, ended in self._turns.items() if not ended}
