"""`modelway render`: what the operator would create, or what is wrong with the file."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.commands import parser
from modelway.cli.manifests import NO_OWNER
from modelway.desired.children import build_children
from modelway.desired.pod import pod_template
from modelway.desired.revision import revision_of
from modelway.settings import Settings

FRAUD = {
    "apiVersion": "modelway.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": "fraud", "namespace": "risk"},
    "spec": {
        "model": {"uri": "s3://models/fraud/v7/model.joblib", "storage": {"secretRef": {"name": "s3"}}},
        "scaling": {"min": 2, "max": 10, "cpu": 60},
    },
}
TUMOURS = {**FRAUD, "metadata": {"name": "tumours"}, "spec": {"model": {"uri": "https://host/m.joblib"}}}


def modelway(*arguments: str) -> int:
    parsed = parser().parse_args(arguments)
    return int(parsed.run(parsed))


def write(path: Path, *documents: Any) -> str:
    path.write_text(yaml.safe_dump_all(documents))
    return str(path)


@pytest.fixture
def file(tmp_path: Path) -> str:
    return write(tmp_path / "fraud.yaml", FRAUD)


def test_render_prints_what_the_operator_builds(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    deployment = ModelDeployment.parse({**FRAUD, "metadata": {"name": "fraud", "namespace": "risk", "uid": NO_OWNER}})
    revision, settings = revision_of(deployment), Settings()
    template = pod_template(deployment, revision, settings)
    built = build_children(deployment, revision, template, replicas=None, settings=settings)
    assert modelway("render", "-f", file) == 0
    assert list(yaml.safe_load_all(capsys.readouterr().out)) == built


@pytest.mark.parametrize(
    ("document", "kinds"),
    [
        (FRAUD, ["ControllerRevision", "Service", "Deployment", "PodDisruptionBudget", "HorizontalPodAutoscaler"]),
        (TUMOURS, ["ControllerRevision", "Service", "Deployment", "PodDisruptionBudget"]),
    ],
)
def test_render_prints_each_child_once(
    document: Any, kinds: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert modelway("render", "-f", write(tmp_path / "x.yaml", document)) == 0
    assert [child["kind"] for child in yaml.safe_load_all(capsys.readouterr().out)] == kinds


def test_render_prints_the_same_as_json_and_yaml(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    modelway("render", "-f", file)
    as_yaml = list(yaml.safe_load_all(capsys.readouterr().out))
    modelway("render", "-f", file, "-o", "json")
    as_json = json.loads(capsys.readouterr().out)
    assert (as_json["kind"], as_json["items"]) == ("List", as_yaml)


def test_render_takes_files_with_several_kinds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3"}}
    assert modelway("render", "-f", write(tmp_path / "x.yaml", secret, FRAUD, None, TUMOURS), "-n", "lab") == 0
    children = list(yaml.safe_load_all(capsys.readouterr().out))
    places = {(child["metadata"]["namespace"], child["metadata"]["labels"]["modelway.dev/name"]) for child in children}
    assert places == {("risk", "fraud"), ("lab", "tumours")}


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(yaml.safe_dump(TUMOURS).encode())))
    assert modelway("render", "-f", "-") == 0
    assert "namespace: default" in capsys.readouterr().out


def test_settings_come_from_environment_and_command_line(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODELWAY_SERVER_IMAGE", "registry/server:7")
    monkeypatch.setenv("MODELWAY_DRAIN_SECONDS", "20")
    monkeypatch.setenv("MODELWAY_HTTP_TOKEN", "is not a setting of the operator")
    assert modelway("render", "-f", file, "--setting", "drain_seconds=3") == 0
    text = capsys.readouterr().out
    assert "image: registry/server:7" in text
    assert "--drain-seconds=3" in text


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("{", "x.yaml:1: is not YAML"),
        ("a: b", "x.yaml:1: is not a Kubernetes object"),
        ("- a", "x.yaml:1: is not a Kubernetes object"),
        ("kind: Secret", "x.yaml: holds no ModelDeployment"),
        ("", "x.yaml: holds no ModelDeployment"),
        ("a: 1\nkind: Secret\na: 2", "x.yaml:3: a stands here for the second time"),
        ("\x00", "x.yaml:1: is not YAML"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(
    text: str, beginning: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(text)
    assert modelway("render", "-f", "x.yaml") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(beginning)


def test_each_problem_names_line_field_value_and_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        yaml.safe_dump(FRAUD)
        + "---\n"
        + yaml.safe_dump(TUMOURS).replace("https:", "gs:")
        + "  scaling: {min: 12, max: 10}\n"
    )
    path = tmp_path / "x.yaml"
    path.write_text(text)
    lines = text.splitlines()
    uri, scaling = (lines.index(line) + 1 for line in ("    uri: gs://host/m.joblib", "  scaling: {min: 12, max: 10}"))
    assert modelway("render", "-f", str(path)) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[0].startswith(
        f"{path}:{uri}: spec.model.uri: gs://host/m.joblib must begin with s3://"
    )
    assert printed.err.splitlines()[-1].startswith(f"{path}:{scaling}: spec.scaling.min: min is 12 and max is 10")


def test_a_missing_file_and_a_wrong_setting_are_named(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert modelway("render", "-f", "/no/such.yaml") == 2
    assert modelway("render", "-f", file, "--setting", "drain_seconds") == 2
    assert modelway("render", "-f", file, "--setting", "drain_seconds=x") == 2
    printed = capsys.readouterr().err.splitlines()
    assert printed[0] == "/no/such.yaml: cannot be read: No such file or directory"
    assert "NAME=VALUE" in printed[1]
    assert "MODELWAY_DRAIN_SECONDS" in printed[2]


@pytest.mark.slow
def test_render_needs_no_cluster_client_and_no_server(file: str) -> None:
    code = (
        "import sys; from modelway.__main__ import main; status = main(['render', '-f', sys.argv[1]]); "
        "print({'kopf', 'kubernetes', 'aiohttp', 'sklearn', 'obstore'} & sys.modules.keys(), file=sys.stderr); sys.exit(status)"
    )
    result = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "set()\n")
    assert "kind: Deployment" in result.stdout
