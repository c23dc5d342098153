"""Which names a pickle looks up, and what becomes of each: called, made an instance of, or held as data.

The pickles are our own, so that reading them is safe: Python's own unpickler reads them, and is watched.
"""

import _compat_pickle
import io
import pickle
from contextlib import suppress
from typing import Any, ClassVar

CALLED, INSTANTIATED, NAMED = "called", "instantiated", "named"
Uses = set[tuple[str, str]]
"""Pairs of what becomes of a name, and the name as `module.Name`."""
_PYTHON_UNPICKLER: Any = pickle._Unpickler  # the one in Python, whose steps can be watched


class _Watched(_PYTHON_UNPICKLER):  # type: ignore[misc]  # as above
    """Notes each name where it is looked up, called, or made an instance of."""

    dispatch: ClassVar[dict[int, Any]] = dict(_PYTHON_UNPICKLER.dispatch)

    def __init__(self, file: Any, uses: Uses) -> None:
        super().__init__(file)
        self._uses = uses
        self._names: dict[int, str] = {}

    def find_class(self, module_name: str, global_name: str) -> Any:
        value = super().find_class(module_name, global_name)
        self._names[id(value)] = name_today(module_name, global_name)
        self._note(NAMED, value)
        return value

    def _note(self, use: str, thing: Any) -> None:
        if id(thing) in self._names:
            self._uses.add((use, self._names[id(thing)]))

    def _load_reduce(self) -> None:
        function, arguments = self.stack[-2:]
        if self._names.get(id(function)) in {"copyreg._reconstructor", "copyreg.__newobj__"}:
            self._note(INSTANTIATED, arguments[0])
        self._note(CALLED, function)
        _PYTHON_UNPICKLER.load_reduce(self)

    def _load_newobj(self) -> None:
        self._note(INSTANTIATED, self.stack[-2])
        _PYTHON_UNPICKLER.load_newobj(self)

    def _load_newobj_ex(self) -> None:
        self._note(INSTANTIATED, self.stack[-3])
        _PYTHON_UNPICKLER.load_newobj_ex(self)

    dispatch[pickle.REDUCE[0]] = _load_reduce
    dispatch[pickle.NEWOBJ[0]] = _load_newobj
    dispatch[pickle.NEWOBJ_EX[0]] = _load_newobj_ex


def uses_of(thing: Any) -> Uses:
    """What the pickles of an object name, in every protocol that can hold it: 1 and 3 name what 0 and 2 do."""
    uses: Uses = set()
    for protocol in (0, 2, 4, 5):
        with suppress(Exception):  # whatever it raises that cannot be pickled, or read again
            _Watched(io.BytesIO(pickle.dumps(thing, protocol)), uses).load()
    return uses


def name_today(module: str, name: str) -> str:
    """The name as Python 3 has it: protocols 0 to 2 write those of Python 2."""
    module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
    return f"{_compat_pickle.IMPORT_MAPPING.get(module, module)}.{name}"
