"""The names that model files may use: the lists in names/, which `make names` makes from real models."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files


class Kind(StrEnum):
    """What a file may do with a name. A name may have several kinds."""

    CLASS = "class"
    """The file makes instances of it, without a call (`NEWOBJ`, `copyreg._reconstructor`), and they get a state."""
    TYPE = "type"
    """The file holds it as data (`numpy.float64`), or hands it to a rebuilder. The file makes no instance of it itself."""
    REBUILD = "rebuild"
    """The file calls this function or class while it loads, with arguments that its library writes. The result may get a
    state."""
    FUNCTION = "function"
    """The file holds it as data, and a model may call it with rows. The file never calls it."""


def kinds(name: str) -> frozenset[Kind]:
    """Return what a file may do with `module.Name`; nothing if the name is not listed."""
    return _lists().get(name, frozenset())


def all_lines() -> Iterable[str]:
    """Return all listed names."""
    return _lists().keys()


@cache
def _lists() -> Mapping[str, frozenset[Kind]]:
    kinds: dict[str, set[Kind]] = defaultdict(set)
    for file in files(__package__).joinpath("names").iterdir():
        for line in file.read_text(encoding="ascii").splitlines():
            if not line.startswith("#"):
                kind, name = line.split()
                kinds[name].add(Kind(kind))
    return {name: frozenset(each) for name, each in kinds.items()}
