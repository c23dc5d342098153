"""Import scikit-learn without what a server never uses of it: SciPy's manual, and pandas where no table comes.

SciPy writes the manuals of its functions while it is imported, which takes a fifth of that time. scikit-learn imports
pandas at once, and uses it only for tables, whose senders import it themselves.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, Final

_MANUALS: Final = "scipy._lib._docscrape"
_FIRST: Final = "sklearn.utils.fixes"
"""What imports both."""


class _NoManual:
    """Stands for the parsed manual of a function: it takes every section, and writes nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._sections: dict[str, list[Any]] = {}

    def __getitem__(self, section: str) -> list[Any]:
        return self._sections.setdefault(section, [])

    def __setitem__(self, section: str, content: list[Any]) -> None:
        self._sections[section] = content

    def __str__(self) -> str:
        return "\n"


def import_sklearn() -> None:
    """Import scikit-learn's foundations, if there are any and nobody has imported them yet.

    Where that fails under the replaced names, whoever needs them imports them as they are.
    """
    if _FIRST in sys.modules:
        return
    with suppress(Exception), _without_manuals(), _without("pandas"):
        import_module(_FIRST)


@contextmanager
def _without_manuals() -> Iterator[None]:
    """Have SciPy write no manuals; a release that does it in another way writes them."""
    try:
        module: Any = import_module(_MANUALS)
        written = module.FunctionDoc
    except (ImportError, AttributeError):
        yield
        return
    module.FunctionDoc = _NoManual
    try:
        yield
    finally:
        module.FunctionDoc = written


@contextmanager
def _without(name: str) -> Iterator[None]:
    """Have an import of a module fail, unless it was imported before."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # as the import system has it
    try:
        yield
    finally:
        del sys.modules[name]
