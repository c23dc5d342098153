"""The program of the process that sends copies of requests: it is imported only where that process begins."""

import asyncio
import socket
from collections.abc import Mapping

import uvloop

from modelway_server.traffic.answers import Column
from modelway_server.traffic.connector import BrokerConnector
from modelway_server.traffic.mirror import Mirror
from modelway_server.traffic.mirrored import Task


def run(task: Task, broker: socket.socket, control: socket.socket) -> None:
    """Send copies until nobody wants that any more, with what is left of the processors.

    Args:
        task: what the process is for.
        broker: opens connections.
        control: brings the workers' ways.
    """
    task.shared.enter_mirror()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Mirror(task, BrokerConnector(broker), _decode_message).run(control))


def _decode_message(content: bytes, headers: Mapping[bytes, bytes]) -> list[Column]:
    """The columns of a message of gRPC, whose library is imported for the first."""
    from modelway_server.grpc.queries import decode_message  # noqa: PLC0415  (as above)

    return decode_message(content, headers)
