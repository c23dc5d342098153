"""Ask one question of the cluster that the arguments name."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from modelway.cluster.reader import Reader, reader

Answer = TypeVar("Answer")


def ask(arguments: argparse.Namespace, question: Callable[[Reader], Awaitable[Answer]]) -> Answer:
    """Answer a question with the rights of the user of `--kubeconfig` and `--context`.

    Raises:
        ModelwayError: there is no such cluster, or it does not answer the question; the text is for the user.
    """

    async def answer() -> Answer:
        async with reader(arguments.kubeconfig, arguments.context) as opened_reader:
            return await question(opened_reader)

    return asyncio.run(answer())
