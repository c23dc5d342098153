"""A format costs an image nothing until it is there, and says what is missing when a model of it comes."""

import sys
from dataclasses import replace
from importlib.metadata import metadata

import pytest

from modelway_server.errors import MissingModule
from modelway_server.runtimes.formats import FORMATS, SERVER


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.extra != SERVER])
def test_missing_library_is_named_with_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = replace(FORMATS[name])  # of those that there are, one may have its loader already
    library = own.libraries[0]
    for module in [library, *(module for module in sys.modules if module.startswith(f"{library}."))]:
        monkeypatch.setitem(sys.modules, module, None)
    loader = f"modelway_server.runtimes.{name}"
    for module in [module for module in sys.modules if module == loader or module.startswith(f"{loader}.")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(MissingModule, match=f"does not hold the package '{library}") as error:
        own.load  # noqa: B018  (importing is what it does)
    assert f"spec.runtime.image (make image FORMATS={name} builds one)" in error.value.remedy
    assert name in (metadata("modelway").get_all("Provides-Extra") or ())
