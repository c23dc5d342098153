"""What a data scientist does every day: apply, ask, update, get it wrong; each act checks what came of it."""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import yaml

from demo.errors import DemoError
from demo.load import Load, Tally, describe, failures
from demo.place import ROOT, Place
from demo.progress import Narrator, Step
from support.cluster.sandbox import Kubectl, namespace_manifest

Object = dict[str, Any]
T = TypeVar("T")

NAMESPACE = "modelway-demo"
EXAMPLES = {"breast-cancer": ROOT / "examples" / "breast_cancer", "fraud": ROOT / "examples" / "fraud"}
POLL_SECONDS = 0.25
READY_SECONDS = 120.0
SERVICE_SECONDS = 15.0
PAYMENT = {"amount": 890.0, "hour": 3, "account_age_days": 4, "category": "gambling"}
CALM_SECONDS = 2.0
"""How long the load runs before the update, and after the last old pod is gone."""


def serve(place: Place, narrator: Narrator) -> None:
    """Apply one YAML per model and watch both become ready."""
    kubectl = in_namespace(place)
    narrator.command(f"kubectl create namespace {NAMESPACE}")
    kubectl.apply(namespace_manifest(NAMESPACE))
    for name, folder in EXAMPLES.items():
        narrator.command(f"kubectl apply -n {NAMESPACE} -f {folder.relative_to(ROOT)}/modeldeployment.yaml")
        apply(kubectl, _manifest(name))
    for name in EXAMPLES:
        with narrator.step(name) as step:
            step.result = str(wait_for(kubectl, name, "Serving", step)["message"])
    _show(kubectl, narrator)


def predict(place: Place, narrator: Narrator) -> None:
    """Send each example's request and one row in words, show the curl commands that do the same, and what evaluates the models."""
    for name, folder in EXAMPLES.items():
        url = infer_url(place, name)
        wait_for_service(url)
        narrator.command(f"curl -H 'Content-Type: application/json' -d @{folder.relative_to(ROOT)}/request.json {url}")
        narrator.say(json.dumps(ask(url, request(name))))
    url, row = urljoin(infer_url(place, "fraud"), "/predict"), json.dumps({"rows": [PAYMENT]})
    narrator.command(f"curl -H 'Content-Type: application/json' -d '{row}' {url}")
    narrator.say(json.dumps(ask(url, row.encode())))
    columns = "custom-columns=NAME:.metadata.name,ENGINE:.status.stable.engine"
    narrator.command(f"kubectl get mdep -n {NAMESPACE} -o {columns}")
    for line in in_namespace(place)("get", "mdep", "-o", columns).splitlines():
        narrator.say(line)


def roll(place: Place, narrator: Narrator) -> Tally:
    """Take fraud to its second version while clients ask it without pause; everything they got.

    Raises:
        DemoError: the second version did not take over.
    """
    kubectl = in_namespace(place)
    url = infer_url(place, "fraud")
    narrator.command(f"sed '/^ /s/v1/v2/' examples/fraud/modeldeployment.yaml | kubectl apply -n {NAMESPACE} -f -")
    with narrator.step("fraud goes from v1 to v2 while 4 clients keep asking it") as step:
        with Load(url, request("fraud")) as load:
            _keep_asking(load, step)
            apply(kubectl, _manifest("fraud", version="v2"))
            wait_for(kubectl, "fraud", "Serving", step)
            until(
                lambda: len(kubectl.list("pods", "modelway.dev/name=fraud,modelway.dev/track=stable")) == 2,
                "the old pods to end",
                step,
            )
            _keep_asking(load, step)
        tally = load.tally()
        step.result = describe(tally)
    if not {"v1", "v2"} <= tally.versions.keys():
        raise DemoError(f"both versions of fraud should have answered, but these did: {dict(tally.versions)}")
    for line in failures(tally):
        narrator.say(line)
    return tally


