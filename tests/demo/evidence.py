"""A retrained model that finds fewer frauds: the gate refuses it with its numbers, and the better one goes on serving."""

import json
from typing import Any

import yaml

from demo import acts
from demo.errors import DemoError
from demo.place import ROOT, Place
from demo.progress import Narrator

Object = dict[str, Any]

NAME = "judged-fraud"
FILE = ROOT / "examples" / "evaluation" / "fraud.yaml"
BETTER, WORSE = "v2", "v1"


def refuse_worse_model(place: Place, narrator: Narrator) -> None:
    """Serve the better of two models, then ask for the worse one.

    Raises:
        DemoError: the worse model was not refused by its evaluation, or the better one stopped answering.
    """
    kubectl = acts.in_namespace(place)
    narrator.command(f"kubectl apply -n {acts.NAMESPACE} -f {FILE.relative_to(ROOT)}")
    acts.apply(kubectl, _manifest(BETTER))
    with narrator.step(f"{NAME} {BETTER} is proved on rows that it has not seen, and serves") as step:
        step.result = str(acts.wait_for(kubectl, NAME, "Serving", step)["message"])
    _show(place, narrator)
    narrator.command(
        f"sed 's/{BETTER}/{WORSE}/; s/Compatible/Any/' {FILE.relative_to(ROOT)} | kubectl apply -n {acts.NAMESPACE} -f -"
    )
    acts.apply(kubectl, _manifest(WORSE))
    with narrator.step(f"{NAME} {WORSE}, which finds fewer frauds, answers the same rows") as step:
        message = acts.wait_for(kubectl, NAME, "EvaluationFailed", step)["message"]
    _show(place, narrator)
    narrator.say(f"Message: {message}")
    url = acts.infer_url(place, NAME)
    acts.wait_for_service(url)
    version = acts.ask(url, (FILE.with_suffix(".json")).read_bytes()).get("model_version", BETTER)
    if version != BETTER:
        raise DemoError(f"{NAME} {BETTER} should go on serving, but {version} answered")
    narrator.say(f"Version {BETTER} goes on answering.")


def _manifest(version: str) -> Object:
    text = FILE.read_text()
    if version == WORSE:
        text = text.replace(BETTER, WORSE).replace("Compatible", "Any")
    manifest: Object = yaml.safe_load(text)
    return manifest


def _show(place: Place, narrator: Narrator) -> None:
    """Print the numbers of the newest verdict."""
    status = acts.in_namespace(place).get("mdep", NAME)["status"]
    newest = status["revisions"][0]
    for metric in newest.get("evaluation", ()):
        narrator.say(f"{newest['verdict']}: {_line(metric)}")
    if not newest.get("evaluation"):
        raise DemoError(f"{NAME} was judged without numbers: {json.dumps(newest)}")


def _line(metric: Object) -> str:
    interval = f" ({metric['low']:.3f} to {metric['high']:.3f})" if {"low", "high"} <= metric.keys() else ""
    if "difference" in metric:
        difference = f"{metric['difference']:+.3f} against {metric['stable']:.3f} of the model that serves"
        return f"{metric['metric']} {difference}{interval}: {metric['outcome']}"
    return f"{metric['metric']} {metric['value']:.3f}{interval}: {metric['outcome']}"
