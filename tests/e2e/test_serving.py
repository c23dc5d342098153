"""The first example on a real node: found by the cluster's names, reached through kube-proxy, updated without a lost request."""

import json
import urllib.request

from demo.load import Load
from e2e.conftest import EXAMPLE, manifest
from support.cluster import Kubectl
from support.waiting import eventually

REQUEST = (EXAMPLE / "request.json").read_bytes()
REQUESTS = 2_000
ROLLOUT_SECONDS = 120


def test_the_example_answers_under_its_name(example: str, namespace: str) -> None:
    assert example == f"http://breast-cancer.{namespace}.svc.cluster.local"
    assert _predictions(example) == [0, 1]


def test_a_pod_reaches_the_example_by_its_short_name(example: str, namespace: str, cluster_kubectl: Kubectl) -> None:
    url = f"http://breast-cancer.{namespace}/v2/models/breast-cancer/ready"
    ask = f"import urllib.request; print(urllib.request.urlopen({url!r}).status)"
    said = cluster_kubectl("exec", "-n", "model-store", "deployment/models", "--", "python3", "-c", ask)
    assert said.strip() == "200"


def test_a_rolling_update_under_load_loses_no_request(example: str, kubectl: Kubectl) -> None:
    with Load(f"{example}/v2/models/breast-cancer/infer", REQUEST, pause=0.005) as load:
        eventually(lambda: load.requests() > REQUESTS / 4, deadline=ROLLOUT_SECONDS)
        kubectl.apply(manifest("v2"))
        kubectl("wait", "mdep/breast-cancer", "--for=condition=Ready", f"--timeout={ROLLOUT_SECONDS}s")
        eventually(lambda: len(kubectl.list("pods")) == 1, deadline=ROLLOUT_SECONDS)
        enough = max(REQUESTS, load.requests() + REQUESTS / 4)
        eventually(lambda: load.requests() >= enough, deadline=ROLLOUT_SECONDS)
    tally = load.tally()
    assert tally.failures == {}
    assert {"v1", "v2"} <= tally.versions.keys()


def _predictions(url: str) -> list[int]:
    request = urllib.request.Request(
        f"{url}/v2/models/breast-cancer/infer", REQUEST, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: list[int] = json.load(answer)["outputs"][0]["data"]
    return found
