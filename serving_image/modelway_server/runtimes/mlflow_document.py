"""The `MLmodel` of an MLflow model folder: YAML of plain values."""

from pathlib import Path
from typing import Any

import yaml

from modelway_server.errors import InvalidArtifact

MAX_DOCUMENT = 16 << 20
"""Characters of an MLmodel."""
MAX_ALIASES = 8
"""MLflow writes none; each may double what the document stands for."""


class _Loader(yaml.SafeLoader):
    """Reads YAML of plain values, with few references to what was written before."""

    _aliases = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """As its base does; a reference counts."""
        if self.check_event(yaml.AliasEvent):
            self._aliases += 1
            if self._aliases > MAX_ALIASES:
                raise yaml.YAMLError(f"more than {MAX_ALIASES} references (*name)")
        return super().compose_node(parent, index)


def document_of(path: Path) -> dict[str, Any]:
    """What the `MLmodel` of a folder says, its flavours by their names.

    Raises:
        InvalidArtifact: there is none, or it is no document of MLflow's.
    """
    try:
        with (path / "MLmodel").open(encoding="utf-8") as file:
            document = yaml.load(file.read(MAX_DOCUMENT), _Loader)  # noqa: S506  (a safe loader)
        flavors = dict(document["flavors"])
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError, RecursionError) as error:
        raise InvalidArtifact(
            f"{path.name}/MLmodel cannot be read: {' '.join(str(error).split())[:200]}",
            remedy="Upload the whole folder as MLflow wrote it.",
        ) from error
    return {
        **document,
        "flavors": {name: each for name, each in flavors.items() if isinstance(each, dict) and isinstance(name, str)},
    }
