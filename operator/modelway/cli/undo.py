"""`modelway undo`: write the spec of an earlier revision back, as a user who edits the ModelDeployment would."""

import argparse
import difflib
import sys
from collections.abc import Mapping
from typing import Any

from modelway.cli.cluster_session import ask
from modelway.cli.commands import program
from modelway.cli.revisions import LOSS, Record, document_of, keepers, records_of, restore, target_of, wanted_of
from modelway.cluster.reader import Reader
from modelway.cluster.snapshot import Object
from modelway.yaml_text import yaml_text


def run(arguments: argparse.Namespace) -> int:
    """Go back, saying what changes and who may undo it again; 0 also when there is nothing to change."""

    async def read(reader: Reader) -> tuple[Object, Record]:
        namespace = arguments.namespace or reader.namespace
        resource = await reader.resource(namespace, arguments.name)
        records = records_of(resource, await reader.records(namespace, arguments.name))
        target = target_of(resource, records, arguments.to)
        if wanted_of(resource)[0] != target.hash:
            before = restore(resource, target)
            if not arguments.dry_run:
                await reader.replace(before)
        return resource, target

    resource, target = ask(arguments, read)
    hash_, inputs = wanted_of(resource)
    if hash_ == target.hash:
        print(f"{arguments.name} asks for {target} already: nothing is changed.")
        return 0
    for line in [*warnings(resource), *left_out(resource, target)]:
        print(f"Warning: {line}", file=sys.stderr)
    print(f"{arguments.name} {'would go' if arguments.dry_run else 'goes'} back to {target}:\n")
    print(change(inputs, target))
    if not arguments.dry_run:
        print(
            f"Watch it: {program()} status {arguments.name}. Write the same into the file that you apply, or the next apply ends it."
        )
    return 0


def change(now: Mapping[str, Any], target: Record) -> str:
    """What is written, as a difference in YAML, defaults left out."""
    before, after = (yaml_text(document_of(inputs)).splitlines() for inputs in (now, target.inputs))
    lines = difflib.unified_diff(before, after, "now", f"revision {target.number}", n=len(before), lineterm="")
    return "\n".join([*lines, ""])


def left_out(resource: Object, target: Record) -> list[str]:
    """What goes although it makes no revision."""
    evaluation = (resource["spec"].get("preflight") or {}).get("evaluation") or {}
    is_left_out = LOSS in evaluation and not target.has_contest
    return [f"spec.preflight.evaluation.{LOSS} is removed: {target} has one model"] if is_left_out else []


def warnings(resource: Object) -> list[str]:
    """What may keep the way back from lasting, or from beginning."""
    lines = [
        f"{keeper} manages this ModelDeployment and puts back what its source says: revert the change there too"
        for keeper in keepers(resource)
    ]
    if resource["spec"].get("suspend"):
        lines.append("spec.suspend is true: nothing follows until it is false")
    return lines
