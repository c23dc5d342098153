"""scikit-learn models saved by skops: nothing of the file runs but what rebuilds types that are trusted."""

import re
import zipfile
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any

import skops.io

from modelway_server.errors import UnsafeArtifact
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.estimator import runtime_of
from modelway_server.runtimes.formats import Options
from modelway_server.runtimes.pickles import rebuild
from modelway_server.runtimes.trust import Trust, trust

_SAVED_VERSION = re.compile(rb'"_sklearn_version":\s*\{[^{}]*"content":\s*"\\"([^"\\]+)')


def load(path: Path, options: Options) -> Runtime:
    """The estimator in a file.

    Raises:
        LoadFailure: the file is no model, or not one that can be served.
    """
    trusted = trust(options.trusted_types)
    version = _saved_version(path)
    unpickled = rebuild(path, lambda: _read(path, trusted), {"sklearn": version} if version else {})
    runtime = runtime_of(unpickled, options.method)
    runtime.platform = "skops"
    runtime.description |= {"skops": skops.__version__}
    return runtime


def _read(path: Path, trusted: Trust) -> Any:
    """The object in a file.

    Raises:
        UnsafeArtifact: it holds a type that neither skops nor the list of trusted names knows.
        Exception: whatever a damaged file raises.
    """
    beyond = skops.io.get_untrusted_types(file=path)
    refused = [name for name in beyond if not _allowed(name, trusted)]
    if refused:
        raise UnsafeArtifact(
            f"{path.name} holds {', '.join(refused[:5])}{' and others' if len(refused) > 5 else ''}, "
            "which is not among what models may be made of",
            remedy="If you made the model, add these names to spec.model.trustedTypes; the server's image must hold them.",
        )
    return skops.io.load(path, trusted=beyond)


def _allowed(name: str, trusted: Trust) -> bool:
    """Whether the types of a name are among those that a pickle may hold too, or added by the user."""
    module, _, last = name.rpartition(".")
    if not trusted.may_import(module, last):
        return False
    try:
        found = getattr(import_module(module), last)
    except (ImportError, AttributeError):
        return True  # it says so itself when it is loaded
    return trusted.allows(module, last, found)


def _saved_version(path: Path) -> str | None:
    """The version of scikit-learn that saved the model; None where the file does not tell."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = _SAVED_VERSION.search(archive.read("schema.json"))
    except (zipfile.BadZipFile, zlib.error, OSError, KeyError, EOFError):
        return None
    return found[1].decode(errors="replace") if found else None
