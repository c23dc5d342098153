"""`python -m demo`: the whole product, from an empty machine to predictions, an update under load, scaling, a worse model, a wrong one and a mistake."""

import argparse
import shlex
import signal
import sys
import time
from types import FrameType

from rich.console import Console

from demo import acts, evidence, rollouts, scaling, setup
from demo.errors import DemoError
from demo.place import Place, context_place, sandbox_place, train
from demo.progress import Narrator
from sandbox import SandboxError
from support.cluster.helm import HelmError
from support.cluster.sandbox import KubectlError


def main(argv: list[str] | None = None) -> int:
    """Tell the whole demo; the exit code is 0 when everything was as it should be."""
    options = _options(argv)
    narrator = Narrator(Console(highlight=False, soft_wrap=True))
    signal.signal(signal.SIGTERM, _as_interrupt)
    began = time.monotonic()
    try:
        failed = _tell(options, narrator)
    except (DemoError, SandboxError, HelmError, KubectlError) as error:
        narrator.verdict(f"The demo failed: {error}", good=False)
        return 1
    except KeyboardInterrupt:
        narrator.verdict("Stopped; everything the demo started has ended.", good=False)
        return 130
    narrator.verdict(f"{failed} failed requests; {time.monotonic() - began:.0f} s in all.", good=failed == 0)
    return 1 if failed else 0


def _tell(options: argparse.Namespace, narrator: Narrator) -> int:
    context = options.context
    narrator.chapter(f"The cluster of context {context}" if context else "A Kubernetes control plane")
    with context_place(context) if context else sandbox_place(narrator, keep=options.keep) as place:
        try:
            failed = _play(place, narrator)
        finally:
            if context and not options.keep:
                setup.close(place, narrator, acts.NAMESPACE)
        if options.keep:
            _invite(place, narrator)
    return failed


def _play(place: Place, narrator: Narrator) -> int:
    """Every act in order; how many requests failed."""
    narrator.chapter("Once per cluster: install Modelway")
    setup.install(place, narrator)
    narrator.chapter("Train some models")
    with narrator.step("scikit-learn's breast-cancer data, synthetic card payments and prices of homes") as step:
        output = train(place)
        step.result = f"{len(output)} models"
    for line in output:
        narrator.say(line)
    setup.open_store(place, narrator)
    narrator.chapter("One YAML per model")
    acts.serve(place, narrator)
    narrator.chapter("Predictions")
    acts.predict(place, narrator)
    narrator.chapter("A new version under load")
    tally = acts.roll(place, narrator)
    narrator.chapter("More load than one pod takes")
    tally.add(scaling.scale(place, narrator))
    narrator.chapter("A model that is worse")
    evidence.refuse_worse_model(place, narrator)
    narrator.chapter("A model that is wrong, and that no test caught")
    tally.add(rollouts.roll_back_wrong_answers(place, narrator))
    narrator.chapter("A mistake")
    acts.get_it_wrong(place, narrator)
    return tally.failed


def _invite(place: Place, narrator: Narrator) -> None:
    narrator.chapter("It is yours: everything keeps running")
    if place.sandboxed:
        narrator.command(f"export KUBECONFIG={shlex.quote(str(place.kubeconfig))}")
    for command in (
        f"kubectl config set-context --current --namespace={acts.NAMESPACE}",
        "kubectl get mdep,deployments,services,pods",
        "kubectl describe mdep breast-cancer",
        "kubectl explain mdep.spec --recursive",
        "kubectl apply -f examples/breast_cancer/modeldeployment.yaml   # mends the mistake",
        "kubectl logs deploy/fraud",
        f"kubectl logs -n {setup.SYSTEM} deploy/modelway",
        "curl -H 'Content-Type: application/json' -d @examples/fraud/request.json " + acts.infer_url(place, "fraud"),
    ):
        narrator.command(command)
    narrator.say("To end it:")
    for command in _farewell(place):
        narrator.command(command)


def _farewell(place: Place) -> list[str]:
    if place.sandboxed:
        return [".venv/bin/python -m sandbox down"]
    return [
        f"kubectl delete namespace {acts.NAMESPACE} {setup.STORE}",
        f"helm uninstall modelway -n {setup.SYSTEM} && kubectl delete namespace {setup.SYSTEM}",
        "kubectl delete crd modeldeployments.modelway.dev",
    ]


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running for you to play with")
    parser.add_argument("--context", help="a context of your kubeconfig to use instead of a sandbox")
    return parser.parse_args(argv)


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
