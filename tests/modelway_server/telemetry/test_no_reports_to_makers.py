"""What is served stays here: libraries that report to their makers are kept from it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(("first", "left"), [("modelway_server", False), ("sys", True)])
def test_onnx_runtime_makes_no_identity_of_this_machine(tmp_path: Path, first: str, *, left: bool) -> None:
    """It writes one before it sends anything; the second case shows that it would."""
    unset = {"CI", "ORT_DISABLE_TELEMETRY"}
    environment = {name: value for name, value in os.environ.items() if name not in unset} | {"HOME": str(tmp_path)}
    silent = {"https_proxy": "http://127.0.0.1:9", "XDG_CACHE_HOME": str(tmp_path)}  # nothing leaves this machine here
    program = f"import {first}; import onnxruntime"
    subprocess.run([sys.executable, "-P", "-c", program], env=environment | silent, check=True)
    assert bool(list(tmp_path.rglob("deviceid"))) == left
