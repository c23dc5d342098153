"""`modelway-server replay`: ask both revisions of a rollout the same rows, and report to the kubelet what was counted.

No model is loaded here. Whatever comes of it, the process ends with status 0: its report tells.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from modelway_server.arguments import not_negative, port, positive, positive_int
from modelway_server.errors import LoadFailure
from modelway_server.evaluation.wish import Format
from modelway_server.process.exit_report import Report, failure_report, write_termination_message
from modelway_server.replay.arm import Address, Arm, Missed
from modelway_server.replay.rows import Question, Selection, questions_of_dataset, questions_of_model
from modelway_server.replay.trial import Replay
from modelway_server.traffic.document import Rollout

REPLAYED: Final = "Replayed"
NOT_REPLAYED: Final = "NotReplayed"
REACH_SECONDS: Final = 30.0
_LONGEST_REFUSAL = 300
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a replay is to do.

    Attributes:
        rollout: whom it is for, and its limits.
        stable: the revision that serves.
        candidate: the other one.
        name: of the model.
        selection: which rows.
        format: of the dataset.
        dataset_dir: where it lies; None where the rows are beside the model.
        model_dir: where the model lies; None where there is a dataset.
        seconds: for everything.
    """

    rollout: Rollout
    stable: Address
    candidate: Address
    name: str
    selection: Selection
    format: Format
    dataset_dir: Path | None
    model_dir: Path | None
    seconds: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `replay`."""
    add = parser.add_argument
    add("--name", required=True, help="the model's name in URLs")
    add("--rollout", required=True, help="id of the rollout")
    add("--key", default="", help="by which servers of the rollout know each other's requests")
    for arm in ("stable", "candidate"):
        add(f"--{arm}", required=True, type=_address, help=f"address and port of the {arm} revision's Service")
        add(f"--{arm}-revision", required=True, help=f"hash of the {arm} revision")
    rows = parser.add_mutually_exclusive_group(required=True)
    rows.add_argument("--dataset-dir", type=Path, help="directory that holds the dataset's file")
    rows.add_argument("--model-dir", type=Path, help="directory of a model with rows beside it")
    add("--format", default=Format.AUTO, type=Format, choices=list(Format), help="how the dataset is written")
    add("--hidden", default=(), type=_texts, help="columns that no model may see, as JSON")
    add("--groups", default=(), type=_texts, help="columns that are for people, as JSON")
    add("--requests", default=1000, type=positive_int, help="the most requests")
    add("--rows-per-request", default=1, type=positive_int, help="rows of each")
    add("--max-failed", default=0.001, type=not_negative, help="share of requests that the candidate may fail")
    add("--numeric-tolerance", default=0.1, type=not_negative, help="by which share numbers may differ")
    add("--timeout", default=600.0, type=positive, help="seconds for everything together")


def run(arguments: argparse.Namespace) -> int:
    """Replay, and report to the log and to the kubelet; the exit status."""
    signal.signal(signal.SIGTERM, _end)
    try:
        report = asyncio.run(replay(_order(arguments)))
    except LoadFailure as failure:
        report = failure_report(failure)
    _LOGGER.info(str(report.get("message", "")), extra={"reason": report["reason"]})
    write_termination_message(report)
    return 0


async def replay(order: Order) -> Report:
    """Ask both revisions; what is reported.

    Raises:
        LoadFailure: there are no rows that could be asked.
    """
    stable, candidate = (
        Arm(address, order.rollout.key or order.rollout.id) for address in (order.stable, order.candidate)
    )
    trial = Replay(order.rollout, stable, candidate)
    try:
        try:
            inputs = await stable.inputs(order.name, REACH_SECONDS)
        except Missed:
            return _not_replayed(_unreachable(order.stable))
        questions = _questions(order, inputs)
        try:
            await candidate.inputs(order.name, REACH_SECONDS)
        except Missed:
            return _not_replayed(_unreachable(order.candidate))
        await trial.run(questions, order.seconds)
    finally:
        stable.close()
        candidate.close()
    return _report(trial, questions, order)


def _questions(order: Order, inputs: Any) -> list[Question]:
    if order.dataset_dir is not None:
        return questions_of_dataset(order.dataset_dir, order.format, order.selection, inputs)
    assert order.model_dir is not None
    return questions_of_model(order.model_dir, order.selection)


def _report(trial: Replay, questions: list[Question], order: Order) -> Report:
    skipped = sum(trial.skipped.values())
    if not trial.requests:
        if trial.skipped["refused"]:
            return _not_replayed(f"the stable revision refuses the rows: {trial.refusal[:_LONGEST_REFUSAL]}")
        return _not_replayed(
            f"no request was answered by both revisions at {order.stable} and {order.candidate}"
            if questions
            else "there are no rows"
        )
    parts = [f"{trial.requests} of {len(questions)} requests were answered by both revisions"]
    if trial.skipped["refused"]:
        parts.append(f"the stable revision refused {trial.skipped['refused']}: {trial.refusal[:_LONGEST_REFUSAL]}")
    if trial.skipped["unanswered"]:
        parts.append(f"the stable revision did not answer {trial.skipped['unanswered']}")
    if trial.skipped["unreachable"]:
        parts.append(f"{trial.skipped['unreachable']} did not reach a revision")
    if trial.is_stopped:
        parts.append("the candidate fails so often that it was asked no more")
    return {
        "reason": REPLAYED,
        "requests": trial.requests,
        "skipped": skipped,
        "measures": trial.measures(),
        "message": "; ".join(parts),
    }


def _not_replayed(message: str) -> Report:
    return {"reason": NOT_REPLAYED, "message": message}


def _unreachable(address: Address) -> str:
    return (
        f"revision {address.revision} does not answer at {address} in the replay's pod: a NetworkPolicy may forbid it, "
        "another revision may stand there, or its server image is older than rollouts"
    )


def _order(arguments: argparse.Namespace) -> Order:
    stable = _of_revision(arguments.stable, arguments.stable_revision)
    candidate = _of_revision(arguments.candidate, arguments.candidate_revision)
    return Order(
        rollout=Rollout(
            id=arguments.rollout,
            key=arguments.key,
            candidate=candidate.revision,
            mirrors=True,
            share=0,
            host=candidate.host,
            port=candidate.port,
            sticky="",
            max_failed=min(arguments.max_failed, 1.0),
            tolerance=arguments.numeric_tolerance,
        ),
        stable=stable,
        candidate=candidate,
        name=arguments.name,
        selection=Selection(
            requests=arguments.requests,
            rows_per_request=arguments.rows_per_request,
            hidden=arguments.hidden,
            groups=arguments.groups,
        ),
        format=arguments.format,
        dataset_dir=arguments.dataset_dir,
        model_dir=arguments.model_dir,
        seconds=arguments.timeout,
    )


def _of_revision(place: tuple[str, int], revision: str) -> Address:
    host, number = place
    return Address(host, number, revision)


def _address(text: str) -> tuple[str, int]:
    host, _, number = text.rpartition(":")
    return host.strip("[]"), port(number)


def _texts(text: str) -> tuple[str, ...]:
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is no list of texts in JSON")
    return tuple(values)


def _end(signum: int, _: FrameType | None) -> None:
    """SIGTERM: as process 1 no signal has a default."""
    os._exit(128 + signum)
