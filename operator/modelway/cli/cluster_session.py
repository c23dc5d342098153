"""Run one question to a cluster, with the arguments that say which."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from modelway.cluster.reader import Reader, reader

Answer = TypeVar("Answer")


def ask(arguments: argparse.Namespace, question: Callable[[Reader], Awaitable[Answer]]) -> Answer:
    """The answer to a question, asked as whoever `--kubeconfig` and `--context` say.

    Raises:
        ModelwayError: there is no such cluster, or it does not answer the question; the text is for the user.
    """

    async def answer() -> Answer:
        async with reader(arguments.kubeconfig, arguments.context) as opened_reader:
            return await question(opened_reader)

    return asyncio.run(answer())
