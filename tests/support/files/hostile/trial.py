"""Try hostile files, each in a process of its own: what becomes of it, and what it did. Run as a program.

Its argument is a JSON list of `[folder, path, rows]`; it answers a JSON line for each. It runs outside of the walls that
the product puts round a process, so that what the reader lets through is seen.
"""

import importlib
import json
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelway_server.artifacts.record import locate_model
from modelway_server.errors import LoadFailure
from modelway_server.runtimes import load_runtime
from support.files.hostile.kinds import CANARY

SECONDS = 20
_ACTS = (
    "os.",
    "subprocess.",
    "socket.",
    "shutil.",
    "urllib.",
    "webbrowser.",
    "pty.",
    "ftplib.",
    "smtplib.",
    "tempfile.",
    "mmap.",
    "gc.",
    "winreg.",
    "sqlite3.",
    "code.__new__",
    "builtins.input",
    "builtins.breakpoint",
    "sys._getframe",
    "signal.",
    "faulthandler.",
)
_HARMLESS = frozenset(
    {
        "os.listdir",
        "os.scandir",
        "os.add_dll_directory",
        "sys._getframe",
        "os.walk",
        "os.fwalk",
        "code.__new__",
        "socket.gethostname",
        "os.putenv",
        "os.unsetenv",
        "mmap.__new__",
    }
)
"""What importing a library does as well."""
_LIBRARIES = (
    "lightgbm",
    "modelway_server.runtimes.estimators.runtime",
    "modelway_server.runtimes.file_checks.xgboost_trees",
    "modelway_server.runtimes.lightgbm",
    "modelway_server.runtimes.onnx",
    "modelway_server.runtimes.pickle.load",
    "modelway_server.runtimes.skops.runtime",
    "modelway_server.runtimes.xgboost",
    "onnxruntime",
    "pandas",
    "sklearn.experimental",
    "xgboost",
)
"""What a first import opens is not the file's deed, and an import in each process would take most of its time."""
_READ = ("/proc/", "/sys/", "/dev/", "/etc/localtime", "/usr/share/zoneinfo", "/usr/lib", "/lib")


def main() -> None:
    """Try what standard input lists."""
    sys.dont_write_bytecode = True  # a first import would look like a deed of the file
    for name in _LIBRARIES:
        importlib.import_module(name)
    for folder, path, rows in json.load(sys.stdin):
        print(json.dumps(_try(Path(folder), Path(path), rows)), flush=True)  # noqa: T201


def _try(folder: Path, path: Path, rows: Any) -> dict[str, Any]:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        os.chdir(folder)
        signal.alarm(SECONDS)
        with os.fdopen(writing, "w") as out:
            out.write(json.dumps(_outcome(path, rows)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as lines:
        text = lines.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return json.loads(text) if text else {"ended": status, "events": []}


def _outcome(path: Path, rows: Any) -> dict[str, Any]:
    events: list[str] = []
    allowed = (f"{path.parent}{os.sep}", *(root for root in {sys.prefix, sys.base_prefix, *sys.path} if root), *_READ)

    def watch(event: str, arguments: Sequence[Any]) -> None:
        if event == "open":
            name, mode = arguments[0], str(arguments[1])
            if not isinstance(name, int) and (set(mode) & set("wax+") or not os.fspath(name).startswith(allowed)):
                events.append(f"open {name!r} {mode}")
        elif event.startswith(_ACTS) and event not in _HARMLESS:
            events.append(f"{event} {arguments!r}"[:200])

    sys.addaudithook(watch)
    outcome: dict[str, Any] = {"events": events}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome["answers"] = repr(_answers(path, rows))[:10_000]
    except LoadFailure as failure:
        outcome |= {"reason": failure.reason, "message": failure.message, "remedy": failure.remedy}
    except BaseException as error:  # noqa: BLE001  (whatever it is, it came out)
        outcome["escaped"] = type(error).__name__
    return outcome


def _answers(path: Path, rows: Any) -> Any:
    runtime = load_runtime(locate_model(path.parent) if path.parent.name == "m" else path, format="auto", method="auto")
    runtime.warm_up()
    import numpy as np  # noqa: PLC0415

    values = list(rows) if rows and rows[0] == CANARY else np.asarray(rows)
    return {method: runtime.call(method, values, len(rows)) for method in runtime.methods}


if __name__ == "__main__":
    main()
