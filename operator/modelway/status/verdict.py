"""The verdict on a ModelDeployment, as a value, and as status holds it."""

from dataclasses import dataclass

from modelway.api import conditions
from modelway.observed import Observed
from modelway.status.reasons import Reason


@dataclass(frozen=True, slots=True)
class Readiness:
    """The verdict on one ModelDeployment: why it is or is not ready, in a word of the catalogue and in words for people."""

    reason: Reason
    message: str
    recovering: bool = False
    """Whether the reason is that of before: its cause is no longer seen, and pods are being started."""

    @property
    def ready(self) -> bool:
        """Whether the spec of now is served by all pods."""
        return self.reason is Reason.SERVING

    @property
    def stalled(self) -> bool:
        """Whether waiting alone will not cure it: the spec or the artifact must change."""
        return not self.reason.waiting_cures and not self.recovering


def last_verdict(observed: Observed) -> Readiness | None:
    """The verdict that status holds on the present generation; None when there is none, or none that this release knows."""
    ready = conditions.find(observed.owner.status.get("conditions"), "Ready") or {}
    if ready.get("observedGeneration") != observed.owner.generation:
        return None
    reason = next((one for one in Reason if one == ready.get("reason")), None)
    return Readiness(reason, ready.get("message", "")) if reason else None
