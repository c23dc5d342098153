"""`modelway promote`, `abort`, `retry`, `pause` and `resume`: a person steers a rollout by an annotation that the operator follows."""

import argparse
import sys
from datetime import UTC, datetime

from modelway.api.labels import ROLLOUT_ORDER_ANNOTATION
from modelway.api.orders import Action, Order
from modelway.cli.cluster_session import ask
from modelway.cli.commands import program
from modelway.cli.revisions import keepers
from modelway.cli.rollout_orders import order_for, warnings, what_follows
from modelway.cluster.reader import Reader
from modelway.cluster.snapshot import Object


def run(arguments: argparse.Namespace) -> int:
    """Write the order, and say what happens next."""
    action: Action = arguments.action

    async def write(reader: Reader) -> tuple[Object, Order]:
        resource = await reader.resource(arguments.namespace or reader.namespace, arguments.name)
        order = order_for(resource, action, by=await reader.user(), now=datetime.now(UTC), program=program())
        await reader.annotate(resource, {ROLLOUT_ORDER_ANNOTATION: order.as_annotation()})
        return resource, order

    resource, order = ask(arguments, write)
    for line in warnings(resource, action, keepers(resource)):
        print(f"Warning: {line}", file=sys.stderr)
    print(f"{arguments.name}: {what_follows(resource, order)}")
    print(f"Watch it: {program()} status {arguments.name} -n {resource['metadata']['namespace']} --watch")
    return 0
