"""Versions of libraries: which one saved a model, which names it lacks here, and how to save it again.

Nothing of a model is imported or run to find that out.
"""

import ast
import importlib.metadata
import mmap
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Final

import sklearn

from modelway_server.errors import LoadFailed, LoadFailure, MissingModule, RuntimeVersionMismatch, describe


@dataclass(frozen=True, slots=True)
class Library:
    """A library whose objects are in models, and whose names change from version to version.

    Attributes:
        title: as its authors write it.
        distributions: what it may be installed as.
        anew: how a model of another version is saved so that this one reads it.
    """

    title: str
    distributions: tuple[str, ...]
    anew: str = ""


_UNREADABLE: Final = (
    "If another version of its library saved it, train and save it again with the versions of this server's image; "
    "otherwise load the file in a fresh Python, call its method on one row, and fix what fails there."
)
_BOOSTER: Final = "Load the file with the {title} that saved it, write {call}, and serve that file"
LIBRARIES: Final[Mapping[str, Library]] = {
    "sklearn": Library("scikit-learn", ("scikit-learn",)),
    "numpy": Library("NumPy", ("numpy",)),
    "scipy": Library("SciPy", ("scipy",)),
    "pandas": Library("pandas", ("pandas",)),
    "joblib": Library("joblib", ("joblib",)),
    "xgboost": Library(
        "XGBoost", ("xgboost", "xgboost-cpu"), _BOOSTER.format(title="XGBoost", call="model.save_model('model.json')")
    ),
    "lightgbm": Library(
        "LightGBM", ("lightgbm",), _BOOSTER.format(title="LightGBM", call="model.booster_.save_model('model.txt')")
    ),
}
"""By the package that is imported."""

_SAVED_BY: Final = {
    "sklearn": re.compile(rb"_sklearn_version.{1,5}?(\d+\.\d+[0-9A-Za-z.]*)", re.DOTALL),
    "xgboost": re.compile(rb'"version":\[(\d+),(\d+),(\d+)\]'),
}
"""Where a pickle names a version: in the state of every estimator, and in that of a booster."""


