"""More load than one pod takes: the autoscaler starts pods, and takes them away again when the load goes."""

from demo.acts import EXAMPLES, condition, in_namespace, infer_url, request, until
from demo.load import Load, Tally, describe, failures
from demo.place import ROOT, Place
from demo.progress import Narrator, Step
from support.cluster.sandbox import Kubectl

NAME = "breast-cancer"
PATCH = EXAMPLES[NAME] / "scaling.yaml"
PODS = f"modelway.dev/name={NAME},modelway.dev/track=stable"
MOST = 3
PEAK_CLIENTS, CALM_CLIENTS = 8, 2
PEAK_PAUSE, CALM_PAUSE = 0.002, 1.0
"""Seconds that each client waits before it asks again."""


def scale(place: Place, narrator: Narrator) -> Tally:
    """Let breast-cancer scale, load it until it has all its pods, and see it shrink again; everything its clients got.

    Raises:
        DemoError: the autoscaler did not do its work.
    """
    kubectl = in_namespace(place)
    narrator.command(f"kubectl patch mdep {NAME} --type merge --patch-file {PATCH.relative_to(ROOT)}")
    kubectl("patch", "mdep", NAME, "--type", "merge", "--patch-file", str(PATCH))
    with narrator.step("The autoscaler measures the model's pod") as step:
        verdict = until(lambda: _verdict(kubectl), "the autoscaler to measure the pods", step)
        step.result = verdict["reason"]
    if verdict["status"] == "False":
        narrator.say(f"This cluster cannot scale: {verdict['message']}")
        return Tally()
    return _load_and_rest(place, kubectl, narrator)


def _load_and_rest(place: Place, kubectl: Kubectl, narrator: Narrator) -> Tally:
    url, body = infer_url(place, NAME), request(NAME)
    with Load(url, body, connections=CALM_CLIENTS, pause=CALM_PAUSE) as calm:
        with Load(url, body, connections=PEAK_CLIENTS, pause=PEAK_PAUSE) as peak:
            with narrator.step(f"{PEAK_CLIENTS} clients ask as fast as they can, and pods are started") as step:
                until(lambda: _has(kubectl, MOST, step), f"{MOST} pods that serve", step)
                step.result = f"from 1 pod to {MOST}"
            _show(kubectl, narrator)
        with narrator.step(f"They leave, {CALM_CLIENTS} calm ones stay, and pods are taken away") as step:
            until(lambda: _has(kubectl, 1, step), "the spare pods to end", step)
            step.result = f"from {MOST} pods to 1"
    tally = peak.tally()
    tally.add(calm.tally())
    for line in (describe(tally), *failures(tally)):
        narrator.say(line)
    return tally


def _verdict(kubectl: Kubectl) -> dict[str, str] | None:
    verdict = condition(kubectl, NAME, "AutoscalingActive")
    return verdict if verdict.get("status") in {"True", "False"} else None


def _has(kubectl: Kubectl, count: int, step: Step) -> bool:
    """Whether so many pods are there, and all of them serve."""
    pods = kubectl.list("pods", PODS)
    serving = sum(bool(status["ready"]) for pod in pods for status in pod["status"].get("containerStatuses", []))
    target = kubectl.get("hpa", NAME).get("status", {}).get("currentMetrics") or [{}]
    used = target[0].get("resource", {}).get("current", {}).get("averageUtilization", "?")
    step.note(f"{used}% of the CPU request used, {serving} pods serve")
    return (len(pods), serving) == (count, count)


def _show(kubectl: Kubectl, narrator: Narrator) -> None:
    for command in (("get", "hpa", NAME), ("top", "pods", "-l", PODS)):
        narrator.command(f"kubectl {' '.join(command)}")
        for line in kubectl(*command).splitlines():
            narrator.say(line)
