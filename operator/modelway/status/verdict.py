"""The verdict on a ModelDeployment: as a value, and as status holds it. Pure."""

from dataclasses import dataclass

from modelway.api import conditions
from modelway.observed import Observed
from modelway.status.reasons import Reason


@dataclass(frozen=True, slots=True)
class Readiness:
    """Why a ModelDeployment is or is not ready: a reason of the catalogue and a message for people."""

    reason: Reason
    message: str
    recovering: bool = False
    """Whether the reason is the earlier one, whose cause is gone while pods start."""

    @property
    def ready(self) -> bool:
        """Whether all pods serve the present spec."""
        return self.reason is Reason.SERVING

    @property
    def stalled(self) -> bool:
        """Whether the spec or the artifact must change, because waiting alone does not cure it."""
        return not self.reason.waiting_cures and not self.recovering


def last_verdict(observed: Observed) -> Readiness | None:
    """The verdict in status on what is asked for at present; None if there is none, or this release does not know its reason."""
    status = observed.owner.status
    ready = conditions.find(status.get("conditions"), "Ready") or {}
    if (ready.get("observedGeneration"), status.get("observedRefresh") or "") != observed.owner.wanted:
        return None
    reason = next((one for one in Reason if one == ready.get("reason")), None)
    return Readiness(reason, ready.get("message", "")) if reason else None
