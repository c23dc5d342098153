"""`modelway evaluate` runs the containers of the Job, with files of this machine in their places."""

from pathlib import Path
from typing import Any

import pytest

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.local_preflight import LocalFiles, preflight_processes
from modelway.cli.manifests import NO_OWNER
from modelway.desired.children import job
from modelway.desired.revision import revision_of
from modelway.settings import Settings

EVALUATION = {
    "dataset": {"uri": "s3://models/rows.csv"},
    "target": "label",
    "metrics": [{"name": "recall", "min": 0.5}],
}
PLACE = Path("/place")


def deployment(**preflight: Any) -> ModelDeployment:
    return ModelDeployment.parse(
        {
            "apiVersion": "modelway.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": "fraud", "namespace": "risk", "uid": NO_OWNER},
            "spec": {
                "model": {
                    "uri": "s3://models/v2/model.joblib",
                    "digest": f"sha256:{'2' * 64}",
                    "storage": {"secretRef": {"name": "keys"}},
                },
                "preflight": preflight,
            },
        }
    )


def options(files: LocalFiles, **preflight: Any) -> dict[str, dict[str, str]]:
    """The options of each process, by its name."""
    pod = preflight_processes(deployment(**preflight), Settings(), PLACE, files)
    return {process.name: dict(argument.partition("=")[::2] for argument in process.arguments[1:]) for process in pod}


def test_processes_are_the_containers_of_the_job() -> None:
    subject = deployment(evaluation=EVALUATION)
    template = job.build(subject, revision_of(subject), Settings())["spec"]["template"]["spec"]
    containers = [*template["initContainers"], *template["containers"]]
    pod = preflight_processes(subject, Settings(), PLACE, LocalFiles())
    assert [process.name for process in pod] == [one["name"] for one in containers]
    prove = options(LocalFiles(), evaluation=EVALUATION)["prove"]
    (container,) = [one for one in containers if one["name"] == "prove"]
    assert f"--spec={prove['--spec']}" in container["args"]
    assert prove["--model-dir"] == f"{PLACE}/mnt/models"


def test_local_files_take_the_place_of_uris() -> None:
    files = LocalFiles(model="file:///m.joblib", dataset="file:///rows.csv")
    chosen = options(files, evaluation=EVALUATION)
    assert chosen["fetch"]["--uri"] == "file:///m.joblib"
    assert chosen["fetch-dataset"]["--uri"] == "file:///rows.csv"


@pytest.mark.parametrize("preflight", [{}, {"evaluation": EVALUATION}, {"contract": "Compatible"}])
def test_model_to_compare_with_is_fetched_and_prepared_too(preflight: dict[str, Any]) -> None:
    chosen = options(LocalFiles(against="file:///old.joblib"), **preflight)
    order = ["fetch", "fetch-dataset", "fetch-stable", "prepare", "prepare-stable", "prove"]
    assert [*chosen] == [name for name in order if name != "fetch-dataset" or "evaluation" in preflight]
    assert chosen["fetch-stable"]["--uri"] == "file:///old.joblib"
    assert chosen["fetch-stable"]["--dest"] == chosen["prepare-stable"]["--model-dir"]
    assert chosen["prove"]["--stable-model-dir"] == chosen["prepare-stable"]["--model-dir"]
    assert chosen["prove"]["--stable-prepared-dir"] == chosen["prepare-stable"]["--prepared-dir"]
    assert chosen["prepare"]["--prepared-dir"] != chosen["prepare-stable"]["--prepared-dir"]


def test_digest_holds_for_the_uri_of_the_file_alone() -> None:
    files = LocalFiles(dataset="file:///rows.csv", against="file:///old.joblib")
    chosen = options(files, evaluation=EVALUATION)
    held = {name: values.get("--digest") for name, values in chosen.items() if name.startswith("fetch")}
    assert held == {"fetch": f"sha256:{'2' * 64}", "fetch-dataset": None, "fetch-stable": None}
    assert "--digest" not in options(LocalFiles(model="file:///m.joblib"))["fetch"]


def test_settings_of_the_model_hold_for_the_one_it_is_compared_with() -> None:
    chosen = options(LocalFiles(against="file:///old.joblib"))
    same = ("--format", "--method", "--engine", "--tolerance", "--timeout")
    assert [chosen["prepare-stable"][name] for name in same] == [chosen["prepare"][name] for name in same]
