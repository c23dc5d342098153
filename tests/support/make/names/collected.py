"""The names that one environment's libraries give: `python -m support.make.names.collected FILE` writes them, as lines of the lists."""

import sys
import warnings
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from modelway_server.runtimes.pickle.substitutes import MOVED
from support.make.names import classes, functions
from support.make.names.aliases import aliases, resolve
from support.make.names.boosters import boosters
from support.make.names.fitted import fitted_estimators
from support.make.names.skops_names import uses_in_skops
from support.make.names.traced import CALLED, INSTANTIATED, Uses, uses_of
from support.make.names.values import values

CLASS, TYPE, REBUILD, FUNCTION = "class", "type", "rebuild", "function"
"""An instance is made and gets a state; a type is held, or is the argument of a rebuilder; a rebuilder is called while a
file is loaded; a function is held as data."""
_NEVER = {
    "builtins.getattr",  # attributes by name
    "builtins.type",  # `type(None)`, which no estimator needs
    "copyreg._reconstructor",  # the reader's own: it makes an instance of what it is given
    "copyreg.__newobj__",  # the same
    "scipy.spatial._ckdtree.cKDTree",  # native code follows the indices that the file holds
    "scipy.spatial._kdtree.KDTree",  # the same
}
"""Names that honest pickles hold, and that no list may."""
_ADDED = {
    f"{REBUILD} numpy.core.multiarray._reconstruct",
    f"{REBUILD} numpy.core.multiarray.scalar",
    f"{REBUILD} numpy.core.numeric._frombuffer",
    f"{REBUILD} pandas.core.indexes.period._new_PeriodIndex",
    f"{REBUILD} zoneinfo.ZoneInfo._unpickle",
    f"{FUNCTION} scipy._lib.array_api_compat.numpy._aliases.asarray",
    f"{FUNCTION} sklearn.metrics._scorer._passthrough_scorer",
}
"""Names that earlier versions of the libraries wrote and that today's still have."""
_METHODS = "capitalize casefold lower lstrip rsplit rstrip split splitlines strip swapcase title upper"
"""Methods of text that split it or change its letters: tokenizers and preprocessors of words."""


def lines(*, variants: bool = True) -> set[str]:
    """`KIND module.Name`, of everything that models of this environment name, under each of its names.

    Args:
        variants: whether each estimator is fitted with each choice of each parameter; with one alone it takes seconds.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        uses: Uses = set()
        for value in values():
            uses |= uses_of(value)
        for model in chain(boosters(), (estimator for _, estimator in fitted_estimators(variants=variants))):
            uses |= uses_of(model) | uses_in_skops(model)
        lines = set(_lines_of(uses)) | _ADDED
        lines |= {f"{CLASS} {_name(kind)}" for kind in classes.classes()}
        lines |= {f"{TYPE} {_name(kind)}" for kind in classes.types()}
        lines |= {f"{FUNCTION} {_name(function)}" for function in functions.functions()}
        lines |= {f"{FUNCTION} {name}" for name in functions.ufuncs()}
        lines |= {f"{FUNCTION} builtins.str.{name}" for name in _METHODS.split()}
        return lines | set(aliases(lines))


def _lines_of(uses: Iterable[tuple[str, str]]) -> Iterator[str]:
    for use, full_name in uses:
        module, dot, last = full_name.rpartition(".")
        name = f"{MOVED.get(module, module)}{dot}{last}"
        if name in _NEVER or name.startswith("__main__."):
            continue
        if use == CALLED:
            yield f"{REBUILD} {name}"
        elif use == INSTANTIATED:
            yield f"{CLASS} {name}"
        elif isinstance(resolve(name), type):
            yield f"{TYPE} {name}"
        elif (CALLED, full_name) not in uses:
            yield f"{FUNCTION} {name}"


def _name(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text("\n".join(sorted(lines())) + "\n")
