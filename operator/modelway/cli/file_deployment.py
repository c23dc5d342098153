"""The ModelDeployment that a model's file on this machine would have, for whoever has written none yet."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.local_pod import NotRunnable
from modelway.cli.manifests import NO_OWNER

FIELDS: Final = {
    "format": ("model", "format"),
    "trusted_types": ("model", "trustedTypes"),
    "method": ("runtime", "method"),
    "engine": ("runtime", "engine"),
}
"""Where the options of a model stand in a ModelDeployment's spec."""
_LONGEST_NAME = 53
"""Characters; an object's name leaves room for the hash of a revision."""


def deployment_of_file(
    path: Path, *, name: str | None, namespace: str, options: Mapping[str, str | None]
) -> ModelDeployment:
    """A ModelDeployment with the defaults and these options.

    Args:
        path: the model's file or folder.
        name: in URLs; made of the file's name where it is None.
        namespace: as in a cluster.
        options: by the names of FIELDS; None for the default.

    Raises:
        NotRunnable: there is no such file.
        InvalidSpec: an option has a value that a ModelDeployment may not have; the field is named.
    """
    if not path.exists():
        raise NotRunnable(f"There is no {path}.")
    spec: dict[str, dict[str, Any]] = {"model": {"uri": "file:///model/" if path.is_dir() else "file:///model.joblib"}}
    for option, value in options.items():
        if value is not None:
            block, field = FIELDS[option]
            spec.setdefault(block, {})[field] = value.split(",") if option == "trusted_types" else value
    metadata = {"name": name or name_of_file(path), "namespace": namespace, "uid": NO_OWNER}
    document = {"apiVersion": "modelway.dev/v1alpha1", "kind": "ModelDeployment", "metadata": metadata, "spec": spec}
    return ModelDeployment.parse(document)


def name_of_file(path: Path) -> str:
    """A name for URLs, as Kubernetes takes it for an object."""
    words = re.sub(r"[^a-z0-9]+", "-", path.resolve().stem.lower()).strip("-")
    return words[:_LONGEST_NAME].rstrip("-") or "model"
