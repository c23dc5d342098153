"""`modelway status`: which models are served, and why others are not."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from modelway.cli.cluster_session import ask
from modelway.cli.output import align, as_text
from modelway.cli.summary import Summary, age, summary_of
from modelway.cluster.reader import Reader
from modelway.cluster.snapshot import Object
from modelway.printable import one_line


def run(arguments: argparse.Namespace) -> int:
    """Print the table, or the same for programs."""
    resources = ask(arguments, lambda reader: _read(reader, arguments))
    summaries = sorted(map(summary_of, resources), key=lambda one: (one.namespace, one.name))
    if arguments.output == "table":
        print(table(summaries, everywhere=arguments.all_namespaces, now=datetime.now(UTC)))
        return 0
    listed = [one.as_json() for one in summaries]
    output = listed[0] if arguments.name else listed
    print(as_text(output, arguments.output), end="")
    return 0


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
        one.candidate or "-",
        age(one.created, now) or "-",
        one.url or "-",
    ]


def _name(one: Summary, *, everywhere: bool) -> str:
    return f"{one.namespace}/{one.name}" if everywhere else one.name
