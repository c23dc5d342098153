"""Decide whether an order about a rollout makes sense now, and write it down. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from modelway.api.orders import LONGEST_ORDER, Action, Order, order_in
from modelway.cli.revisions import serving_of, wanted_of
from modelway.cli.rollout_text import is_paused_by_spec, rollout_of
from modelway.cli.summary import condition, is_observed
from modelway.cluster.snapshot import Object
from modelway.errors import ModelwayError
from modelway.printable import one_line
from modelway.rollout.state import Phase

Command = Callable[[str], str]
"""The command line of another command about the same model."""

_LONGEST_NAME = 128
"""Characters of who asks that the operator takes."""


class OrderRefused(ModelwayError):
    """The order makes no sense now; the text says what to do in place of it."""


def order_for(resource: Object, action: Action, *, by: str, now: datetime, program: str) -> Order:
    """The order that does what is asked.

    Raises:
        OrderRefused: nothing is being rolled out, or the rollout is where the order cannot change it.
    """
    target = f"{resource['metadata']['name']} -n {resource['metadata']['namespace']}"
    refusal = _refusal(resource, action, f"{program} {{}} {target}".format)
    if refusal:
        raise OrderRefused(f"{resource['metadata']['name']}: {refusal}")
    return _fitting(Order(action, wanted_of(resource)[0], one_line(by)[:_LONGEST_NAME], _time_of_order(resource, now)))


def _fitting(order: Order) -> Order:
    """The order with a name as long as the annotation has room for: letters beyond ASCII take several characters there."""
    while len(order.as_annotation()) > LONGEST_ORDER:
        order = replace(order, by=order.by[:-1])
    return order


def _refusal(resource: Object, action: Action, command: Command) -> str:
    rollout, wanted = rollout_of(resource), wanted_of(resource)[0]
    if not wanted:
        return "its spec is invalid, so nothing is being rolled out: correct the spec first"
    if rollout.get("revision") != wanted:
        return _no_rollout(resource, wanted, command)
    if _is_pending(resource, rollout, wanted):
        return ""  # The phase is about to change: only the operator can tell what still makes sense.
    return _refusal_in_phase(resource, rollout, action, command)


def _no_rollout(resource: Object, wanted: str, command: Command) -> str:
    if wanted == serving_of(resource):
        return f"nothing is being rolled out: revision {wanted} serves. To go back to an earlier one: {command('undo')}"
    if not is_observed(resource):
        return f"the operator has not looked at revision {wanted} yet: try again in a moment"
    strategy = ((resource["spec"].get("rollout") or {}).get("strategy")) or "Rolling"
    if strategy == "Rolling":
        return (
            f"its strategy is Rolling, which replaces pods one by one and takes no orders. To go back: {command('undo')}. "
            "For a rollout that can be steered, set spec.rollout.strategy"
        )
    ready = condition(resource, "Ready")
    return (
        f"the rollout of revision {wanted} has not begun ({ready.get('reason', '')}: {ready.get('message', '')}). "
        "To hold it at its beginning, set spec.rollout.paused to true"
    )


_OVER = {
    Phase.PROMOTED: ("is promoted already. To go back to an earlier one:", "undo"),
    Phase.PROMOTING: ("is taking over already. To keep the one before:", "abort"),
    Phase.ROLLED_BACK: ("is rolled back already. To try it again:", "retry"),
}
"""What is so of a revision in the phases that take at most one order, and the command that makes sense in place of others."""


def _refusal_in_phase(resource: Object, rollout: Mapping[str, Any], action: Action, command: Command) -> str:
    phase, revision = rollout.get("phase"), rollout.get("revision")
    if phase in _OVER:
        words, instead = _OVER[phase]
        return "" if instead == action else f"revision {revision} {words} {command(instead)}"
    if action == "retry":
        return f"the rollout of revision {revision} still goes on. To end it first: {command('abort')}"
    if action == "pause" and phase == Phase.PAUSED:
        return f"it is paused already. To let it go on: {command('resume')}"
    return _refusal_to_resume(resource, phase, command) if action == "resume" else ""


def _refusal_to_resume(resource: Object, phase: Any, command: Command) -> str:
    if is_paused_by_spec(resource):
        return "spec.rollout.paused is true, which comes first: set it to false, or leave it out"
    return "" if phase == Phase.PAUSED else f"it is not paused. To see what it waits for: {command('status')}"


def warnings(resource: Object, action: Action, keepers: list[str]) -> list[str]:
    """What may keep the order from having its effect, or from lasting."""
    lines = []
    if resource["spec"].get("suspend"):
        lines.append("spec.suspend is true: nothing follows until it is false")
    if is_paused_by_spec(resource) and action == "retry":
        lines.append("spec.rollout.paused is true: the rollout holds at its beginning until it is false")
    if action == "abort":
        lines += [
            f"{keeper} manages this ModelDeployment, and its source goes on asking for this revision: revert the change there"
            for keeper in keepers
        ]
    return lines


def what_follows(resource: Object, order: Order) -> str:
    """What happens next, in a sentence or two."""
    stable = rollout_of(resource).get("stable") or serving_of(resource)
    new, old = f"revision {order.revision}", f"revision {stable}"
    match order.action:
        case "promote":
            return f"{new} takes the place of {old} now; the counts so far are not waited for."
        case "abort":
            return f"{old} answers every request again, and {new} stays rolled back until the spec changes or you retry it."
        case "retry":
            return f"{new} is rolled out anew, from the first step and without the counts of before. {old} serves meanwhile."
        case "pause":
            return f"the rollout of {new} holds where it is. What it is sent stays the same, and a worse one is still rolled back."
        case "resume":
            return f"the rollout of {new} goes on from where it is."


def _is_pending(resource: Object, rollout: Mapping[str, Any], wanted: str) -> bool:
    """Whether the operator has not handled the order before this one yet."""
    order = order_in(resource["metadata"].get("annotations"))
    return order is not None and order.revision == wanted and all(order.at > time for time in _times(rollout))


def _time_of_order(resource: Object, now: datetime) -> datetime:
    """The present time; later than the rollout's start and the last order also where this machine's clock is slow."""
    return max([now, *(time + timedelta(seconds=1) for time in _times(rollout_of(resource)))]).astimezone(UTC)


def _times(rollout: Mapping[str, Any]) -> list[datetime]:
    """When the attempt began, and when the last order was asked that was handled."""
    return [datetime.fromisoformat(rollout[field]) for field in ("started", "order") if rollout.get(field)]
