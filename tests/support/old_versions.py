"""`make test-versions`: no model of an older scikit-learn answers otherwise than it did there without being refused.

`python -m support.old_versions PYTHON...`: each Python has an older scikit-learn and joblib. It fits and saves every estimator
it has; each file is loaded here as `serve` does, and must be refused, or give the same answers.
"""

import logging
import pickle
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from modelway_server.errors import LoadFailure
from modelway_server.runtimes.base import estimating
from modelway_server.runtimes.estimator import load_estimator

SAVING = Path(__file__).with_name("old_estimators.py")
TOLERANCE = 1e-7
_READ = "import sklearn; print(sklearn.__version__)"


def main(pythons: list[str]) -> int:
    """Try what each Python saves; 1 when anything answers otherwise."""
    warnings.simplefilter("ignore")
    logging.disable()
    return max((_tried(python) for python in pythons), default=0)


def _tried(python: str) -> int:
    version = subprocess.run([python, "-c", _READ], capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        subprocess.run([python, SAVING, folder], check=True)
        saved = pickle.loads((folder / "answers.pkl").read_bytes())
        outcomes = {name: _outcome(folder / f"{name}.joblib", rows, given) for name, (rows, given) in saved.items()}
    for name, outcome in outcomes.items():
        if outcome.startswith("DIFFERS"):
            sys.stdout.write(f"{version} {name}: {outcome}\n")
    sys.stdout.write(f"{version}: {dict(Counter(outcome.partition(' ')[0] for outcome in outcomes.values()))}\n")
    return int(any(outcome.startswith("DIFFERS") for outcome in outcomes.values()))


def _outcome(path: Path, rows: Any, given: dict[str, Any]) -> str:
    try:
        runtime = load_estimator(path, "auto")
        runtime.warm_up()
    except LoadFailure as failure:
        return failure.reason
    own = estimating(runtime)
    assert own is not None
    for method in set(given) & set(runtime.methods):
        answer = np.asarray(_dense(getattr(own.estimator, method)(rows)))
        if not _same(answer, given[method]):
            return f"DIFFERS in {method}"
    return "same"


def _dense(result: Any) -> Any:
    return result.toarray() if hasattr(result, "toarray") else result


def _same(answer: Any, given: Any) -> bool:
    if answer.shape != given.shape:
        return False
    if given.dtype.kind != "f":
        return bool((answer == given).all())
    return bool(np.allclose(answer, given, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
