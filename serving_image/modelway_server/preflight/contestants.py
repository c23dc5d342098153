"""The option `--candidates`: models that compete with the one of `--model-dir`."""

import json
import re
from pathlib import Path
from typing import Any, Final

from modelway_server.preflight.child import PreparedModel

MAX_CANDIDATES: Final = 7
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_MEMBERS: Final = frozenset({"name", "modelDir", "preparedDir", "trustedTypes"})


class InvalidCandidates(ValueError):
    """A text is no list of candidates; it says why."""


def read_candidates(text: str, taken: str) -> tuple[PreparedModel, ...]:
    """Read the list.

    Args:
        text: its JSON.
        taken: the name of the model that they compete with.

    Raises:
        InvalidCandidates: it is none.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidCandidates(f"it is no JSON ({error})") from error
    if not isinstance(document, list) or len(document) > MAX_CANDIDATES:
        raise InvalidCandidates(f"it must be an array of at most {MAX_CANDIDATES}")
    models = tuple(_candidate(entry, f"[{index}]") for index, entry in enumerate(document))
    names = [taken, *(model.name for model in models)]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InvalidCandidates(f"two are called {twice!r}")
    return models


def _candidate(document: Any, place: str) -> PreparedModel:
    if not isinstance(document, dict) or not document.keys() <= _MEMBERS:
        raise InvalidCandidates(f"{place} must be an object of {', '.join(sorted(_MEMBERS))}")
    name, trusted = document.get("name"), document.get("trustedTypes") or []
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise InvalidCandidates(f"{place}.name must be 1 to 32 lower-case letters, digits and hyphens")
    folders = [folder for folder in (document.get("modelDir"), document.get("preparedDir")) if isinstance(folder, str)]
    if len(folders) < 2 or not all(folder and "\0" not in folder for folder in folders):
        raise InvalidCandidates(f"{place} must name its folders in modelDir and preparedDir")
    if not isinstance(trusted, list) or not all(isinstance(each, str) for each in trusted):
        raise InvalidCandidates(f"{place}.trustedTypes must be an array of strings")
    model_dir, prepared_dir = map(Path, folders)
    return PreparedModel(name=name, model_dir=model_dir, prepared_dir=prepared_dir, trusted_types=tuple(trusted))
