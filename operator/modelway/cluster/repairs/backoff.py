"""Repair a child less and less often while somebody keeps undoing the repairs. Pure: the time is an argument.

The first few repairs are made at once. When none of them lasts, each next one waits longer: two programs that write against each other must
not flood the cluster, and a person must learn of it. Repairs never cease. The contest ends by itself when a repair lasts.
"""

from dataclasses import dataclass

QUICK_REPAIRS = 5
"""Repairs that are made at once although none of them lasted."""

FIRST_PAUSE = 10.0
"""Seconds before the first repair that is no longer made at once; each further pause is twice as long."""

LONGEST_PAUSE = 300.0
"""The most seconds between repairs. A repair that held for so long has lasted."""

SHORTEST_CALM = 5.0
"""Seconds for which the child must stay as it is before the contest is over; longer where the other side is slow."""

LONGEST_CALM = LONGEST_PAUSE


@dataclass(slots=True)
class RepairBackoff:
    """The repairs of one child; all times are seconds of one monotonic clock."""

    repairs: int = 0
    """Repairs in a row that did not last."""
    last: float = float("-inf")
    """When the last one was made."""
    reaction: float = 0.0
    """The longest that the other side took to undo one."""
    undone: bool = True
    """Whether the last one was undone."""
    active: bool = False
    """Whether repairs wait, which is to be reported."""

    @classmethod
    def resume(cls, now: float) -> "RepairBackoff":
        """Go on with a contest that an earlier process reported: no more quick repairs."""
        return cls(repairs=QUICK_REPAIRS, last=now, active=True)

    def pause(self, now: float) -> float:
        """The child is not as wanted: in how many seconds to repair it; 0 for now."""
        self._note_undoing(now)
        wait = max(0.0, self.last + self._length() - now) if self.repairs >= QUICK_REPAIRS else 0.0
        self.active = self.active or wait > 0
        return wait

    def note_repair(self, now: float) -> None:
        """The child was repaired."""
        self._note_undoing(now)
        self.repairs, self.last, self.undone = self.repairs + 1, now, False

    def note_change(self, now: float) -> None:
        """The child was changed because something else is wanted: that is no repair, but the other side may undo it as well."""
        self.last, self.undone = now, False

    def seconds_to_end(self, now: float) -> float:
        """The child is as wanted: for how many seconds it must stay so until the contest is over; 0 when there is none."""
        if not self.active:
            return 0.0
        left = self.last + min(max(2 * self.reaction, SHORTEST_CALM), LONGEST_CALM) - now
        self.active = left > 0
        return max(0.0, left)

    def _note_undoing(self, now: float) -> None:
        if now - self.last >= LONGEST_PAUSE and not self.undone:
            self.repairs, self.reaction = 0, 0.0
        elif not self.undone:
            self.reaction = max(self.reaction, now - self.last)
        self.undone = True

    def _length(self) -> float:
        doublings = min(self.repairs - QUICK_REPAIRS, 10)
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**doublings)
