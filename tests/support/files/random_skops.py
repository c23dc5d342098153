"""Loads skops files at random under an audit hook: `python random_skops.py SEED COUNT` prints what it should not have seen."""

import contextlib
import logging
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "serving_image"), str(ROOT / "tests")]

from sklearn.compose import ColumnTransformer  # noqa: E402  (the path is set first)
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier  # noqa: E402
from sklearn.neighbors import KNeighborsClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder  # noqa: E402

from modelway_server.errors import LoadFailure  # noqa: E402
from modelway_server.runtimes import load_runtime  # noqa: E402
from support.files import skops_files  # noqa: E402
from support.trained.estimators import CLASSES, ROWS  # noqa: E402

LIBRARIES = {"sklearn", "numpy", "scipy", "pandas", "xgboost", "lightgbm", "joblib", "modelway_server"}
CODE = (sys.prefix, sys.base_prefix, str(ROOT / "serving_image"))
"""Where the libraries are, which import more of themselves."""
WATCHED: tuple[str, ...] = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.mkdir",
    "os.remove",
    "os.rename",
)
WATCHED += ("shutil.", "ctypes.dlopen", "urllib.", "ftplib.", "exec", "pty.", "webbrowser.")


def main(seed: int, count: int) -> int:
    """The exit code; what was seen goes to standard output."""
    warnings.simplefilter("ignore")
    models = [
        skops_files.members(model.fit(ROWS, CLASSES))
        for model in (
            make_pipeline(FunctionTransformer(), KNeighborsClassifier(algorithm="kd_tree")),
            make_pipeline(
                ColumnTransformer([("a", OneHotEncoder(handle_unknown="ignore"), [0])]),
                RandomForestClassifier(2, max_depth=2),
            ),
            HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=4),
        )
    ]
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.skops"
        load_runtime(skops_files.write(path, models[0]), format="skops", method="auto")  # what loading itself imports
        deeds: list[str] = []
        watch(deeds, path)
        for number in range(seed, seed + count):
            skops_files.at_random(path, models[number % len(models)], number)
            del deeds[:]
            seen_before = len(deeds)
            with contextlib.suppress(LoadFailure):
                runtime = load_runtime(path, format="skops", method="auto")
                with contextlib.suppress(Exception):
                    runtime.call(runtime.methods[0], ROWS, len(ROWS))
            for event in deeds[seen_before:]:
                sys.stdout.write(f"seed {number}: {event}\n")
    return 0


def watch(deeds: list[str], path: Path) -> None:
    """Note what does more than compute."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "import":
            if str(arguments[0]).partition(".")[0] not in LIBRARIES | set(sys.stdlib_module_names):
                deeds.append(f"import {arguments[0]}")
        elif event == "open":
            name = str(arguments[0])
            if name != str(path) and not name.startswith(CODE):
                deeds.append(f"open {name}")
        elif event.startswith(WATCHED) and event != "exec":
            deeds.append(f"{event} {arguments!r:.100}")

    sys.addaudithook(hook)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
