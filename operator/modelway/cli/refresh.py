"""`modelway refresh`: take the object at the URI as it is now, as a new revision."""

import argparse
import sys
from datetime import UTC, datetime

from modelway.api.labels import REFRESH_ANNOTATION
from modelway.cli.cluster_session import ask
from modelway.cli.commands import program
from modelway.cli.revisions import serving_of, wanted_of
from modelway.cluster.reader import Reader
from modelway.cluster.snapshot import Object
from modelway.desired.pod import DIGEST_FIELD


def run(arguments: argparse.Namespace) -> int:
    """Ask for the object as it is now, and say what happens next."""

    async def write(reader: Reader) -> Object:
        resource = await reader.resource(arguments.namespace or reader.namespace, arguments.name)
        await reader.annotate(resource, {REFRESH_ANNOTATION: time_text(datetime.now(UTC))})
        return resource

    resource = ask(arguments, write)
    for line in warnings(resource):
        print(f"Warning: {line}", file=sys.stderr)
    model = resource["spec"]["model"]
    candidates = " and its candidates" if model.get("candidates") else ""
    print(f"{arguments.name} takes {model['uri']}{candidates} as it is now, as a new revision.{meanwhile(resource)}")
    print(f"Watch it: {program()} status {arguments.name}. To go back: {program()} undo {arguments.name}")
    return 0


def time_text(time: datetime) -> str:
    """A time as the API writes times."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def meanwhile(resource: Object) -> str:
    """What serves until then; empty where nothing does."""
    serving = serving_of(resource)
    return f" Revision {serving} serves meanwhile." if serving else ""


def warnings(resource: Object) -> list[str]:
    """What may keep the new revision from beginning."""
    lines = [] if wanted_of(resource)[0] else ["its spec is invalid: nothing follows until it is corrected"]
    if resource["spec"].get("suspend"):
        lines.append("spec.suspend is true: nothing follows until it is false")
    if digest := resource["spec"]["model"].get("digest"):
        lines.append(f"{DIGEST_FIELD} is {digest}: the new revision takes no other bytes until you change it")
    return lines
