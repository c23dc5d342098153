"""The processes of a preflight on this machine: those of the Job, with files of this machine in place of what is fetched. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.file_deployment import with_model_file
from modelway.cli.local_pod import Process, processes
from modelway.desired.children import job
from modelway.desired.children.job import CANDIDATES, StableModel
from modelway.desired.evidence import Evidence
from modelway.desired.revision import revision_of
from modelway.settings import Settings

_NOTHING_PROVED = Evidence(accepted=True, reason="")


@dataclass(frozen=True, kw_only=True)
class LocalFiles:
    """URIs of files of this machine that are taken in place of others; None for none.

    Attributes:
        model: in place of spec.model.uri.
        dataset: in place of spec.preflight.evaluation.dataset.uri.
        against: in place of the model that serves in a cluster.
        candidates: in place of spec.model.candidates[].uri, by name.
    """

    model: str | None = None
    dataset: str | None = None
    against: str | None = None
    candidates: Mapping[str, str] = field(default_factory=dict)


def preflight_processes(
    deployment: ModelDeployment, settings: Settings, directory: Path, files: LocalFiles
) -> list[Process]:
    """The containers of the preflight in the order in which they run.

    Args:
        deployment: whose model is tried.
        settings: of the platform.
        directory: takes the place of the Job's volumes.
        files: of this machine.

    Raises:
        NotRunnable: an environment variable comes from somewhere that only a cluster has.
    """
    stable = files.against and StableModel(with_model_file(deployment, files.against), "", _NOTHING_PROVED)
    subject = _with_files(deployment, files)
    template = job.build(subject, revision_of(deployment), settings, stable or None)["spec"]["template"]
    return [_in_folders(process, directory) for process in processes(template, directory, {})]


def _in_folders(process: Process, directory: Path) -> Process:
    """The process with the folders of this machine in what it is told of candidates, too."""
    return replace(process, arguments=tuple(_in_folder(argument, directory) for argument in process.arguments))


def _in_folder(argument: str, directory: Path) -> str:
    option, _, value = argument.partition("=")
    if option != CANDIDATES:
        return argument
    candidates = json.loads(value)
    for one in candidates:
        one |= {name: f"{directory}{one[name]}" for name in ("modelDir", "preparedDir")}
    return f"{option}={json.dumps(candidates)}"


def _with_files(deployment: ModelDeployment, files: LocalFiles) -> ModelDeployment:
    subject = _with_candidates(deployment, files)
    subject = subject if files.model is None else with_model_file(subject, files.model)
    preflight = deployment.spec.preflight
    if files.dataset is None or preflight is None or preflight.evaluation is None:
        return subject
    dataset = preflight.evaluation.dataset.model_copy(update={"uri": files.dataset})
    evaluation = preflight.evaluation.model_copy(update={"dataset": dataset})
    changed = subject.spec.model_copy(update={"preflight": preflight.model_copy(update={"evaluation": evaluation})})
    return subject.model_copy(update={"spec": changed})


def _with_candidates(deployment: ModelDeployment, files: LocalFiles) -> ModelDeployment:
    model = deployment.spec.model
    candidates = tuple(
        one.model_copy(update={"uri": files.candidates.get(one.name, one.uri)}) for one in model.candidates
    )
    changed = model.model_copy(update={"candidates": candidates})
    return deployment.model_copy(update={"spec": deployment.spec.model_copy(update={"model": changed})})