def get_it_wrong(place: Place, narrator: Narrator) -> None:
    """Name a file that is not there: the status says so, and the model that served goes on serving.

    Raises:
        DemoError: the status says something else, or the old revision stopped answering.
    """
    kubectl = in_namespace(place)
    url = infer_url(place, "breast-cancer")
    narrator.command(
        f"sed '/^ /s/v1/v9/' examples/breast_cancer/modeldeployment.yaml | kubectl apply -n {NAMESPACE} -f -"
    )
    apply(kubectl, _manifest("breast-cancer", version="v9"))
    with narrator.step("breast-cancer is given a URI where there is no file") as step:
        message = wait_for(kubectl, "breast-cancer", "ModelNotFound", step)["message"]
    _show(kubectl, narrator)
    narrator.say(f"Message: {message}")
    answer = ask(url, request("breast-cancer"))
    if answer.get("model_version") != "v1":
        raise DemoError(f"breast-cancer v1 should go on serving, but this answered: {json.dumps(answer)}")
    narrator.say(f"Version {answer['model_version']} goes on answering: {json.dumps(answer['outputs'][0]['data'])}")


def in_namespace(place: Place) -> Kubectl:
    """Kubectl where the demo's models are."""
    return place.kubectl.in_namespace(NAMESPACE)


def _manifest(name: str, *, version: str = "v1") -> Object:
    text = (EXAMPLES[name] / "modeldeployment.yaml").read_text()
    manifest: Object = yaml.safe_load(text.replace("v1/model.joblib", f"{version}/model.joblib"))
    manifest["spec"]["model"]["version"] = version
    return manifest


def apply(kubectl: Kubectl, manifest: Object) -> None:
    """Apply one ModelDeployment as a user would."""
    kubectl("apply", "-f", "-", input=json.dumps(manifest))


def request(name: str) -> bytes:
    """The body of an example's request."""
    return (EXAMPLES[name] / "request.json").read_bytes()


def _show(kubectl: Kubectl, narrator: Narrator) -> None:
    narrator.command(f"kubectl get mdep -n {NAMESPACE}")
    for line in kubectl("get", "mdep").splitlines():
        narrator.say(line)


def infer_url(place: Place, name: str) -> str:
    """Where a model is asked, by the address of its Service."""
    service = in_namespace(place).get("service", name)["spec"]
    return f"http://{service['clusterIP']}:{service['ports'][0]['port']}/v2/models/{name}/infer"


def wait_for_service(url: str) -> None:
    """A node learns of a model's first pods a moment after they became ready; until then it refuses connections."""
    address = urlsplit(url)
    end = time.monotonic() + SERVICE_SECONDS
    while True:
        try:
            socket.create_connection((address.hostname, address.port), timeout=1).close()
        except OSError as error:
            if time.monotonic() > end:
                raise DemoError(
                    f"{url} does not answer {SERVICE_SECONDS:g} s after its pods became ready: {error}"
                ) from error
            time.sleep(POLL_SECONDS)
        else:
            return


def ask(url: str, body: bytes) -> Object:
    """A model's answer.

    Raises:
        DemoError: there is none.
    """
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            answer: Object = json.load(response)
    except urllib.error.HTTPError as error:
        raise DemoError(f"{url} answered {error.code}: {error.read().decode()}") from error
    except OSError as error:
        raise DemoError(f"{url} does not answer: {error}") from error
    return answer


def wait_for(kubectl: Kubectl, name: str, reason: str, step: Step) -> Object:
    """The Ready condition once it is of today's generation and has this reason."""

    def reached() -> Object | None:
        ready = condition(kubectl, name, "Ready")
        step.note(f"{ready['reason']}: {ready['message']}" if ready else "the operator has not seen it yet")
        return ready if ready.get("reason") == reason else None

    return until(reached, f"{name} to be {reason}", step)


def condition(kubectl: Kubectl, name: str, kind: str) -> Object:
    """The condition of this type once it is of today's generation; empty before."""
    resource = kubectl.get("mdep", name)
    conditions = resource.get("status", {}).get("conditions", [])
    generation = resource["metadata"]["generation"]
    return next((one for one in conditions if (one["type"], one["observedGeneration"]) == (kind, generation)), {})


def until(question: Callable[[], T | None], purpose: str, step: Step) -> T:
    """The first truthy answer.

    Raises:
        DemoError: there was none in time.
    """
    end = time.monotonic() + READY_SECONDS
    while not (answer := question()):
        if time.monotonic() > end:
            raise DemoError(f"waited {READY_SECONDS:g} s in vain for {purpose}; last seen: {step.noted}")
        time.sleep(POLL_SECONDS)
    return answer


def _keep_asking(load: Load, step: Step) -> None:
    end = time.monotonic() + CALM_SECONDS
    while time.monotonic() < end:
        step.note(f"{load.requests():,} requests")
        time.sleep(POLL_SECONDS)
