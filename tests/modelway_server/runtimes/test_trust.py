"""A pickle that names what models are not made of is refused before anything of it runs; real models still load."""

import bz2
import gzip
import importlib
import io
import lzma
import pickle
import re
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import joblib
import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.cluster import BisectingKMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from modelway_server.errors import LoadFailure, UnsafeArtifact
from modelway_server.runtimes.estimators.runtime import load_estimator
from modelway_server.runtimes.trust import VARIABLE, trust
from support.models import WINE, WINE_KINDS, Told

MARK = "it-ran"
"""What a hostile file leaves behind when it succeeds: a file of this name in the working directory."""
HOSTILE: dict[str, tuple[str, str, tuple[Any, ...]]] = {
    "a shell": ("os", "system", (f"touch {MARK}",)),
    "a shell by its own name": ("posix", "system", (f"touch {MARK}",)),
    "a process": ("subprocess", "check_call", (["touch", MARK],)),
    "a process by a class": ("subprocess", "Popen", (["touch", MARK],)),
    "evaluation": ("builtins", "eval", (f"open({MARK!r}, 'w')",)),
    "execution": ("builtins", "exec", (f"open({MARK!r}, 'w')",)),
    "an open file": ("builtins", "open", (MARK, "w")),
    "an open file by its own name": ("io", "open", (MARK, "w")),
    "an import": ("builtins", "__import__", ("os",)),
    "an import by name": ("importlib", "import_module", ("antigravity",)),
    "an attribute": ("builtins", "getattr", ("text", "upper")),
    "an attribute getter": ("operator", "attrgetter", ("__globals__",)),
    "a method caller": ("operator", "methodcaller", ("tofile", MARK)),
    "code from a file": ("runpy", "run_path", (MARK,)),
    "code of a class": ("types", "FunctionType", ()),
    "a module's import": ("sklearn.utils._testing", "os.system", (f"touch {MARK}",)),
    "a module's import in numpy": ("numpy.testing._private.utils", "runstring", (f"open({MARK!r}, 'w')", {})),
    "a nested pickle": ("pickle", "loads", (pickle.dumps(0),)),
    "a nested joblib file": ("joblib", "load", (MARK,)),
    "a nested array file": ("numpy", "load", (MARK, None, True)),
    "a file of numpy's": ("numpy", "save", (MARK, np.zeros(1))),
    "a mapped file": ("numpy", "fromfile", (MARK,)),
    "a compiler": ("numpy.f2py", "compile", ("",)),
    "a shared library": ("ctypes", "CDLL", ("libc.so.6",)),
    "a ufunc by name": ("numpy.core", "_ufunc_reconstruct", ("os", "system")),
    "a data set": ("sklearn.datasets", "dump_svmlight_file", ([[1]], [1], MARK)),
    "a drawing": ("sklearn.tree", "export_graphviz", (None, MARK)),
    "parallel work": ("sklearn.utils.parallel", "Parallel", ()),
    "parallel work of joblib": ("joblib.parallel", "Parallel", ()),
    "a table's pickle": ("pandas.io.pickle", "read_pickle", (MARK,)),
    "a table's evaluation": ("pandas.core.computation.eval", "eval", (f"@__import__('os').system('touch {MARK}')",)),
    "a Python file of numpy's": ("numpy.lib._npyio_impl", "DataSource", (MARK,)),
    "a named tuple": ("collections", "namedtuple", ("x", "y")),
    "a type": ("builtins", "type", ("X", (), {})),
    "an environment": ("os", "putenv", ("A", "b")),
    "a web page": ("webbrowser", "open", ("http://127.0.0.1:1",)),
    "a socket": ("socket", "create_connection", (("127.0.0.1", 1),)),
    "a test server": ("sklearn.externals.array_api_compat._internal", "get_xp", ()),
}


class Call:
    """Pickles as the call of what it names, and never asks whether that exists."""

    def __init__(self, function: Any, arguments: tuple[Any, ...]) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


