"""TensorFlow SavedModels, written field by field without TensorFlow."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from support.files.messages import message


def node(name: str, operation: str, *inputs: str, calls: bytes | None = None) -> bytes:
    """A NodeDef; `calls` is an AttrValue."""
    attributes = [(5, message((1, "f"), (2, calls)))] if calls is not None else []
    return message((1, name), (2, operation), *((3, each) for each in inputs), *attributes)


def calling(function: str) -> bytes:
    """An AttrValue that names a function."""
    return message((10, message((1, function))))


def function(name: str, nodes: Sequence[bytes], *arguments: str, attribute: str = "") -> bytes:
    """A FunctionDef."""
    signature = message((1, name), *((2, message((1, each))) for each in arguments))
    more = [(5, message((1, attribute)))] if attribute else []
    return message((1, signature), *((3, each) for each in nodes), *more)


def save(path: Path, nodes: list[bytes], functions: Mapping[str, list[bytes]], **meta: bytes) -> Path:
    """A SavedModel of a graph's nodes and of functions' nodes."""
    return write(path, nodes, [function(name, body) for name, body in functions.items()], (), **meta)


def write(
    path: Path, nodes: Sequence[bytes], functions: Sequence[bytes], assets: Sequence[str] = (), **meta: bytes
) -> Path:
    """A SavedModel of a graph's nodes, of whole functions, and of the names of assets."""
    library = message(*((1, each) for each in functions), *((2, each) for each in [meta.get("gradient", b"")] if each))
    graph = message(*((1, each) for each in nodes), (2, library))
    saver = message((1, "saver_filename:0"), (2, "save:0"), (3, "restore"))
    whole = message(
        (1, message((5, meta.get("version", b"")))),
        (2, graph),
        (3, saver),
        *((5, each) for each in [meta.get("signature", b"")] if each),
        *((6, message((1, message((1, "asset:0"))), (2, each))) for each in assets),
        *((7, each) for each in [meta.get("objects", b"")] if each),
        *((7, each) for each in [meta.get("more_objects", b"")] if each),
    )
    path.mkdir()
    (path / "saved_model.pb").write_bytes(message((1, 1), *((2, whole),) * (2 if meta.get("twice") else 1)))
    return path
