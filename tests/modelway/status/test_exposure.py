"""What Exposed says of what the controller of a Gateway reports on the route."""

from typing import Any

import pytest

from modelway.cluster import kinds
from modelway.cluster.views import view
from modelway.observed import Observed, RouteView
from modelway.status.conditions import ConditionVerdict
from modelway.status.exposure import exposure_of
from modelway.status.reasons import Reason
from support.operator.observed import KEY, UID, observed, owner

GATEWAY = {"name": "shared", "namespace": "gateways", "hostnames": ["models.example.com"], "path": "/fraud"}
SPEC = {"model": {"uri": "s3://models/fraud.joblib"}, "exposure": {"gateway": GATEWAY}}
OK = ("True", "OK", "")


def _route(parent: dict[str, Any] | None = None, generation: int = 2, **answers: tuple[str, str, str]) -> RouteView:
    """A route of generation 2, and the conditions that a controller wrote about one of its generations."""
    conditions = [
        {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": generation}
        for kind, (status, reason, message) in answers.items()
    ]
    named = {"name": "shared", "namespace": "gateways"}
    metadata = {
        "name": KEY.name,
        "namespace": KEY.namespace,
        "uid": "r",
        "resourceVersion": "1",
        "generation": 2,
        "ownerReferences": [{"controller": True, "kind": "ModelDeployment", "name": KEY.name, "uid": UID}],
    }
    reports = [{"parentRef": parent or named, "conditions": conditions}] if answers else []
    child = view(kinds.ROUTE, {"metadata": metadata, "spec": {"parentRefs": [named]}, "status": {"parents": reports}})
    assert isinstance(child, RouteView)
    return child


def _observed(route: RouteView | None, status: dict[str, Any] | None = None) -> Observed:
    return observed(*([route] if route else []), by=owner(SPEC, status=status))


def _verdict(route: RouteView | None, status: dict[str, Any] | None = None) -> ConditionVerdict:
    verdict = exposure_of(_observed(route, status))
    assert verdict is not None
    return verdict


def test_model_that_names_no_gateway_has_no_condition() -> None:
    assert exposure_of(observed()) is None


def test_accepted_route_says_where_requests_go() -> None:
    verdict = _verdict(_route(Accepted=OK, ResolvedRefs=OK))
    assert (verdict.status, verdict.reason) == ("True", Reason.ROUTE_ACCEPTED)
    assert verdict.message == "Gateway gateways/shared takes requests for models.example.com/fraud."


@pytest.mark.parametrize(
    ("answers", "reason", "words"),
    [
        ({"Accepted": ("False", "NoMatchingParent", "none")}, Reason.NO_MATCHING_PARENT, "sectionName"),
        (
            {"Accepted": ("False", "NoMatchingListenerHostname", "")},
            Reason.NO_MATCHING_LISTENER_HOSTNAME,
            "spec.exposure.gateway.hostnames",
        ),
        ({"Accepted": ("False", "NotAllowedByListeners", "")}, Reason.NOT_ALLOWED_BY_LISTENERS, "allowedRoutes"),
        ({"Accepted": ("False", "UnsupportedValue", "no rewrite.")}, Reason.ROUTE_REFUSED, "no rewrite)"),
        ({"Accepted": OK, "ResolvedRefs": ("False", "RefNotPermitted", "")}, Reason.BACKEND_UNRESOLVED, "RefNotPer"),
    ],
)
def test_refused_route_says_why_and_what_to_do(answers: Any, reason: Reason, words: str) -> None:
    verdict = _verdict(_route(**answers))
    assert (verdict.status, verdict.reason) == ("False", reason)
    assert words in verdict.message


@pytest.mark.parametrize(
    "route",
    [
        None,
        _route(),
        _route(Accepted=OK),
        _route(generation=1, Accepted=OK, ResolvedRefs=OK),
        _route({"name": "other"}, Accepted=OK, ResolvedRefs=OK),
    ],
    ids=["no route", "no answer", "half an answer", "an answer of before", "another gateway"],
)
def test_silence_is_no_answer(route: RouteView | None) -> None:
    verdict = _verdict(route)
    assert (verdict.status, verdict.reason) == ("Unknown", Reason.ROUTE_PENDING)


def test_other_shares_of_an_accepted_route_are_no_news() -> None:
    before = [{"type": "Exposed", "status": "True", "observedGeneration": 1}]
    changed = _route(generation=1, Accepted=OK, ResolvedRefs=OK)
    assert _verdict(changed, {"conditions": before}).status == "True"
    assert _verdict(_route(), {"conditions": before}).status == "Unknown"


def test_pass_that_cannot_make_the_route_says_why() -> None:
    verdict = exposure_of(_observed(None), (Reason.KIND_NOT_SERVED, "install it"))
    assert verdict is not None
    assert (verdict.status, verdict.reason, verdict.message) == ("False", Reason.KIND_NOT_SERVED, "install it")
