"""Containers that begin as forks of a template are like those that begin as new programs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox import Sandbox
from sandbox.node.templates import START
from support.cluster.pods import container, once, wait_for_end
from support.cluster.sandbox import Kubectl
from support.cluster.starts import CODE
from support.waiting import eventually

pytestmark = pytest.mark.cluster

SET_BY_IMPORTS = ("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "ORT_DISABLE_TELEMETRY")


def starts(directory: Path, *ways: str) -> dict[str, Any]:
    """What became of containers, and of their template."""
    command = [sys.executable, "-m", "support.cluster.starts", str(directory), *ways]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def templates(sandbox: Sandbox) -> list[psutil.Process]:
    node = psutil.Process(next(part.pid for part in sandbox.parts() if part.name == "node"))
    return [child for child in node.children() if "prefork.py" in " ".join(child.cmdline())]


def test_a_fork_finds_the_world_of_a_new_program(tmp_path: Path) -> None:
    report = starts(tmp_path, "cold", "warm", "warm")
    cold, warm, again = report["starts"]
    assert [start["fork"] for start in (cold, warm, again)] == [False, True, True]
    for start in (cold, warm, again):
        assert (start["code"], start["joined"]) == (CODE, True), start["output"]
    worlds = [json.loads(start["output"]) for start in (cold, warm, again)]
    for one in worlds[1:]:
        one["world"]["environment"] = {
            name: value for name, value in one["world"]["environment"].items() if name not in SET_BY_IMPORTS
        }
    assert worlds[1]["world"] == worlds[0]["world"]
    for first, second in zip(worlds[1]["draws"], worlds[2]["draws"], strict=True):
        assert first != second
    eventually(lambda: not psutil.pid_exists(report["template"]))


def test_a_container_begins_cold_when_its_template_is_dead(tmp_path: Path) -> None:
    (start,) = starts(tmp_path, "orphaned")["starts"]
    assert (start["fork"], start["code"]) == (False, CODE)


def test_only_a_server_without_the_mark_for_cold_starts_is_forked(sandbox: Sandbox, kubectl: Kubectl) -> None:
    # A home of its own asks for a template of its own.
    home = [{"name": "HOME", "value": "/own"}]
    before = len(templates(sandbox))
    for count, annotations in enumerate(({START: "cold"}, {})):
        manifest = once(container(image="modelway/server", args=["--version"], env=home))
        manifest["metadata"] |= {"name": f"pod-{count}", "annotations": annotations}
        kubectl.create(manifest)
        assert wait_for_end(kubectl, f"pod-{count}")["status"]["phase"] == "Succeeded"
        assert len(templates(sandbox)) == before + count
