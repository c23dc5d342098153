"""MLflow folders, and other folders, that lead out of themselves or never end."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from support.files.hostile.assembly import call, name, program
from support.files.hostile.kinds import CANARY, MARK, Hostile

_SHELL = program(call(name("os", "system"), f"touch {MARK}"))
_FLAVOR: dict[str, Any] = {
    "pickled_model": "model.pkl",
    "sklearn_version": "1.9.1",
    "serialization_format": "cloudpickle",
}


def files() -> Iterator[Hostile]:
    """Each once."""
    for what, document in _documents().items():
        text = document if isinstance(document, str | bytes) else yaml.safe_dump(document)
        yield Hostile(f"mlflow: {what}", partial(_write, {"MLmodel": text, "model.pkl": _SHELL}))
    for what, make in _MADE.items():
        yield Hostile(f"folder: {what}", make)


def _flavors(**flavors: Any) -> dict[str, Any]:
    return {"flavors": flavors}


def _documents() -> dict[str, Any]:
    laughs = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    return {
        "a pickle that calls": _flavors(sklearn=_FLAVOR),
        "itself": _flavors(sklearn={"pickled_model": "."}),
        "its own folder again": _flavors(sklearn={"pickled_model": "./"}),
        "itself as another flavour": _flavors(xgboost={"data": "."}),
        "itself as a graph": _flavors(onnx={"data": "."}),
        "itself as a program": _flavors(pytorch={"model_data": "."}),
        "itself as a saved model": _flavors(tensorflow={"saved_model_dir": "."}),
        "itself as a booster": _flavors(lightgbm={"data": "."}),
        "its parent": _flavors(sklearn={"pickled_model": ".."}),
        "a file outside": _flavors(sklearn={"pickled_model": f"../../{CANARY}"}),
        "an absolute file": _flavors(sklearn={"pickled_model": "/etc/hostname"}),
        "a name with a NUL": _flavors(sklearn={"pickled_model": "a\0b"}),
        "a name without end": _flavors(sklearn={"pickled_model": "a" * 100_000}),
        "a deep name": _flavors(sklearn={"pickled_model": "a/" * 50_000}),
        "a name that is a list": _flavors(sklearn={"pickled_model": ["model.pkl"]}),
        "a name that is a number": _flavors(sklearn={"pickled_model": 7}),
        "code of its own": _flavors(python_function={"loader_module": "os", "data": "model.pkl", "code": "."}),
        "a loader of mlflow": _flavors(python_function={"loader_module": "mlflow.sklearn", "model_path": "model.pkl"}),
        "a flavour that is a list": _flavors(sklearn=[1]),
        "no flavours": {},
        "flavours that are text": {"flavors": "sklearn"},
        "a tag that calls": "flavors: !!python/object/apply:os.system ['touch it-ran']\n",
        "a tag that is a name": "flavors: !!python/name:os.system ''\n",
        "a billion laughs": laughs + "flavors: *a11\n",
        "lists without end": "flavors: " + "[" * 100_000,
        "mappings without end": "flavors:\n" + "".join(" " * n + "a:\n" for n in range(1, 5_000)),
        "no YAML": b"\xff\xfe\x00",
        "a key that is a list": "? [1, 2]\n: 3\nflavors: {}\n",
        "an alias of itself": "flavors: &a {sklearn: *a}\n",
        "a signature without end": {**_flavors(sklearn=_FLAVOR), "signature": {"inputs": "[" * 100_000}},
        "a signature that is a number": {**_flavors(sklearn=_FLAVOR), "signature": 7},
        "a date as a flavour": "flavors: {2020-01-01: {data: x}}\n",
    }


def _write(members: Mapping[str, str | bytes], path: Path) -> None:
    path.mkdir(parents=True)
    for member, content in members.items():
        (path / member).write_bytes(content.encode() if isinstance(content, str) else content)


def _write_link(path: Path) -> None:
    _write({"MLmodel": yaml.safe_dump(_flavors(sklearn=_FLAVOR))}, path)
    (path / "model.pkl").symlink_to(path.parent.parent / CANARY)


def _linked_document(path: Path) -> None:
    path.mkdir()
    (path / "MLmodel").symlink_to(path.parent.parent / CANARY)


def _fifo(path: Path) -> None:
    import os  # noqa: PLC0415

    path.mkdir()
    os.mkfifo(path / "model.joblib")


def _device(path: Path) -> None:
    path.mkdir()
    (path / "model.joblib").symlink_to("/dev/zero")


def _loop(path: Path) -> None:
    path.mkdir()
    (path / "model.joblib").symlink_to("model.joblib")


def _two(path: Path) -> None:
    _write({"a.pkl": _SHELL, "b.pkl": _SHELL}, path)


_MADE: dict[str, Callable[[Path], None]] = {
    "a link to another file": _write_link,
    "a link as the document": _linked_document,
    "a pipe": _fifo,
    "a device": _device,
    "a link to itself": _loop,
    "two models": _two,
    "nothing in it": partial(_write, {}),
}
