"""What AutoscalingActive says of an autoscaler's conditions, which are those of Kubernetes 1.34, word for word."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.observed import Condition, Observed
from modelway.status.autoscaling import CALM_SECONDS, STARTING_SECONDS, autoscaling_of
from modelway.status.reasons import Reason
from support.operator.observed import autoscaler, deployment, observed, owner

START = datetime(2026, 1, 2, tzinfo=UTC)
CPU = "the HPA was unable to compute the replica count: failed to get cpu utilization: "
METRICS = f"{CPU}unable to get metrics for resource cpu: "
API = f"{METRICS}unable to fetch metrics from resource metrics API: "
ABSENT = f"{API}the server could not find the requested resource (get pods.metrics.k8s.io)"
DOWN = f"{API}the server is currently unable to handle the request (get pods.metrics.k8s.io)"
NO_FIGURES = f"{METRICS}no metrics returned from resource metrics API"
NOT_THESE = f"{CPU}did not receive metrics for targeted pods (pods might be unready)"
NO_REQUEST = f"{CPU}missing request for cpu in container proxy of Pod fraud-6d5f8b7c9-abcde"
TWO = (
    "pods by selector modelway.dev/name=fraud,modelway.dev/track=stable are controlled by multiple HPAs: "
    "[risk/rival risk/fraud]"
)
ZERO = "scaling is disabled since the replica count of the target is zero"
FOUND = (
    "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)"
)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def stamp(seconds: float) -> str:
    return at(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def active(since: float = 0) -> Condition:
    return Condition("ScalingActive", "True", "ValidMetricFound", FOUND, stamp(since))


def inactive(message: str, reason: str = "FailedGetResourceMetric", since: float = 0) -> Condition:
    return Condition("ScalingActive", "False", reason, message, stamp(since))


def limitation(reason: str, *, true: bool, since: float = 0) -> Condition:
    return Condition("ScalingLimited", "True" if true else "False", reason, "", stamp(since))


def observe(*conditions: Condition, before: Reason | None = None, serving_since: float | None = 0) -> Observed:
    available = () if serving_since is None else (Condition("Available", "True", "", "", stamp(serving_since)),)
    old = [{"type": "AutoscalingActive", "status": "True", "reason": str(before)}] if before else []
    pods = deployment(available=0 if serving_since is None else 1, conditions=available)
    return observed(pods, autoscaler(*conditions), by=owner(status={"conditions": old}))


def verdict_of(world: Observed, now: float = 0) -> tuple[str, Reason]:
    condition = autoscaling_of(world, at(now)).condition
    return condition.status, condition.reason


@pytest.mark.parametrize(
    ("condition", "verdict", "words"),
    [
        (active(), ("True", Reason.VALID_METRIC_FOUND), "from 1 to 3"),
        (inactive(ABSENT), ("False", Reason.METRICS_UNAVAILABLE), "Install metrics-server"),
        (inactive(DOWN), ("False", Reason.METRICS_UNAVAILABLE), "currently unable to handle the request"),
        (inactive(NO_FIGURES), ("Unknown", Reason.FETCHING_METRICS), "waits for the first figures"),
        (inactive(NOT_THESE), ("Unknown", Reason.FETCHING_METRICS), "waits for the first figures"),
        (inactive(NO_REQUEST), ("False", Reason.REQUEST_MISSING), "Container proxy"),
        (
            inactive(ZERO, "ScalingDisabled"),
            ("False", Reason.SCALING_DISABLED),
            "kubectl scale deployment fraud -n risk",
        ),
        (inactive(TWO, "AmbiguousSelector"), ("False", Reason.AMBIGUOUS_SELECTOR), "too: rival. Delete it"),
        (inactive("no idea", "InvalidSelector"), ("False", Reason.AUTOSCALER_FAILED), "no idea"),
        (
            Condition("AbleToScale", "False", "FailedUpdateScale", "quota", stamp(0)),
            ("False", Reason.AUTOSCALER_FAILED),
            "quota",
        ),
    ],
)
def test_each_state_of_an_autoscaler_has_its_words(
    condition: Condition, verdict: tuple[str, Reason], words: str
) -> None:
    world = observe(condition)
    assert verdict_of(world) == verdict
    assert words in autoscaling_of(world, START).condition.message


def test_silent_autoscaler_waits_in_the_same_words() -> None:
    assert autoscaling_of(observe(), START).condition == autoscaling_of(observe(inactive(NO_FIGURES)), START).condition


def test_load_beyond_maximum_is_reported_while_scaling_works() -> None:
    assert verdict_of(observe(active(), limitation("TooManyReplicas", true=True))) == ("True", Reason.TOO_MANY_REPLICAS)
    assert verdict_of(observe(active(), limitation("TooFewReplicas", true=True))) == ("True", Reason.VALID_METRIC_FOUND)


@pytest.mark.parametrize("now", [1.0, CALM_SECONDS - 1])
def test_metrics_that_go_for_a_moment_are_no_news(now: float) -> None:
    world = observe(inactive(DOWN), before=Reason.VALID_METRIC_FOUND)
    assert verdict_of(world, now)[0] == "True"
    assert autoscaling_of(world, at(now)).due == CALM_SECONDS - now


def test_metrics_that_stay_away_are_news() -> None:
    world = observe(inactive(ABSENT), before=Reason.TOO_MANY_REPLICAS)
    assert verdict_of(world, CALM_SECONDS) == ("False", Reason.METRICS_UNAVAILABLE)
    assert autoscaling_of(world, at(CALM_SECONDS)).due is None


def test_a_rollout_whose_new_pods_have_no_figures_yet_is_no_news() -> None:
    world = observe(inactive(NO_FIGURES), before=Reason.VALID_METRIC_FOUND, serving_since=-1000)
    assert verdict_of(world, STARTING_SECONDS - 1)[0] == "True"
    assert verdict_of(world, STARTING_SECONDS) == ("False", Reason.POD_METRICS_MISSING)


def test_missing_figures_are_reported_after_the_starting_time() -> None:
    assert verdict_of(observe(inactive(NO_FIGURES), serving_since=None), 10_000) == ("Unknown", Reason.FETCHING_METRICS)
    late = observe(inactive(NO_FIGURES), serving_since=10_000)
    assert verdict_of(late, 10_010) == ("Unknown", Reason.FETCHING_METRICS)
    assert autoscaling_of(late, at(10_010)).due == STARTING_SECONDS - 10
    assert verdict_of(late, 10_000 + STARTING_SECONDS) == ("False", Reason.POD_METRICS_MISSING)


def test_a_load_around_the_maximum_does_not_flap() -> None:
    beyond, within = (
        limitation("TooManyReplicas", true=True, since=50),
        limitation("DesiredWithinRange", true=False, since=50),
    )
    assert verdict_of(observe(active(), beyond, before=Reason.VALID_METRIC_FOUND), 60)[1] is Reason.VALID_METRIC_FOUND
    assert verdict_of(observe(active(), within, before=Reason.TOO_MANY_REPLICAS), 60)[1] is Reason.TOO_MANY_REPLICAS
    assert verdict_of(observe(active(), beyond, before=Reason.VALID_METRIC_FOUND), 70)[1] is Reason.TOO_MANY_REPLICAS


pauses = st.lists(st.floats(0.1, CALM_SECONDS - 2), min_size=1, max_size=20)


@given(pauses, st.sampled_from([ABSENT, DOWN, NO_FIGURES]))
def test_short_troubles_do_not_end_active_autoscaling(lengths: list[float], trouble: str) -> None:
    now = 0.0
    for length in lengths:
        assert verdict_of(observe(active(since=now), before=Reason.VALID_METRIC_FOUND), now)[0] == "True"
        now += 1
        assert (
            verdict_of(observe(inactive(trouble, since=now), before=Reason.VALID_METRIC_FOUND), now + length)[0]
            == "True"
        )
        now += length
