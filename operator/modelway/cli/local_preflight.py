"""The processes of a preflight on this machine: those of the Job, with files of this machine in place of what is fetched. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.local_pod import Process, processes
from modelway.desired.children import job
from modelway.desired.children.job import FETCH_DATASET, FETCH_STABLE, PREPARE_STABLE
from modelway.desired.pod import FETCH, PREPARE, trust_arguments
from modelway.desired.revision import revision_of
from modelway.settings import Settings

_STABLE_MODEL, _STABLE_PREPARED = Path("mnt/stable/model"), Path("mnt/stable/prepared")


@dataclass(frozen=True, kw_only=True)
class LocalFiles:
    """URIs of files of this machine that are taken in place of others; None for none.

    Attributes:
        model: in place of spec.model.uri.
        dataset: in place of spec.preflight.evaluation.dataset.uri.
        against: in place of the model that serves in a cluster.
    """

    model: str | None = None
    dataset: str | None = None
    against: str | None = None


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
    template = job.build(deployment, revision_of(deployment), settings)["spec"]["template"]
    uris = {FETCH: files.model, FETCH_DATASET: files.dataset}
    own = [_from(process, uris.get(process.name)) for process in processes(template, directory, {})]
    if files.against is None:
        return own
    return _with_stable(own, directory, files.against, trust_arguments(deployment, "--stable-trusted-types"))


def _from(process: Process, uri: str | None) -> Process:
    return process if uri is None else with_options(process, {"--uri": uri})


def _with_stable(own: Sequence[Process], directory: Path, uri: str, trust: Sequence[str]) -> list[Process]:
    """The same with the containers of a stable model, made from those of the candidate."""
    *preparing, proving = own
    by_name = {process.name: process for process in preparing}
    model, prepared = str(directory / _STABLE_MODEL), str(directory / _STABLE_PREPARED)
    fetch = with_options(by_name[FETCH], {"--uri": uri, "--dest": model})
    prepare = with_options(by_name[PREPARE], {"--model-dir": model, "--prepared-dir": prepared})
    options = (f"--stable-model-dir={model}", f"--stable-prepared-dir={prepared}", *trust)
    return [
        *preparing,
        replace(fetch, name=FETCH_STABLE, secrets=()),
        replace(prepare, name=PREPARE_STABLE),
        replace(proving, arguments=(*proving.arguments, *options)),
    ]


def with_options(process: Process, values: Mapping[str, str]) -> Process:
    """The process with other values of options that it has."""
    arguments = []
    for argument in process.arguments:
        option, equals, value = argument.partition("=")
        arguments.append(f"{option}={values.get(option, value)}" if equals else argument)
    return replace(process, arguments=tuple(arguments))
