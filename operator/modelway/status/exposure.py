"""Whether a Gateway takes requests for a model, in words for the model's user. Pure.

The controller of the Gateway reports on the route that Modelway made: `Accepted` of the route itself, `ResolvedRefs` of the Services behind it.
"""

from collections.abc import Mapping
from typing import Any

from modelway.api import conditions
from modelway.api.labels import CANARY, name_on_track
from modelway.observed import Observed, RouteAnswer
from modelway.rollout.situation import Route
from modelway.status.conditions import ConditionVerdict
from modelway.status.reasons import Reason

CONDITION = "Exposed"
ACCEPTED, RESOLVED = "Accepted", "ResolvedRefs"

_LONGEST_QUOTE = 400
"""Characters that a message quotes from the Gateway's controller."""

_REASONS: Mapping[str, tuple[Reason, str]] = {
    "NoMatchingParent": (
        Reason.NO_MATCHING_PARENT,
        "It has no listener of that name for HTTP: correct spec.exposure.gateway.sectionName, or leave it out.",
    ),
    "NoMatchingListenerHostname": (
        Reason.NO_MATCHING_LISTENER_HOSTNAME,
        "None of its listeners is for these host names: correct spec.exposure.gateway.hostnames, or leave them out.",
    ),
    "NotAllowedByListeners": (
        Reason.NOT_ALLOWED_BY_LISTENERS,
        (
            "Its listeners take no HTTPRoute from this namespace: have allowedRoutes of the Gateway's listener allow it, "
            "or name another one in spec.exposure.gateway."
        ),
    ),
}
_UNRESOLVED = (
    Reason.BACKEND_UNRESOLVED,
    "It cannot send requests to the model's Service: ask whoever runs the Gateway.",
)
_REFUSED = (Reason.ROUTE_REFUSED, "Change spec.exposure.gateway by its words, or ask whoever runs the Gateway.")


def exposure_of(observed: Observed, hindrance: tuple[Reason, str] | None = None) -> ConditionVerdict | None:
    """The condition Exposed; None for a ModelDeployment that names no Gateway.

    Args:
        observed: what exists after the pass; the verdict of before is read from its owner's status.
        hindrance: what kept the pass from making the route, with a message.
    """
    gateway = _gateway(observed)
    if gateway is None:
        return None
    if observed.route is None:
        return _without_route(hindrance)
    if (refusal := refusal_of(observed)) is not None:
        reason, message = refusal
        return ConditionVerdict(CONDITION, "False", reason, message)
    if is_accepted(observed) or _was_accepted(observed):
        message = f"{_name(gateway)} takes requests for {_address(gateway)}."
        return ConditionVerdict(CONDITION, "True", Reason.ROUTE_ACCEPTED, message)
    return ConditionVerdict(CONDITION, "Unknown", Reason.ROUTE_PENDING, silence_of(observed))


def route_of(observed: Observed, weight: int) -> Route:
    """Whether the Gateway sends a share of the requests, in percent, to the candidate of a rollout, and why it does not."""
    route = observed.route
    candidate = name_on_track(observed.owner.key.name, CANARY)
    if route is None or route.shares.get(candidate, 0) != weight:
        return Route(follows=False, why="the route is being changed")
    if is_accepted(observed):
        return Route()
    refusal = refusal_of(observed)
    return Route(follows=False, why=(refusal[1] if refusal is not None else silence_of(observed)).rstrip("."))


def is_accepted(observed: Observed) -> bool:
    """Whether the controller of the Gateway follows the route as it is now."""
    answers = _answers(observed)
    return all(
        (one := conditions.find(answers, kind)) is not None and one.status == "True" for kind in (ACCEPTED, RESOLVED)
    )


def refusal_of(observed: Observed) -> tuple[Reason, str] | None:
    """Why the controller of the Gateway does not follow the route as it is now, with what to do; None if it has not said that."""
    gateway = _gateway(observed) or {}
    refused = next(
        (one for one in _answers(observed) if one.status == "False" and one.type in {ACCEPTED, RESOLVED}), None
    )
    if refused is None:
        return None
    reason, remedy = _UNRESOLVED if refused.type == RESOLVED else _REASONS.get(refused.reason, _REFUSED)
    words = refused.message.strip().rstrip(".")[:_LONGEST_QUOTE]
    quote = f"{refused.reason}: {words}" if words else refused.reason
    return reason, f"{_name(gateway)} does not take requests for the model ({quote}). {remedy}"


def silence_of(observed: Observed) -> str:
    """What to look at where nobody says anything of the route."""
    gateway = _gateway(observed) or {}
    namespace = gateway.get("namespace") or observed.owner.key.namespace
    name = gateway.get("name", "")
    return (
        f"{_name(gateway)} has not said yet whether it takes the route. Where that lasts, it does not exist, or the controller of its class "
        f"does not run: `kubectl get gateway {name} -n {namespace}`."
    )


def _without_route(hindrance: tuple[Reason, str] | None) -> ConditionVerdict:
    if hindrance is not None:
        return ConditionVerdict(CONDITION, "False", *hindrance)
    return ConditionVerdict(CONDITION, "Unknown", Reason.ROUTE_PENDING, "The route is being made.")


def _answers(observed: Observed) -> tuple[RouteAnswer, ...]:
    """What the controller says of the route as it is now."""
    route = observed.route
    return tuple(one for one in route.answers if one.generation >= route.generation) if route is not None else ()


def _was_accepted(observed: Observed) -> bool:
    """Whether the route of this very spec was accepted, and only what a rollout changed of it is not looked at yet."""
    before = conditions.find(observed.owner.status.get("conditions"), CONDITION) or {}
    same = before.get("observedGeneration") == observed.owner.generation
    return same and before.get("status") == "True" and observed.route is not None and bool(observed.route.answers)


def _gateway(observed: Observed) -> Mapping[str, Any] | None:
    exposure: Mapping[str, Any] = observed.owner.document["spec"].get("exposure") or {}
    gateway: Mapping[str, Any] | None = exposure.get("gateway")
    return gateway


def _name(gateway: Mapping[str, Any]) -> str:
    namespace = gateway.get("namespace")
    return f"Gateway {namespace}/{gateway.get('name')}" if namespace else f"Gateway {gateway.get('name')}"


def _address(gateway: Mapping[str, Any]) -> str:
    path = gateway.get("path", "/")
    hosts = gateway.get("hostnames")
    return ", ".join(f"{host}{path}" for host in hosts) if hosts else f"{path} of every host name of its listeners"
