"""Files of XGBoost and LightGBM of which one number or list lies: each is refused with a reason, or answers."""

import copy
import itertools
import json
import re
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import xgboost

from modelway_server.contract.rows import rows_of_instances
from modelway_server.engines.sample_rows.random import draw
from modelway_server.errors import InputError, LoadFailure
from modelway_server.runtimes import load_runtime
from modelway_server.runtimes.file_checks import ubjson
from support.models import WINE, WINE_KINDS
from support.trained.boosters import lightgbm_classifier, xgboost_classifier

_LARGE = 2**31 - 7
_VALUES: tuple[Any, ...] = (
    0,
    1,
    2,
    -1,
    -2,
    3,
    7,
    5000,
    -5000,
    _LARGE,
    -_LARGE - 8,
    2**32,
    2**63 - 1,
    2**70,
    0.5,
    1e300,
    "",
    "x",
    None,
    [],
    {},
)
_LISTS: dict[str, Callable[[list[Any]], Any]] = {
    "none": lambda _: [],
    "one less": lambda items: items[:-1],
    "one more": lambda items: [*items, items[-1] if items else 0],
    "thrice": lambda items: items * 3,
    "turned": lambda items: items[::-1],
    "all as the last": lambda items: items[-1:] * len(items),
    "all 0": lambda items: [0] * len(items),
    "all 1": lambda items: [1] * len(items),
    "all -1": lambda items: [-1] * len(items),
    "all huge": lambda items: [_LARGE] * len(items),
    "counted": lambda items: list(range(len(items))),
    "texts": lambda items: ["x"] * len(items),
    "nested": lambda items: [items],
}
_TREES = 3
"""Trees of a file that lie: the first, one between, the last."""


class Typed(list[Any]):
    """A list that UBJSON writes as numbers of one kind."""

    def __init__(self, items: Iterable[Any], kind: str) -> None:
        super().__init__(items)
        self.kind = kind


class Lying:
    """A file that lies in one place.

    Args:
        suffix: of its name.
        document: what it says, as JSON has it; of LightGBM its lines.
        write: makes the file's bytes of a document.
    """

    def __init__(self, suffix: str, document: Any, write: Callable[[Any], bytes]) -> None:
        self._suffix, self._document, self._write = suffix, document, write

    def lies(self) -> list[tuple[tuple[Any, ...], Any]]:
        """The path of each place, and the lie: a value, or the name of what becomes of a list."""
        return list(_lies(self._document, ()))

    def where(self, lie: tuple[tuple[Any, ...], Any]) -> str:
        """The place in words."""
        path, value = lie
        return f"{self._suffix} {'.'.join(map(str, path))} is {value!r:.40}"

    def outcome(self, lie: tuple[tuple[Any, ...], Any]) -> str:
        """What becomes of a file with a lie."""
        path, value = lie
        document = copy.deepcopy(self._document)
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        old = holder[path[-1]]
        lies = _LISTS[value](old) if isinstance(value, str) and value in _LISTS else value
        holder[path[-1]] = Typed(lies, old.kind) if isinstance(old, Typed) and isinstance(lies, list) else lies
        try:
            content = self._write(document)
        except (ValueError, TypeError, AttributeError, KeyError, struct.error, OverflowError):
            return "is no lie"
        return self._outcome_of(content)

    def content(self) -> bytes:
        """The file without a lie."""
        return self._write(self._document)

    def as_it_is(self) -> str:
        """What becomes of the file without a lie."""
        return self._outcome_of(self.content())

    def _outcome_of(self, content: bytes) -> str:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"model.{self._suffix}"
            file.write_bytes(content)
            return self._ask(file)

    def _ask(self, file: Path) -> str:
        try:
            runtime = load_runtime(file, format="auto", method="auto")
            runtime.warm_up()
        except LoadFailure as failure:
            return "failed: it says Report this" if "eport this" in f"{failure.message} {failure.remedy}" else "refused"
        except Exception as error:  # noqa: BLE001  (that is the fault)
            return f"failed: {type(error).__name__}: {error}"[:200].replace("\n", " ")
        try:
            rows = rows_of_instances(runtime.signature, draw(runtime.signature, [], 0, 50), "rows")
            for method in runtime.methods:
                runtime.call(method, rows.values, rows.count)
        except InputError:
            return "refused rows"
        except Exception as error:  # noqa: BLE001  (as above)
            return f"failed: {type(error).__name__}: {error}"[:200].replace("\n", " ")
        return "answered"


def lying_boosters() -> dict[str, Callable[[], Lying]]:
    """By name, what makes a file that may lie."""
    return {
        f"{name} in {suffix}": partial(_lying, make, suffix)
        for name, (make, suffixes) in _MODELS.items()
        for suffix in suffixes
    }


def _lying(make: Callable[[Path], Any], suffix: str) -> Lying:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model.{suffix}"
        make(path)
        content = path.read_bytes()
    if suffix == "txt":
        return Lying(suffix, _fields(content.decode()), _text)
    document = json.loads(content) if suffix == "json" else _plain(ubjson.read(content))
    return Lying(suffix, document, _json if suffix == "json" else _ubjson)