class Name:
    """Pickles as a global of any module."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


PYTHON_PICKLER: Any = pickle._Pickler


class Writer(PYTHON_PICKLER):  # type: ignore[misc]  # as above
    """Pickle's own writer in Python, which also writes names that cannot be looked up."""

    dispatch: ClassVar[dict[Any, Any]] = dict(PYTHON_PICKLER.dispatch)

    def save_name(self, thing: Name) -> None:
        if self.proto >= 4:
            self.save(thing.module)
            self.save(thing.name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{thing.module}\n{thing.name}\n".encode())

    dispatch[Name] = save_name

    def save_reduce(self, func: Any, args: Any, *others: Any, **named: Any) -> None:
        if isinstance(func, Name):
            self.save(func)
            self.save(args)
            self.write(pickle.REDUCE)
        else:
            super().save_reduce(func, args, *others, **named)


def dump(thing: Any, protocol: int) -> bytes:
    file = io.BytesIO()
    Writer(file, protocol).dump(thing)
    return file.getvalue()


WAYS: Mapping[str, Callable[[Any], bytes]] = {
    **{f"protocol {number}": partial(dump, protocol=number) for number in range(6)},
    "zlib": lambda thing: zlib.compress(dump(thing, 4)),
    "gzip": lambda thing: gzip.compress(dump(thing, 2)),
    "bz2": lambda thing: bz2.compress(dump(thing, 5)),
    "xz": lambda thing: lzma.compress(dump(thing, 4)),
}


@pytest.mark.parametrize("way", WAYS)
def test_hostile_file_is_refused_and_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("model.joblib")
    for what, (module, name, arguments) in HOSTILE.items():
        path.write_bytes(WAYS[way]([Call(Name(module, name), arguments)]))
        with pytest.raises(UnsafeArtifact) as error:
            load_estimator(path, "auto")
        assert name.partition(".")[0] in error.value.message, what
        assert "spec.model.trustedTypes" in error.value.remedy
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["model.joblib"]


def test_object_arrays_in_joblib_files_keep_to_the_same_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    joblib.dump(
        np.array([Call(importlib.import_module("os").system, (f"touch {MARK}",))], dtype=object), "model.joblib"
    )
    with pytest.raises(UnsafeArtifact, match=r"(posix|nt|os)\.system"):
        load_estimator(Path("model.joblib"), "auto")
    assert not Path(MARK).exists()


def test_names_of_python_2_are_the_same_names(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"c__builtin__\neval\n(S'1'\ntR.")
    with pytest.raises(UnsafeArtifact, match=r"builtins\.eval"):
        load_estimator(path, "auto")


def test_distribution_that_only_a_search_needs_is_left_out(tmp_path: Path) -> None:
    search = RandomizedSearchCV(LogisticRegression(max_iter=5), {"C": loguniform(0.1, 1)}, n_iter=2, random_state=0)
    with np.errstate(all="ignore"), pytest.warns():
        search.fit(WINE, WINE_KINDS)
    path = tmp_path / "model.joblib"
    joblib.dump(search, path)
    assert "predict_proba" in load_estimator(path, "auto").methods


def test_functions_on_arrays_that_pipelines_hold_are_allowed(tmp_path: Path) -> None:
    steps = (FunctionTransformer(np.log1p), FunctionTransformer(np.nan_to_num), SelectKBest(f_classif, k=3))
    model = make_pipeline(*steps, RandomForestClassifier(2, random_state=0)).fit(WINE, WINE_KINDS)
    path = tmp_path / "model.joblib"
    joblib.dump(model, path)
    runtime = load_estimator(path, "auto")
    runtime.warm_up()
    assert np.array_equal(runtime.call("predict", WINE, len(WINE))["predict"], model.predict(WINE))


def test_array_mapped_from_a_file_comes_from_the_pickle(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "data", dtype=np.float64, mode="w+", shape=WINE.shape)
    mapped[:] = WINE
    model = FunctionTransformer(func=None, kw_args=None).fit(mapped)
    model.rows_ = mapped
    path = tmp_path / "model.joblib"
    joblib.dump(model, path)
    assert load_estimator(path, "auto").methods[0] == "transform"


@pytest.mark.parametrize("entry", ["support.models.Told", "support.models.*", "support.*"])
def test_what_the_user_trusts_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    monkeypatch.delenv(VARIABLE)
    path = tmp_path / "model.joblib"
    joblib.dump(Told().fit(), path)
    with pytest.raises(UnsafeArtifact, match=r"support\.models\.Told"):
        load_estimator(path, "auto")
    assert load_estimator(path, "auto", (entry,)).methods[0] == "predict"


@pytest.mark.parametrize("entry", ["*", ".*", "", "support", "support.model.*", "support.models.Tol", "s*"])
def test_trusted_name_trusts_no_other_name(entry: str) -> None:
    assert not trust((entry,), {}).covers("support.models.Told")


def test_trusted_package_trusts_none_of_its_imports(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(dump([Call(Name("support.models", "os.system"), ("true",))], 4))
    with pytest.raises(UnsafeArtifact, match=r"support\.models\.os\.system"):
        load_estimator(path, "auto", ("support.*",))


@pytest.mark.parametrize(
    ("module", "name", "arguments"),
    [
        ("sklearn.metrics", "accuracy_score.__globals__.get", ("__builtins__",)),
        ("sklearn.cluster", "KMeans.__base__.__base__.__subclasses__", ()),
        ("sklearn.utils.validation", "_check_response_method", (Ridge(), "fit")),
        ("sklearn.feature_selection._base", "_get_feature_importances", (Ridge(), "fit.__func__")),
        ("sklearn.feature_extraction.text", "CountVectorizer.fit_transform", (None, [MARK])),
    ],
)
def test_allowed_name_does_not_allow_its_attributes(
    tmp_path: Path, module: str, name: str, arguments: tuple[Any, ...]
) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(dump([Call(Name(module, name), arguments)], 4))
    with pytest.raises(UnsafeArtifact, match=re.escape(f"{module}.{name}")):
        load_estimator(path, "auto")


@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
def test_private_functions_that_models_hold_are_allowed(tmp_path: Path, algorithm: str) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(BisectingKMeans(2, algorithm=algorithm, random_state=0).fit(WINE), path)
    assert "predict" in load_estimator(path, "auto").methods


def test_image_trusts_its_own_packages() -> None:
    assert trust(("a.B",), {VARIABLE: "c.*, d.E"}).extra == ("a.B", "c.*", "d.E")


@pytest.mark.parametrize("seed", range(2))
def test_damaged_file_is_refused_with_a_reason(tmp_path: Path, seed: int) -> None:
    """Mutants of one small model: each loads or says why not, and none does anything else."""
    whole = pickle.dumps(Ridge().fit(WINE, WINE_KINDS))
    random = np.random.default_rng(seed)
    path = tmp_path / "model.pkl"
    for _ in range(100):
        mutant = bytearray(whole[: random.integers(1, len(whole) + 1)])
        mutant[random.integers(len(mutant))] ^= int(random.integers(1, 256))
        path.write_bytes(mutant)
        try:
            load_estimator(path, "auto")
        except LoadFailure as failure:
            assert failure.remedy  # noqa: PT017  (a mutant may also load)
