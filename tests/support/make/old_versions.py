"""`make test-versions`: models of older scikit-learns answer as they did there, or are refused for their version.

`python -m support.make.old_versions [PYTHON...]`: each Python has an older scikit-learn and joblib; without any, those that are
supported beside the newest are built by uv. It fits and saves every estimator it has; each file is loaded here as `serve`
does, and must give the same answers, or be refused with a version as the reason.
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

from modelway_server.errors import LoadFailure, RuntimeVersionMismatch, UnsupportedModel
from modelway_server.runtimes.base import as_estimator_holder
from modelway_server.runtimes.estimators.runtime import load_estimator
from support.make.environments import environment

SAVING = Path(__file__).with_name("old_estimators.py")
SUPPORTED = ("1.7", "1.8")
TOLERANCE = 1e-7
_READ = "import sklearn; print(sklearn.__version__)"


def main(pythons: list[str]) -> int:
    """Try what each Python saves; 1 when anything answers otherwise."""
    warnings.simplefilter("ignore")
    logging.disable()
    return max(_try(python) for python in pythons or map(str, map(_build, SUPPORTED)))


def _build(version: str) -> Path:
    """The Python of an environment with a minor version of scikit-learn, kept in the cache of this machine."""
    return environment(f"scikit-learn-{version}", lambda line: sys.stdout.write(f"{line}\n"))


def _try(python: str) -> int:
    version = subprocess.run([python, "-c", _READ], capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        subprocess.run([python, SAVING, folder], check=True)
        saved = pickle.loads((folder / "answers.pkl").read_bytes())
        outcomes = {name: _outcome(folder / name, rows, answers) for name, (rows, answers) in saved.items()}
    wrong = [f"{version} {name}: {outcome}\n" for name, outcome in outcomes.items() if outcome.startswith("WRONG")]
    sys.stdout.writelines(wrong)
    refused = {name.partition("-")[0] for name, outcome in outcomes.items() if outcome.startswith("refused")}
    sys.stdout.write(f"{version} refused: {', '.join(sorted(refused))}\n")
    sys.stdout.write(f"{version}: {dict(Counter(outcome.partition(':')[0] for outcome in outcomes.values()))}\n")
    return int(bool(wrong))


def _outcome(path: Path, rows: Any, answers: dict[str, Any]) -> str:
    try:
        runtime = load_estimator(path, "auto")
        runtime.warm_up()
    except UnsupportedModel:
        return "of a kind that is never served"
    except RuntimeVersionMismatch as failure:
        return f"refused for its version: {failure.message}" if failure.remedy else "WRONG: refused without a remedy"
    except LoadFailure as failure:
        return f"WRONG: {failure.reason}: {failure.message}"
    own = as_estimator_holder(runtime)
    assert own is not None
    for method in set(answers) & set(runtime.methods):
        answer = np.asarray(_dense(getattr(own.estimator, method)(rows)))
        if not _same(answer, answers[method]):
            return f"WRONG: {method} differs"
    return "same"


def _dense(result: Any) -> Any:
    return result.toarray() if hasattr(result, "toarray") else result


def _same(answer: Any, expected: Any) -> bool:
    if answer.shape != expected.shape:
        return False
    if expected.dtype.kind != "f":
        return bool((answer == expected).all())
    return bool(np.allclose(answer, expected, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