def saved_versions(path: Path) -> dict[str, str]:
    """The versions of libraries that a file names as those that saved it, by package; it is not compressed."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        matches = {package: pattern.search(content) for package, pattern in _SAVED_BY.items()}
        return {package: b".".join(match.groups()).decode() for package, match in matches.items() if match}


def differs(version: str | None, package: str = "sklearn") -> bool:
    """Whether that version of a library has another major or minor number than ours."""
    return bool(version) and _minor(version or "") != _minor(version_here(package))


def version_here(package: str) -> str:
    """The version of a library that is here; empty where it is not."""
    if package == "sklearn":
        return str(sklearn.__version__)
    for distribution in LIBRARIES[package].distributions:
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def version_mismatch(version: str | None, what: str, package: str = "sklearn") -> RuntimeVersionMismatch:
    """The failure of a model that another version of a library saved.

    Args:
        version: that saved it; None where the file does not tell.
        what: fails, as a clause.
        package: the library.
    """
    library, ours = LIBRARIES[package], version_here(package)
    before = version or "another version"
    image = (
        f"run a server image with {library.title} {version}"
        if version
        else "run a server image with the version that saved it"
    )
    anew = f"train and save the model again with {library.title} {ours}"
    remedy = f"{library.anew}; or {anew}, or {image}." if library.anew else f"{anew[0].upper()}{anew[1:]}, or {image}."
    return RuntimeVersionMismatch(f"saved with {library.title} {before}, served with {ours}: {what}", remedy=remedy)


def blame_version(saved: Mapping[str, str], what: str) -> RuntimeVersionMismatch | None:
    """The failure of a model that other versions saved than ours, by the first of them; None where all are ours.

    Args:
        saved: the versions that saved the model, by package.
        what: fails, as a clause.
    """
    other = next((package for package, version in saved.items() if differs(version, package)), None)
    return version_mismatch(saved[other], what, other) if other else None


def may_differ(versions: Mapping[str, str]) -> str:
    """What to say of a model that other versions saved and that answers: what cannot be found out; empty for ours.

    Args:
        versions: that saved it, by package.
    """
    others = [
        f"saved with {LIBRARIES[package].title} {version}, served with {version_here(package)}"
        for package, version in versions.items()
        if differs(version, package)
    ]
    return f"{'; '.join(others)}: answers may differ" if others else ""


def describe_versions(saved: Mapping[str, str]) -> dict[str, str]:
    """What the metadata says of the versions that saved a model, and the caution where they are others."""
    names = {package: LIBRARIES[package].title.lower().replace("-", "_") for package in saved}
    described = {f"saved_with_{names[package]}": version for package, version in saved.items()}
    caution = may_differ(saved)
    return described | ({"caution": caution} if caution else {})


@contextmanager
def blaming_versions(saved: Mapping[str, str], what: str) -> Iterator[None]:
    """Turn what a model's object raises, other than a load failure, into one: of another version, if one saved it.

    Args:
        saved: the versions that saved the model, by package.
        what: is done, as a clause that says that it fails.

    Raises:
        LoadFailure: of the block, or made of whatever else the block raises.
    """
    try:
        yield
    except LoadFailure:
        raise
    except Exception as error:
        message = f"{what} ({describe(error)})"
        raise blame_version(saved, message) or LoadFailed(message, remedy=_UNREADABLE) from error


def oldest(versions: Sequence[str]) -> str:
    """The oldest of several versions of a library."""
    return min(versions, key=lambda version: tuple(map(int, re.findall(r"\d+", version))))


def lacks(module: str, name: str) -> bool:
    """Whether a library that is here has no such name any more, or not yet: a matter of versions, not of danger.

    Args:
        module: that a file names.
        name: in the module; a dotted one is looked for up to its first dot.
    """
    package = module.partition(".")[0]
    return package in LIBRARIES and bool(version_here(package)) and not has_name(module, name)


def missing_module(name: str, saved: Mapping[str, str]) -> LoadFailure:
    """The failure of a model that imports a module which is not here.

    Args:
        name: of the module.
        saved: the versions that saved the model, by package.
    """
    package = name.partition(".")[0]
    if package in LIBRARIES and version_here(package):
        return version_mismatch(saved.get(package), f"there is no module {name}", package)
    return MissingModule(
        f"the model needs the package {package!r} (module {name}), which this server's image does not hold",
        remedy=f"Run a server image that holds {package}, or build the model without it.",
    )


def missing_name(module: str, name: str, saved: Mapping[str, str]) -> LoadFailure:
    """The failure of a model that uses a name which its module here does not have.

    Args:
        module: the module.
        name: in it.
        saved: the versions that saved the model, by package.
    """
    package = module.partition(".")[0]
    if package in LIBRARIES and version_here(package):
        return version_mismatch(saved.get(package), f"{module} has no {name}", package)
    if module == "__main__":
        return MissingModule(
            f"the model uses {name!r}, which was defined in the script or notebook that saved it, not in a package",
            remedy=f"Move {name} into a package, save the model again, and run a server image that holds the package.",
        )
    return MissingModule(
        f"the model uses {module}.{name}, which the package in this server's image does not have",
        remedy=f"Run a server image with the version of {package} that saved the model.",
    )


def has_name(module: str, name: str) -> bool:
    """Whether a module of an installed package has a name, as far as its text tells, or its bytes where it is compiled.

    It is read, not imported. Of a compiled module the bytes tell classes alone; it has any other name.
    """
    first = name.partition(".")[0]
    loaded = sys.modules.get(module)
    if loaded is not None and first in vars(loaded):
        return True
    spec = _find(module)
    if spec is None:
        return loaded is not None
    if not spec.origin or not spec.origin.endswith(".py"):
        return not first[:1].isupper() or _is_compiled_in(spec.origin, first)
    names = _names_of(spec.origin)
    return names is None or first in names or _find(f"{module}.{first}") is not None


def _find(module: str) -> ModuleSpec | None:
    """Where a module is, without importing those that hold it."""
    spec, path = None, None
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:depth]), path)
        path = spec.submodule_search_locations if spec is not None else None
        if spec is None or (path is None and depth < len(parts)):
            return None
    return spec


def _is_compiled_in(origin: str | None, name: str) -> bool:
    """Whether a compiled module has a text that ends with this name, as the one that names a class does."""
    if not origin:
        return True
    try:
        return name.encode() + b"\0" in Path(origin).read_bytes()
    except (OSError, ValueError):
        return True


@lru_cache(maxsize=64)
def _names_of(source: str) -> frozenset[str] | None:
    """The names that the text of a module binds, at any depth outside functions and classes; None where it takes them from elsewhere."""
    try:
        tree = ast.parse(Path(source).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    names: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
                continue
            case ast.Import(names=imported) | ast.ImportFrom(names=imported):
                names.update((alias.asname or alias.name).partition(".")[0] for alias in imported)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
        waiting.extend(ast.iter_child_nodes(node))
    return None if names & {"*", "__getattr__"} else frozenset(names)


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]
