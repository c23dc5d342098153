"""Orders about a rollout: what is written, what is refused with what to do in place of it, who is warned."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from modelway.api.labels import ROLLOUT_ORDER_ANNOTATION
from modelway.api.orders import ACTIONS, LONGEST_ORDER, Action, Order, order_in
from modelway.cli.rollout_orders import OrderRefused, order_for, warnings, what_follows
from modelway.cli.rollout_text import rollout_of
from support.operator.rollouts import STABLE, rolled
from support.operator.specs import Object

NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def ask(resource: Object, action: Action, by: str = "alice") -> Order:
    return order_for(resource, action, by=by, now=NOW, program="modelway")


def paused_by_spec(phase: str = "Paused") -> Object:
    resource = rolled(phase)
    resource["spec"]["rollout"]["paused"] = True
    return resource


@pytest.mark.parametrize(
    ("phase", "actions"),
    [
        ("Starting", "promote abort pause"),
        ("Progressing", "promote abort pause"),
        ("Paused", "promote abort resume"),
        ("Promoting", "abort"),
        ("RolledBack", "retry"),
        ("Promoted", ""),
    ],
)
def test_each_phase_takes_the_orders_that_make_sense(phase: str, actions: str) -> None:
    taken = []
    for action in ACTIONS:
        try:
            ask(rolled(phase), action)
        except OrderRefused:
            continue
        taken.append(action)
    assert sorted(taken) == sorted(actions.split())


@pytest.mark.parametrize(
    ("resource", "action", "says"),
    [
        (rolled("Progressing"), "retry", "still goes on. To end it first: modelway abort fraud -n risk"),
        (rolled("Progressing"), "resume", "it is not paused. To see what it waits for: modelway status fraud -n risk"),
        (rolled("Paused"), "pause", "paused already. To let it go on: modelway resume fraud -n risk"),
        (paused_by_spec(), "resume", "spec.rollout.paused is true, which comes first: set it to false"),
        (rolled("Promoting"), "pause", "is taking over already. To keep the one before: modelway abort fraud -n risk"),
        (rolled("RolledBack"), "promote", "is rolled back already. To try it again: modelway retry fraud -n risk"),
        (rolled("Promoted"), "abort", "is promoted already. To go back to an earlier one: modelway undo fraud -n risk"),
    ],
)
def test_a_refusal_says_what_to_do_in_place_of_it(resource: Object, action: Action, says: str) -> None:
    with pytest.raises(OrderRefused) as refusal:
        ask(resource, action)
    assert str(refusal.value).startswith("fraud: ")
    assert says in str(refusal.value)


def without_rollout(**status: Any) -> Object:
    resource = rolled()
    resource["status"] = {"observedGeneration": 2, "stable": {"revision": STABLE}, **status}
    return resource


def test_nothing_to_steer_is_told_by_what_is_so() -> None:
    serving = without_rollout(stable={"revision": rollout_of(rolled())["revision"]})
    rolling = without_rollout()
    del rolling["spec"]["rollout"]
    ready = {"type": "Ready", "status": "False", "reason": "Proving", "message": "A Job proves it."}
    invalid = rolled()
    invalid["spec"]["runtime"] = {"workers": "many"}
    other = rolled(revision="an-earlier-one")
    other["status"]["observedGeneration"] = 1
    for resource, says in (
        (serving, "nothing is being rolled out: revision"),
        (rolling, "its strategy is Rolling, which replaces pods one by one and takes no orders"),
        (without_rollout(conditions=[ready]), "has not begun (Proving: A Job proves it.)"),
        (other, "the operator has not looked at revision"),
        (invalid, "its spec is invalid"),
    ):
        with pytest.raises(OrderRefused) as refusal:
            ask(resource, "promote")
        assert says in str(refusal.value)


def test_an_order_is_about_the_revision_by_who_asks() -> None:
    resource = rolled()
    assert json.loads(ask(resource, "promote").as_annotation()) == {
        "action": "promote",
        "revision": rollout_of(resource)["revision"],
        "by": "alice",
        "at": "2026-01-01T12:00:00.123Z",
    }


def test_an_order_is_later_than_the_rollout_on_a_slow_clock() -> None:
    ahead = rolled(started="2026-01-01T12:05:00Z", order="2026-01-01T12:06:00.500Z")
    assert ask(ahead, "promote").at == datetime(2026, 1, 1, 12, 6, 1, 500000, tzinfo=UTC)


def test_an_order_of_a_long_name_is_read_by_the_operator() -> None:
    order = ask(rolled(), "promote", by="\x1b]0;ä\n" + "é" * 2000)
    assert len(order.as_annotation()) <= LONGEST_ORDER
    assert order.by.isprintable()
    read = order_in({ROLLOUT_ORDER_ANNOTATION: order.as_annotation()})
    assert read is not None
    assert read.by == order.by


def test_an_order_follows_one_that_is_not_handled_yet() -> None:
    resource = rolled("Paused")
    resume = ask(resource, "resume")
    resource["metadata"]["annotations"] = {ROLLOUT_ORDER_ANNOTATION: resume.as_annotation()}
    assert ask(resource, "pause").action == "pause"
    resource["status"]["rollout"]["order"] = resume.at.isoformat()
    with pytest.raises(OrderRefused):
        ask(resource, "pause")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"revision": 5}'])
def test_a_malformed_order_of_before_is_passed_over(text: str) -> None:
    resource = rolled("Paused", annotations={ROLLOUT_ORDER_ANNOTATION: text})
    with pytest.raises(OrderRefused):
        ask(resource, "pause")


@pytest.mark.parametrize("action", ACTIONS)
def test_what_follows_names_the_revision(action: Action) -> None:
    resource = rolled()
    order = Order(action, rollout_of(resource)["revision"], "alice", NOW)
    assert order.revision in what_follows(resource, order)


def test_a_suspended_or_paused_spec_is_warned_of() -> None:
    resource = paused_by_spec("RolledBack")
    resource["spec"]["suspend"] = True
    suspended, paused = warnings(resource, "retry", [])
    assert suspended == "spec.suspend is true: nothing follows until it is false"
    assert paused.startswith("spec.rollout.paused is true: the rollout holds at its beginning")
    assert warnings(rolled(), "promote", ["Argo CD"]) == []


def test_abort_warns_that_the_source_goes_on_asking() -> None:
    (line,) = warnings(rolled(), "abort", ["Argo CD"])
    assert line.startswith("Argo CD manages this ModelDeployment, and its source goes on asking for this revision")
