"""`modelway render`: the objects that the operator would create, without a cluster."""

import argparse
import json
import sys
from typing import Any

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.manifests import load_deployments, settings_of
from modelway.desired.plan import make_plan
from modelway.errors import ModelwayError
from modelway.observed import Key, Observed, Owner
from modelway.settings import Settings
from modelway.yaml_text import yaml_text


def run(arguments: argparse.Namespace) -> int:
    """Print the children, or what is wrong with the file.

    Returns:
        0, 1 when anything is wrong with the file, or 2 with the command; nothing is printed to standard output then.
    """
    try:
        settings = settings_of(arguments)
        deployments = load_deployments(arguments.filename, arguments.namespace)
    except ModelwayError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    objects = [child for deployment in deployments for child in children_of(deployment, settings)]
    print(_text(objects, arguments.output), end="")
    return 0


def children_of(deployment: ModelDeployment, settings: Settings) -> list[dict[str, Any]]:
    """What the operator applies for a ModelDeployment that nothing exists of yet, in that order."""
    metadata = deployment.metadata
    owner = Owner(
        key=Key(metadata.namespace, metadata.name),
        uid=metadata.uid,
        generation=metadata.generation,
        resource_version=metadata.resource_version,
        deleting=False,
        document={},
        status={},
    )
    steps = make_plan(deployment, Observed(owner, {}), settings).steps
    return [step.body for step in steps if not step.handover]


def _text(objects: list[dict[str, Any]], output: str) -> str:
    if output == "json":
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=2) + "\n"
    return yaml_text(*objects, width=200)
