"""A model file as the server loads it, asked in the process of the test."""

from pathlib import Path
from typing import Any

from modelway_server.contract.rows import rows_of_instances
from modelway_server.runtimes import load_runtime
from modelway_server.runtimes.base import Runtime


def load(path: Path, method: str = "auto", **options: Any) -> Runtime:
    """Load a file, whatever its format, and make a first prediction."""
    runtime = load_runtime(path, format="auto", method=method, **options)
    runtime.warm_up()
    return runtime


def answers(runtime: Runtime, method: str, rows: Any) -> dict[str, Any]:
    """Answer rows as JSON has them, by output."""
    checked = rows_of_instances(runtime.signature, rows, "instances")
    return runtime.call(method, checked.values, checked.count)


def answer(runtime: Runtime, method: str, rows: Any) -> Any:
    """Answer rows where the method has one output."""
    return answers(runtime, method, rows)[method]
