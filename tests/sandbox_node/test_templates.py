"""Which containers may begin as a fork."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.images import PYTHON, SERVER
from sandbox.node.process import Launch
from sandbox.node.templates import template_environment

ENVIRONMENT = {"PATH": "/bin", "HOME": "/", "OMP_NUM_THREADS": "2", "HOSTNAME": "pod", "MODELWAY_HOST": "127.0.0.1"}


def launch(*words: str, **environment: str) -> Launch:
    rest: dict[str, Any] = {"readonlyRoot": True, "userNamespace": True, "user": 65532}
    return Launch(words, ENVIRONMENT | environment, "/", "pod", "/root", [], [], "/hidden", **rest)


def test_template_has_what_is_read_at_import() -> None:
    expected = (("PATH", "/bin"), ("HOME", "/"), ("OMP_NUM_THREADS", "2"))
    assert template_environment(launch(*SERVER, "prepare")) == expected
    assert template_environment(launch(*SERVER, "serve", "--workers=1")) == expected


def test_node_knows_servers_command_however_python_was_called() -> None:
    """Whoever starts a sandbox writes the command, and the node compares with its own."""
    folder = Path(sys.executable).parent
    caller = f"../{folder.name}/{Path(sys.executable).name}"
    code = "import json; from sandbox.images import SERVER; print(json.dumps(SERVER))"
    answer = subprocess.run([caller, "-P", "-c", code], cwd=folder, check=True, capture_output=True, text=True)
    assert json.loads(answer.stdout) == SERVER


@pytest.mark.parametrize(
    "cold",
    [
        launch(*PYTHON, "-m", "modelway"),
        launch("python", "-m", "modelway_server", "fetch"),
        launch(*SERVER, "serve", "--workers=2"),
        launch(*SERVER, "serve"),
        launch(*SERVER, "prepare", PYTHONPATH="/opt"),
        launch(*SERVER, "prepare", LANG="de_DE.UTF-8"),
        launch(*SERVER, "serve", "--workers=1", OTEL_SDK_DISABLED="true"),
    ],
    ids=lambda cold: " ".join(cold.argv[-2:]) + "".join(sorted(set(cold.env) - set(ENVIRONMENT))),
)
def test_other_commands_and_environments_begin_cold(cold: Launch) -> None:
    assert template_environment(cold) is None
