"""`modelway status`: which models are served, and why others are not."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from modelway.cli.cluster_session import ask
from modelway.cli.live import follow
from modelway.cli.output import align, align_pairs, as_text
from modelway.cli.rollout_text import describe_rollout, is_told_by_ready, is_worth_telling, rollout_of
from modelway.cli.screen import Screen
from modelway.cli.summary import Summary, age, summary_of
from modelway.cluster.reader import Reader
from modelway.cluster.snapshot import Object
from modelway.errors import WrongUsage
from modelway.printable import one_line, printable

ONE_SECONDS, ALL_SECONDS = 1.0, 5.0
"""Seconds from one look to the next, at one model and at many."""


def run(arguments: argparse.Namespace) -> int:
    """Print the table, or the same for programs; with `--watch`, go on doing so.

    Raises:
        WrongUsage: there is a timeout, and nothing that it could end.
    """
    if arguments.watch:
        ask(
            arguments,
            lambda reader: _follow(reader, arguments, Screen(sys.stdout, overwrites=arguments.output == "table")),
        )
        return 0
    if arguments.timeout is not None:
        raise WrongUsage("--timeout says how long to watch: add --watch, or leave it out")
    print(_output(ask(arguments, lambda reader: _read(reader, arguments)), arguments, now=datetime.now(UTC)))
    return 0


async def _follow(reader: Reader, arguments: argparse.Namespace, screen: Screen) -> None:
    def show(resources: Sequence[Object], trouble: str) -> None:
        text = _output(resources, arguments, now=datetime.now(UTC))
        if trouble and arguments.output == "table":
            text = f"{text}\n\n{one_line(trouble)}"
        versions = tuple(one["metadata"].get("resourceVersion", "") for one in resources)
        screen.show(text, (versions, trouble))

    every = ONE_SECONDS if arguments.name else ALL_SECONDS
    await follow(lambda: _read(reader, arguments), show, every=every, seconds=arguments.timeout)


def _output(resources: Sequence[Object], arguments: argparse.Namespace, *, now: datetime) -> str:
    """What is printed of these ModelDeployments, without the end of the last line."""
    if arguments.output == "table":
        return overview(resources, everywhere=arguments.all_namespaces, detailed=arguments.name is not None, now=now)
    listed = [one.as_json() for one in _summaries(resources)]
    output = listed[0] if arguments.name and listed else listed
    if not arguments.watch:
        return as_text(output, arguments.output).rstrip("\n")
    # One document after the other: a program reads JSON by the line, and YAML up to the next mark.
    return json.dumps(output) if arguments.output == "json" else f"---\n{as_text(output, 'yaml')}".rstrip("\n")


def overview(resources: Sequence[Object], *, everywhere: bool, detailed: bool, now: datetime) -> str:
    """The table, and below it, where one model is asked about, all that is known of a rollout that goes on or was rolled back."""
    parts = [table(_summaries(resources), everywhere=everywhere, now=now)]
    for resource in resources:
        rollout = rollout_of(resource)
        if detailed and is_worth_telling(rollout):
            message = not is_told_by_ready(resource)
            parts += ["", *align_pairs(describe_rollout(rollout, now, with_message=message))]
    return printable("\n".join(parts))


def _summaries(resources: Sequence[Object]) -> list[Summary]:
    return sorted(map(summary_of, resources), key=lambda one: (one.namespace, one.name))


async def _read(reader: Reader, arguments: argparse.Namespace) -> list[Object]:
    namespace = arguments.namespace or reader.namespace
    if arguments.name and not arguments.all_namespaces:
        return [await reader.resource(namespace, arguments.name)]
    resources = await reader.resources(None if arguments.all_namespaces else namespace)
    return [one for one in resources if arguments.name in {None, one["metadata"]["name"]}]


def table(summaries: Sequence[Summary], *, everywhere: bool, now: datetime) -> str:
    """A row for each, and below the rows the message of each that is not ready, or is with a caution."""
    if not summaries:
        return "There are no ModelDeployments here; -A looks in every namespace."
    header = ["NAMESPACE"] * everywhere + [
        "NAME",
        "READY",
        "REASON",
        "PODS",
        "SCALING",
        "SERVES",
        "COMES",
        "AGE",
        "URL",
    ]
    rows = [header, *(_row(one, now, everywhere=everywhere) for one in summaries)]
    messages = [
        f"{_name(one, everywhere=everywhere)}: {one_line(one.message)}"
        for one in summaries
        if one.ready != "True" or one.caution
    ]
    return "\n".join([*align(rows), *([""] if messages else []), *messages])


def _row(one: Summary, now: datetime, *, everywhere: bool) -> list[str]:
    return [one.namespace] * everywhere + [
        one.name,
        one.ready,
        one.reason,
        one.counted,
        one.scaling,
        one.stable or "-",
        _comes(one),
        age(one.created, now) or "-",
        one.url or "-",
    ]


def _comes(one: Summary) -> str:
    weight = one.rollout.get("traffic", "")
    return f"{one.candidate or '-'} ({weight})" if weight else one.candidate or "-"


def _name(one: Summary, *, everywhere: bool) -> str:
    return f"{one.namespace}/{one.name}" if everywhere else one.name
