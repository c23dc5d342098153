"""What a pass of a rollout tells people as Events: each change once, and who asked for it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from modelway.rollout import metric_messages
from modelway.rollout.messages import share_of_step
from modelway.rollout.metrics import INCONCLUSIVE
from modelway.rollout.orders import new_order, refusal_of
from modelway.rollout.replay import ReplayPhase, counts_of, describe
from modelway.rollout.situation import Situation
from modelway.rollout.state import Phase, RolloutState
from modelway.wording import counted

_REASONS = {
    Phase.PAUSED: "RolloutSuspended",
    Phase.PROMOTING: "RolloutPromoting",
    Phase.PROMOTED: "RolloutPromoted",
    Phase.ROLLED_BACK: "RolledBack",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One Event about a ModelDeployment."""

    reason: str
    message: str
    is_warning: bool = False


def notices_of(before: RolloutState | None, after: RolloutState | None, situation: Situation) -> tuple[Notice, ...]:
    """The Events of a pass.

    Args:
        before: what status held.
        after: what `advance` made of it.
        situation: what it was told.
    """
    refusal = refusal_of(before, situation)
    refused = (
        Notice("RolloutOrderRefused", f"asked by {refusal.order.by}: {refusal.message}", is_warning=True)
        if refusal
        else None
    )
    order = new_order(before, situation)
    by = f" as {order.by} asked" if order is not None and refusal is None else ""
    change, share = _change(before, after, by), _larger_share(before, after)
    notices = (refused, _ending(before, after), _replay(before, after), change, share)
    return (*(one for one in notices if one is not None), *_inconclusive(before, after))


def _ending(before: RolloutState | None, after: RolloutState | None) -> Notice | None:
    """A candidate goes because nobody wants it any more."""
    if before is None or not before.is_under_way or (after is not None and after.id == before.id):
        return None
    return Notice(
        "RolloutEnded",
        f"the rollout of revision {before.revision} ends, since the spec asks for another one or for another strategy",
    )


def _change(before: RolloutState | None, after: RolloutState | None, by: str) -> Notice | None:
    if after is None:
        return None
    if before is None or before.id != after.id:
        attempt = f", attempt {after.attempt}" if after.attempt > 1 else ""
        text = f"revision {after.revision} is to take the place of {after.stable}{by}: {after.strategy}, {counted(after.steps, 'step')}{attempt}"
        return Notice("RolloutStarted", text)
    if before.phase is after.phase or (before.phase, after.phase) == (Phase.STARTING, Phase.PROGRESSING):
        return None
    if after.phase in {Phase.STARTING, Phase.PROGRESSING}:
        return Notice("RolloutResumed", f"the rollout of revision {after.revision} goes on{by}")
    return Notice(_REASONS[after.phase], after.message, is_warning=after.phase is Phase.ROLLED_BACK)


def _replay(before: RolloutState | None, after: RolloutState | None) -> Notice | None:
    """Known rows begin to be asked, or were, or could not be."""
    now = after.replay if after is not None else None
    earlier = before.replay if before is not None and after is not None and before.id == after.id else None
    if after is None or now is None or (earlier is not None and earlier.phase is now.phase):
        return None
    who = f"revision {after.revision}"
    match now.phase:
        case ReplayPhase.RUNNING:
            return Notice("ReplayStarted", f"{who} and {after.stable} are asked known rows before clients' requests")
        case ReplayPhase.DONE:
            return Notice("ReplayDone", f"{who}: {now.message.rstrip('.')}; {counts_of(now)}")
        case ReplayPhase.FAILED:
            return Notice("ReplayFailed", f"{who}: {describe(now)}; clients' requests judge it", is_warning=True)


def _larger_share(before: RolloutState | None, after: RolloutState | None) -> Notice | None:
    if before is None or after is None or before.id != after.id or not after.is_on_trial:
        return None
    if (after.weight, after.mirror) == (before.weight, before.mirror) or not (after.weight or after.mirror):
        return None
    return Notice("RolloutStep", share_of_step(after))


def _inconclusive(before: RolloutState | None, after: RolloutState | None) -> Iterator[Notice]:
    """Metrics that have told nothing for a while, each time that begins."""
    known = {one.name for one in before.measures if one.outcome == INCONCLUSIVE} if before is not None else set()
    for one in after.measures if after is not None and after.is_on_trial else ():
        if one.outcome == INCONCLUSIVE and one.name not in known:
            yield Notice("RolloutInconclusive", metric_messages.inconclusive(one), is_warning=True)
