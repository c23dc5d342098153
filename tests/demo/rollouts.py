"""A retrained model whose labels were swapped on the way: it loads, answers with status 200, and is wrong. Its canary goes back by itself."""

import json
from datetime import UTC, datetime

import yaml

from demo import acts
from demo.acts import Object
from demo.errors import DemoError
from demo.load import Load, Tally, describe, failures
from demo.place import ROOT, Place
from demo.progress import Narrator, Step
from modelway.cli.rollout_text import describe_measure, phase_text, rollout_of
from modelway.cli.status import overview
from modelway.rollout.state import Phase
from support.cluster.sandbox import Kubectl

NAME = "loans"
FILE = ROOT / "examples" / "rollouts" / "canary.yaml"
GOOD, BAD = "v1", "mixed-up"
PODS_OF_CANDIDATE = f"modelway.dev/name={NAME},modelway.dev/track=canary"
CLIENTS, PAUSE = 4, 0.02
"""How many clients ask, and the seconds that each waits before it asks again."""


def roll_back_wrong_answers(place: Place, narrator: Narrator) -> Tally:
    """Serve a model, ask for the one with the swapped labels under load, and watch it go; everything the clients got.

    Raises:
        DemoError: the rollout ended otherwise, or the good model stopped answering.
    """
    kubectl = acts.in_namespace(place)
    shown = FILE.relative_to(ROOT)
    narrator.command(f"kubectl apply -n {acts.NAMESPACE} -f {shown}")
    acts.apply(kubectl, _manifest(GOOD))
    with narrator.step(f"{NAME} {GOOD}") as step:
        step.result = str(acts.wait_for(kubectl, NAME, "Serving", step)["message"])
    url, body = acts.infer_url(place, NAME), (FILE.parent / "request.json").read_bytes()
    acts.wait_for_service(url)
    narrator.command(f"sed '/^ /s/{GOOD}/{BAD}/' {shown} | kubectl apply -n {acts.NAMESPACE} -f -")
    with Load(url, body, connections=CLIENTS, pause=PAUSE) as load:
        acts.apply(kubectl, _manifest(BAD))
        with narrator.step(f"{NAME} {BAD} gets a tenth of the requests, and its answers are compared") as step:
            resource = acts.until(lambda: _ended(kubectl, step), "the rollout to end", step)
            rollout = rollout_of(resource)
            step.result = phase_text(rollout)
        with narrator.step("Its pods end, and nobody notices") as step:
            acts.until(lambda: not kubectl.list("pods", PODS_OF_CANDIDATE), "the candidate's pods to end", step)
    tally = load.tally()
    _tell(narrator, resource, tally)
    answer = acts.ask(url, body)
    if rollout["phase"] != Phase.ROLLED_BACK or answer.get("model_version") != GOOD:
        raise DemoError(
            f"{NAME} {GOOD} should serve again, but {json.dumps(dict(rollout))}; answered: {json.dumps(answer)}"
        )
    narrator.say(f"Version {GOOD} answers everything again: {json.dumps(answer['outputs'][0]['data'])}")
    return tally


def _manifest(version: str) -> Object:
    head, model = FILE.read_text().split("spec:\n")
    manifest: Object = yaml.safe_load(f"{head}spec:\n{model.replace(GOOD, version)}")
    return manifest


def _ended(kubectl: Kubectl, step: Step) -> Object | None:
    """The ModelDeployment once the rollout of the bad version is over."""
    resource = kubectl.get("mdep", NAME)
    rollout = rollout_of(resource)
    if not rollout:
        step.note(acts.condition(kubectl, NAME, "Ready").get("reason", "the operator has not seen it yet"))
        return None
    counts = [f"{one['name']} {describe_measure(one)}" for one in rollout.get("measures", ()) if one.get("bad")]
    step.note("; ".join(filter(None, [phase_text(rollout), rollout.get("traffic", ""), *counts])))
    return resource if rollout["phase"] in {Phase.ROLLED_BACK, Phase.PROMOTED} else None


def _tell(narrator: Narrator, resource: Object, tally: Tally) -> None:
    narrator.say(describe(tally))
    for line in failures(tally):
        narrator.say(line)
    narrator.command(f"modelway status {NAME} -n {acts.NAMESPACE}")
    for line in overview([resource], everywhere=False, detailed=True, now=datetime.now(UTC)).splitlines():
        narrator.say(line)
