"""The first example on a real node: found by the cluster's names, reached through kube-proxy, updated without a lost request."""

import json
import urllib.request

from demo.load import Load
from e2e.conftest import EXAMPLE, Example
from support.cluster.sandbox import Kubectl
from support.waiting import eventually

REQUEST = (EXAMPLE / "request.json").read_bytes()
REQUESTS = 2_000
LOAD_SECONDS = 120


def test_the_example_answers_under_its_name(example: Example) -> None:
    assert example.url == f"http://breast-cancer.{example.namespace}.svc:80"
    assert _predictions(example.url) == [0, 1]
    assert _predictions(f"http://breast-cancer.{example.namespace}.svc.cluster.local") == [0, 1]


def test_a_pod_reaches_the_example_by_its_short_name(example: Example, cluster_kubectl: Kubectl) -> None:
    url = f"http://breast-cancer.{example.namespace}/v2/models/breast-cancer/ready"
    ask = f"import urllib.request; print(urllib.request.urlopen({url!r}).status)"
    status = cluster_kubectl("exec", "-n", "model-store", "deployment/models", "--", "python3", "-c", ask)
    assert status.strip() == "200"


def test_a_rolling_update_under_load_loses_no_request(example: Example) -> None:
    with Load(example.infer, REQUEST, pause=0.005) as load:
        eventually(lambda: load.requests() > REQUESTS / 4, deadline=LOAD_SECONDS)
        versions = example.roll()
        example.is_ready()
        enough = max(REQUESTS, load.requests() + REQUESTS / 4)
        eventually(lambda: load.requests() >= enough, deadline=LOAD_SECONDS)
    tally = load.tally()
    assert tally.failures == {}
    assert tally.versions.keys() == set(versions)


def _predictions(url: str) -> list[int]:
    endpoint = f"{url}/v2/models/breast-cancer/infer"
    request = urllib.request.Request(endpoint, REQUEST, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        labels: list[int] = json.load(answer)["outputs"][0]["data"]
    return labels
