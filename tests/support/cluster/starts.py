"""Starts containers of one command in the named ways, without a cluster, and prints what became of each.

Usage: python -m support.cluster.starts DIRECTORY WAY...   each way is `cold`, `warm`, or `orphaned`: warm, its template dead

A process of its own, since it becomes the parent of the containers.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil

from sandbox.images import PYTHON
from sandbox.node.process import Launch, become_parent_of_containers, collect, start
from sandbox.node.settings import visible_paths
from sandbox.node.templates import Template
from sandbox.node.trial import user_namespaces_work
from sandbox.processes import MARK

CODE = 7


async def _start(directory: Path, way: str, template: Template, environment: dict[str, str]) -> dict[str, Any]:
    root = directory / "root"
    root.mkdir(exist_ok=True)
    launch = Launch(
        argv=[*PYTHON, "-m", "support.cluster.world", str(CODE)],
        env=environment | {"HOSTNAME": "pod", "MODELWAY_WORD": "välue"},
        cwd="/tmp",
        hostname="pod",
        root=str(root),
        mounts=[],
        visible=[*visible_paths(), sys.executable],
        hidden=str(directory / "hidden"),
        readonlyRoot=False,
        userNamespace=await user_namespaces_work(directory),
        user=65532,
    )
    if way == "orphaned":
        os.kill(template.pid, signal.SIGKILL)
        await template.end
    reading, writing = os.pipe()
    joined: list[int] = []
    process = await start(launch, [writing, writing], joined.append, None if way == "cold" else template.fork)
    fork = "HOSTNAME" not in psutil.Process(process.pid).environ()  # there, a fork shows its template's
    os.close(writing)
    output = await collect(reading)
    code = await process.exit
    await output.ended.wait()
    return {"code": code, "fork": fork, "joined": joined == [process.pid], "output": output.content.decode()}


async def _main(directory: Path, ways: list[str]) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": "/", "OMP_NUM_THREADS": "1", MARK: str(directory)}
    template = Template(tuple(environment.items()))
    results = [await _start(directory, way, template, environment) for way in ways]
    sys.stdout.write(json.dumps({"template": template.pid, "starts": results}))
    sys.stdout.flush()
    os._exit(0)  # as when it is killed


if __name__ == "__main__":
    become_parent_of_containers()
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2:]))
