"""A real Gateway divides the requests of a rollout, while clients ask through it."""

from demo.load import Tally
from gateways.gateway import Gateway
from gateways.model import READY_SECONDS, Model
from support.cluster.sandbox import Object
from support.waiting import eventually

SHARES = {"traefik": (100, 1), "envoy": (1000, 50)}
"""Of how many requests the candidate's are counted, and by how many they may miss 20%: Traefik counts, Envoy draws (50 is four deviations)."""

ANALYSIS: Object = {"tolerance": "20%"}


def canary(*steps: Object) -> Object:
    return {"strategy": "Canary", "trafficRouting": "Gateway", "steps": [*steps], "analysis": ANALYSIS}


BLUE_GREEN: Object = {
    "strategy": "BlueGreen",
    "trafficRouting": "Gateway",
    "scaleDownDelay": "5s",
    "analysis": ANALYSIS,
}


def _roll(model: Model, version: str, factor: float, rollout: Object, phase: str) -> Tally:
    """What clients get from before a rollout until nothing is left of its candidate."""
    model.wants("v1", 2.0, rollout)
    model.serves()
    with model.load() as load:
        model.wants(version, factor, rollout)
        end = model.ends()
        assert end["phase"] == phase, end["message"]
        eventually(lambda: not model.remains(), deadline=READY_SECONDS, describe=model.remains)
        enough = load.requests() + 200
        eventually(lambda: load.requests() > enough)
    return load.tally()


def test_candidate_gets_its_share_of_requests(model: Model, gateway: Gateway) -> None:
    rollout = canary({"weight": 20, "hold": "1h"})
    model.wants("v1", 2.0, rollout)
    model.serves()
    with model.load() as load:
        model.wants("v2", 2.0, rollout)
        eventually(lambda: model.rollout.get("since"), deadline=READY_SECONDS, describe=lambda: model.rollout)
        assert model.rollout["weight"] == 20
        eventually(lambda: model.answer()["model_version"] == "v2")
    assert load.tally().failures == {}
    requests, deviation = SHARES[gateway.name]
    assert abs(model.versions(requests)["v2"] - requests // 5) <= deviation


def test_good_canary_is_promoted_without_a_lost_request(model: Model) -> None:
    tally = _roll(model, "v2", 2.0, canary({"weight": 20}, {"weight": 50}), "Promoted")
    assert tally.failures == {}
    assert tally.versions.keys() == {"v1", "v2"}


def test_bad_canary_is_rolled_back_without_a_lost_request(model: Model) -> None:
    tally = _roll(model, "v3", 3.0, canary({"weight": 20}, {"weight": 50}), "RolledBack")
    assert tally.failures == {}
    assert model.versions(20) == {"v1": 20}


def test_blue_green_switches_without_a_lost_request(model: Model) -> None:
    tally = _roll(model, "v2", 2.0, BLUE_GREEN, "Promoted")
    assert tally.failures == {}
    assert tally.versions.keys() == {"v1", "v2"}
