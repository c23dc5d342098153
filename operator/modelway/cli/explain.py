"""`modelway explain`: what one ModelDeployment wants, what exists, and what is wrong."""

import argparse
from datetime import UTC, datetime

from modelway.cli.cluster_session import ask
from modelway.cli.commands import program
from modelway.cli.story import story
from modelway.cluster.reader import Reader
from modelway.cluster.snapshot import Snapshot


def run(arguments: argparse.Namespace) -> int:
    """Print the story; 0 also when the model is not ready, as for `kubectl get`."""

    async def read(reader: Reader) -> Snapshot:
        return await reader.read_snapshot(arguments.namespace or reader.namespace, arguments.name)

    print(story(ask(arguments, read), now=datetime.now(UTC), program=program()))
    return 0
