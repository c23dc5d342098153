"""Make a ModelDeployment for a model's file on this machine: a new one, or of one that the user has written."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.manifests import NO_OWNER
from modelway.errors import InvalidSpec, Problem, WrongUsage

FIELDS: Final = {
    "format": ("model", "format"),
    "trusted_types": ("model", "trustedTypes"),
    "method": ("runtime", "method"),
    "engine": ("runtime", "engine"),
}
"""Where the options of a model stand in a ModelDeployment's spec."""
_LONGEST_NAME = 40
"""Characters that a ModelDeployment's name may have."""


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
        WrongUsage: there is no such file, or an option has a value that a ModelDeployment may not have.
    """
    if not path.exists():
        raise WrongUsage(f"There is no {path}.")
    spec: dict[str, dict[str, Any]] = {"model": {"uri": "file:///model/" if path.is_dir() else "file:///model.joblib"}}
    for option, value in options.items():
        if value is not None:
            block, field = FIELDS[option]
            spec.setdefault(block, {})[field] = value.split(",") if option == "trusted_types" else value
    metadata = {"name": name or name_of_file(path), "namespace": namespace, "uid": NO_OWNER}
    document = {"apiVersion": "modelway.dev/v1alpha1", "kind": "ModelDeployment", "metadata": metadata, "spec": spec}
    try:
        return ModelDeployment.parse(document)
    except InvalidSpec as error:
        raise WrongUsage("; ".join(map(_of_option, error.problems))) from error


def with_model_file(deployment: ModelDeployment, uri: str) -> ModelDeployment:
    """The same with another model: the file or folder at a URI of this machine, whatever its digest."""
    model = deployment.spec.model.model_copy(update={"uri": uri, "digest": None})
    return deployment.model_copy(update={"spec": deployment.spec.model_copy(update={"model": model})})


def _of_option(problem: Problem) -> str:
    """A problem of a ModelDeployment in the words of the command that it was made of."""
    options = {"metadata.name": "--name", "metadata.namespace": "--namespace"}
    options |= {".".join(("spec", *path)): f"--{option.replace('_', '-')}" for option, path in FIELDS.items()}
    option = options.get(problem.field.partition("[")[0])
    return f"{option}: {problem.message}" if option else str(problem)


def name_of_file(path: Path) -> str:
    """A name for URLs, as a ModelDeployment may have it: it begins with a letter, and does not end in -canary."""
    words = re.sub(r"[^a-z0-9]+", "-", path.resolve().stem.lower()).strip("-")
    if not words[:1].isalpha():
        words = f"model-{words}"
    return re.sub("(-canary|-)+$", "", words[:_LONGEST_NAME])