def _lies(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if path:
        yield from ((path, lie) for lie in _VALUES if lie != value)
    if isinstance(value, dict):
        for key in value:
            yield from _lies(value[key], (*path, key))
    elif isinstance(value, list):
        yield from ((path, name) for name in _LISTS)
        step = max(len(value) // _TREES, 1)
        for index in range(0, len(value), step):
            yield from _lies(value[index], (*path, index))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return Typed(value.tolist(), value.dtype.char)
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()


def _ubjson(document: Any) -> bytes:
    if isinstance(document, dict):
        return b"{" + b"".join(_ubjson(key)[1:] + _ubjson(value) for key, value in document.items()) + b"}"
    if isinstance(document, list):
        return _ubjson_list(document)
    if isinstance(document, str):
        return b"SL" + struct.pack(">q", len(document.encode())) + document.encode()
    if document is None or isinstance(document, bool):
        return {None: b"Z", True: b"T", False: b"F"}[document]
    if isinstance(document, float):
        return b"d" + struct.pack(">f", document)
    kind, form = next((each for each in _KINDS if _fits(document, each[1])), _KINDS[-1])
    return kind + struct.pack(form, document)


_KINDS = ((b"i", ">b"), (b"I", ">h"), (b"l", ">i"), (b"L", ">q"))


def _fits(value: int, form: str) -> bool:
    limit = 1 << (8 * struct.calcsize(form) - 1)
    return -limit <= value < limit


_MARKS = {"b": b"i", "B": b"U", "h": b"I", "i": b"l", "l": b"L", "q": b"L", "f": b"d", "d": b"D"}


def _ubjson_list(items: list[Any]) -> bytes:
    length = b"#L" + struct.pack(">q", len(items))
    if isinstance(items, Typed):
        return b"[$" + _MARKS[items.kind] + length + np.array(items, dtype=f">{np.dtype(items.kind).str[1:]}").tobytes()
    return b"[" + length + b"".join(map(_ubjson, items))


def _fields(text: str) -> dict[str, Any]:
    """LightGBM's text as a document: of the head and of each tree the lines, their values as lists."""
    head, *trees = re.split(r"(?=^Tree=\d+\n)", text.partition("end of trees\n")[0], flags=re.MULTILINE)
    return {
        "head": _lines(head) | {"tree_sizes": [""] * len(trees)},
        "trees": [_lines(tree) for tree in trees],
        "pandas_categorical": json.loads(text.rpartition("pandas_categorical:")[2]),
    }


def _lines(text: str) -> dict[str, list[str]]:
    return {line.partition("=")[0]: line.partition("=")[2].split(" ") for line in text.split("\n") if line}


def _text(document: Any) -> bytes:
    """The text of a document; a size is that of the tree as it is there, unless it lies itself."""
    trees = [
        "\n".join(f"{key}={_values(value)}" for key, value in tree.items()) + "\n\n\n" for tree in document["trees"]
    ]
    head = dict(document["head"])
    if isinstance(head["tree_sizes"], list):
        head["tree_sizes"] = [
            each or len(tree) for each, tree in itertools.zip_longest(head["tree_sizes"], trees, fillvalue="")
        ]
    lines = [key if key in {"tree", "average_output"} else f"{key}={_values(value)}" for key, value in head.items()]
    end = f"pandas_categorical:{json.dumps(document['pandas_categorical'])}\n"
    return (
        "\n".join(lines) + "\n\n" + "".join(trees) + "end of trees\n\nparameters:\n\nend of parameters\n\n" + end
    ).encode()


def _values(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _train_xgboost(parameters: dict[str, Any], labels: Any, path: Path) -> None:
    settings = {"nthread": 1, "max_depth": 3, **parameters}
    xgboost.train(settings, xgboost.DMatrix(WINE, label=labels), 3).save_model(path)


def _train_lightgbm(parameters: dict[str, Any], labels: Any, path: Path) -> None:
    settings = {"num_threads": 1, "verbose": -1, "num_leaves": 6, **parameters}
    lightgbm.train(settings, lightgbm.Dataset(WINE, label=labels), 3).save_model(path)


_AMOUNTS = WINE[:, 0]
_BOTH = ("json", "ubj")
_MODELS: dict[str, tuple[Callable[[Path], Any], tuple[str, ...]]] = {
    "XGBoost on categories": (partial(xgboost_classifier, WINE_KINDS), _BOTH),
    "XGBoost of one number": (partial(_train_xgboost, {}, _AMOUNTS), _BOTH),
    "XGBoost of dropped trees": (
        partial(_train_xgboost, {"booster": "dart", "objective": "multi:softmax", "num_class": 3}, WINE_KINDS),
        _BOTH,
    ),
    "XGBoost of vectors": (
        partial(_train_xgboost, {"multi_strategy": "multi_output_tree"}, np.column_stack([WINE_KINDS, _AMOUNTS])),
        _BOTH,
    ),
    "LightGBM on categories": (partial(lightgbm_classifier, WINE_KINDS), ("txt",)),
    "LightGBM of one number": (partial(_train_lightgbm, {"objective": "regression"}, _AMOUNTS), ("txt",)),
    "LightGBM of lines": (
        partial(_train_lightgbm, {"objective": "regression", "linear_tree": True}, _AMOUNTS),
        ("txt",),
    ),
    "LightGBM of a forest": (
        partial(
            _train_lightgbm,
            {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
            WINE_KINDS > 0,
        ),
        ("txt",),
    ),
}
