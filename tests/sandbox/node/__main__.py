"""`python -m sandbox.node`: the node, the forwarder of Services and the kubelet's API in one process."""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

from sandbox import forwarder, kubelet
from sandbox.api import Api
from sandbox.capacity import capacity
from sandbox.kubelet_access import Access
from sandbox.node.agent import Agent
from sandbox.node.process import become_parent_of_containers
from sandbox.node.settings import Settings
from sandbox.node.trial import user_namespaces_work


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.node", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True, help="of a user who may do everything")
    parser.add_argument("--directory", type=Path, required=True, help="the sandbox's directory")
    parser.add_argument("--images", type=Path, required=True, help="JSON file of image names")
    parser.add_argument("--endpoint-lag", type=float, default=2.0, help="seconds until a Service learns of a change")
    parser.add_argument("--address", default="127.244.0.1", help="of the node; pods get the others of its /16")
    parser.add_argument("--kubelet-cert", type=Path, required=True, help="serving certificate of the kubelet's API")
    parser.add_argument("--kubelet-key", type=Path, required=True, help="its key")
    parser.add_argument("--kubelet-client-ca", type=Path, required=True, help="authority of its clients")
    parser.add_argument(
        "--restart-delay", type=float, default=1.0, help="seconds before a crashed container runs again"
    )
    parser.add_argument("--capacity", type=capacity, default="", help="of the Node, such as pods=3000,cpu=1000")
    parser.add_argument("--restart-limit", type=float, default=20.0, help="longest such pause, seconds")
    parser.add_argument("--warm", action="store_true", help="begin the model server's containers as forks")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> None:
    user_namespace = await user_namespaces_work(arguments.directory)
    async with Api.from_kubeconfig(arguments.kubeconfig) as api, asyncio.TaskGroup() as group:
        server = urlsplit(api.server)
        settings = Settings(
            directory=arguments.directory,
            images=arguments.images,
            address=arguments.address,
            api_host=server.hostname or "127.0.0.1",
            api_port=server.port or 443,
            user_namespace=user_namespace,
            warm=arguments.warm,
            restart_delay=arguments.restart_delay,
            restart_limit=arguments.restart_limit,
            capacity=arguments.capacity,
        )
        agent = Agent(api, settings)
        group.create_task(agent.run())
        group.create_task(forwarder.run(api, endpoint_lag=arguments.endpoint_lag))
        group.create_task(
            kubelet.serve(
                address=arguments.address,
                certificate=arguments.kubelet_cert,
                key=arguments.kubelet_key,
                client_ca=arguments.kubelet_client_ca,
                access=Access(api, settings.name),
                directory=arguments.directory,
                pod_of=agent.pod,
                usage_of=agent.usage,
                port=settings.kubelet_port,
            )
        )


async def _until_told(arguments: argparse.Namespace) -> None:
    task = asyncio.ensure_future(_run(arguments))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def main() -> int:
    """Run until SIGTERM; the processes of all pods end with this one, however it ends."""
    become_parent_of_containers()
    asyncio.run(_until_told(_arguments()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
