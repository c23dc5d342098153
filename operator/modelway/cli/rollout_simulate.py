"""`modelway rollout simulate`: when a rollout would promote or roll back, before anything is deployed."""

import argparse
import json
import sys

from modelway.api.rollout import ROLLING, Rollout
from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.local_process import choose
from modelway.cli.manifests import load_deployments
from modelway.cli.simulation import records, trial
from modelway.cli.simulation.summary import EXIT_STATUS, Summary
from modelway.cli.simulation.traffic import FAULTS, NONE, Shares, Steady, Traffic, shares_of
from modelway.errors import WrongUsage
from modelway.wording import counted, percent


def run(arguments: argparse.Namespace) -> int:
    """Simulate rollouts of one ModelDeployment, and print what they come to.

    Returns:
        0 when they are promoted, 1 when they are rolled back, 3 when they come to no verdict or not to one alone.
    """
    deployment = choose(load_deployments(arguments.filename, arguments.namespace), arguments.name)
    rollout, left_out = _without_metrics(_judged(deployment))
    share, words = _fault(arguments)
    wrong = shares_of(arguments.fault, share)
    traffic, described, is_recorded = _traffic(arguments, wrong)
    if (replay := rollout.replay) is not None:
        rollout = rollout.model_copy(update={"replay": None})
        described += f", without spec.rollout.replay, which would send up to {counted(replay.requests, 'request')} of known rows first"
    if is_recorded:
        words = "answers as the recorded one did"
    scaling = deployment.spec.scaling
    size = (scaling.replicas or scaling.min or 1) if scaling else 1
    trials = [trial.run(rollout, size, traffic, f"{arguments.seed}-{number}") for number in range(arguments.runs)]
    summary = Summary(deployment.metadata.name, rollout, described, words, arguments.seed, trials, left_out)
    if arguments.output == "json":
        print(json.dumps(summary.document(), indent=2))
    else:
        sys.stdout.write(summary.text())
    return EXIT_STATUS[summary.verdict]


def _judged(deployment: ModelDeployment) -> Rollout:
    rollout = deployment.spec.rollout
    if rollout is None or not rollout.is_judged:
        present = "left out, which means Rolling" if rollout is None else ROLLING
        raise WrongUsage(
            f"spec.rollout.strategy of {deployment.metadata.name} is {present}: it has no candidate to judge. Write Canary, BlueGreen or Shadow"
        )
    if rollout.paused:
        raise WrongUsage(
            f"spec.rollout.paused of {deployment.metadata.name} is true: the rollout would never move. Write false"
        )
    return rollout


def _without_metrics(rollout: Rollout) -> tuple[Rollout, tuple[str, ...]]:
    """The rollout as the servers' counts alone judge it, and the metrics that are left out: what they count is not known here."""
    names = tuple(one.name for one in rollout.limits.metrics)
    return rollout.model_copy(update={"analysis": rollout.limits.model_copy(update={"metrics": ()})}), names


def _fault(arguments: argparse.Namespace) -> tuple[float, str]:
    usual, words = FAULTS[arguments.fault]
    if arguments.share is not None and arguments.fault == NONE:
        raise WrongUsage(
            "--share: says how much is wrong, and --fault is none. Write --fault failing, slow, wrong or segment"
        )
    share = usual if arguments.share is None else arguments.share
    words = words.format(share=percent(share))
    return share, f"is {words}" if arguments.fault == NONE else words


def _traffic(arguments: argparse.Namespace, wrong: Shares) -> tuple[Traffic, str, bool]:
    if arguments.counts is None:
        rate = arguments.rate
        return Steady(rate, wrong), f"{rate:g} {'request' if rate == 1 else 'requests'} a second", False
    recorded, has_candidate = records.read(arguments.counts, wrong)
    if has_candidate and arguments.fault != NONE:
        raise WrongUsage(
            f"--fault {arguments.fault}: {arguments.counts} has counts of a candidate, which say what is wrong with it. "
            "Leave --fault out, or the columns candidate_..."
        )
    return recorded, f"requests as in {arguments.counts}", has_candidate
