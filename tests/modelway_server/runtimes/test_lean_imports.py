"""What scikit-learn's import leaves out, and that all of it works as before."""

import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest

from modelway_server.runtimes import lean_imports

LEAN = "from modelway_server.runtimes.lean_imports import import_sklearn; import_sklearn();"
STATES = "import sys, scipy.stats; print('pandas' in sys.modules, len(scipy.stats.pearsonr.__doc__) > 1000)"
USE = """
import numpy as np, pandas as pd, scipy.stats
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder
frame = pd.DataFrame({"a": ["x", None, "y"]})
print(OneHotEncoder().fit_transform(frame).shape, SimpleImputer(strategy="most_frequent").fit_transform(frame).shape)
print(scipy.stats.pearsonr([1, 2, 3], [1, 2, 3]).statistic, scipy.stats.mode([[1, 1, 2]], axis=1, keepdims=True).mode)
"""


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_import_leaves_out_manuals_and_pandas() -> None:
    assert run(LEAN + STATES).split() == ["False", "False"]


@pytest.mark.slow
def test_functions_and_tables_work_after_it() -> None:
    assert run(LEAN + USE) == run(USE)


def test_import_that_fails_under_replaced_names_is_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a release of SciPy uses another member of what is replaced."""

    def fail(name: str) -> Any:
        if name == "sklearn.utils.fixes":
            raise AttributeError("_NoManual has no attribute 'parse'")
        return import_module(name)

    monkeypatch.delitem(sys.modules, "sklearn.utils.fixes", raising=False)
    monkeypatch.setattr(lean_imports, "import_module", fail)
    lean_imports.import_sklearn()
