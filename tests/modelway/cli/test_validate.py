"""`modelway validate`: the verdict on files, with the line of everything that is wrong."""

import io
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.__main__ import main
from modelway.api.crd import custom_resource_definition
from modelway.cli.admission.structural import KEYWORDS
from modelway.cli.admission.verdict import verdict
from modelway.cli.documents import UnreadableFile, documents
from support.cases import CASES, Case, of_changes
from support.operator.legal_specs import manifests
from support.operator.specs import Object, every_field, manifest

GOOD = """apiVersion: modelway.dev/v1alpha1
kind: ModelDeployment
metadata:
  name: fraud
spec:
  model:
    uri: s3://models/fraud/model.joblib
"""
BAD = """# the head
apiVersion: modelway.dev/v1alpha1
kind: ModelDeployment
metadata:
  name: fraud
  labels: {version: 7}
spec:
  model:
    uri: s3://models/fraud/model.joblib
    formt: sklearn
  runtime:
    env:
    - name: A
      value: b
    - name: POD_NAME
      value: c
    resources:
      requests:
        cpu: 0.5
  scaling:
    min: 12
    max: 10
"""
SECRET = "kind: Secret\napiVersion: v1\nmetadata: {name: s3}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def validate(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    status = main(["validate", *arguments])
    return status, capsys.readouterr().out.splitlines()


JUDGED = f"""{GOOD}  preflight:
    evaluation:
      dataset: {{uri: s3://models/rows.csv}}
      target: label
      metrics:
      - {{name: recall, min: 0.5}}
      - {{name: acuracy, min: 0.5}}
      - {{name: of_our_own, min: 0.5}}
"""


def test_strange_scorer_is_a_warning_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.yaml").write_text(JUDGED)
    status, lines = validate(capsys, "-f", "x.yaml")
    field, scorer = "spec.preflight.evaluation.metrics", "is no scorer of scikit-learn in the platform's image"
    assert lines == [
        f"Warning: x.yaml:14: {field}[1].name: acuracy {scorer}; did you mean accuracy?",
        f"Warning: x.yaml:15: {field}[2].name: of_our_own {scorer}; docs/evaluation.md says where they are listed",
        "1 ModelDeployment: 1 accepted, 0 refused",
    ]
    assert status == 0
    main(["validate", "-f", "x.yaml", "-o", "json"])
    assert [one["line"] for one in json.loads(capsys.readouterr().out)["warnings"]] == [14, 15]


def test_each_problem_has_its_line_and_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.yaml").write_text(BAD)
    status, lines = validate(capsys, "-f", "x.yaml")
    assert [line.partition(": ")[::2] for line in lines[:-1]] == [
        ("x.yaml:6", "metadata.labels.version: 7 must be text in quotes"),
        (
            "x.yaml:10",
            "spec.model.formt: 'formt' is not a field of this version of Modelway: remove it or check its spelling",
        ),
        (
            "x.yaml:15",
            "spec.runtime.env[1].name: POD_NAME is set by Modelway: choose a name that does not begin with MODELWAY_ or POD_",
        ),
        (
            "x.yaml:19",
            'spec.runtime.resources.requests.cpu: 0.5 is no amount of CPU: write cores such as "2" or "0.5", or thousandths of a core such as 500m; here, put it in quotes: "0.5"',
        ),
        (
            "x.yaml:21",
            "spec.scaling.min: min is 12 and max is 10: min must not be above max, for example {min: 2, max: 10}",
        ),
    ]
    assert (status, lines[-1]) == (1, "1 ModelDeployment: 0 accepted, 1 refused")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.question)
def test_each_rule_is_judged_as_the_api_server_does(case: Case) -> None:
    assert verdict(of_changes(case.accepted)).problems == ()
    refused = verdict(of_changes(case.refused))
    assert any(one.field.startswith(case.field) for one in refused.api_server)
    assert len({one.field for one in refused.problems if one.field.startswith(case.field)}) == 1


def test_a_spec_that_sets_every_field_is_accepted() -> None:
    assert verdict({**manifest(), "spec": every_field()}).problems == ()


def test_every_keyword_of_the_definition_is_judged() -> None:
    def keywords(schema: Object) -> set[str]:
        children = [*schema.get("properties", {}).values()]
        children += [schema[key] for key in ("items", "additionalProperties") if key in schema]
        return {*schema, *(word for child in children for word in keywords(child))}

    (version,) = custom_resource_definition()["spec"]["versions"]
    assert keywords(version["schema"]["openAPIV3Schema"]) <= KEYWORDS


def test_folders_files_and_standard_input_go_together(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("team/deep").mkdir(parents=True)
    Path("team/deep/x.yml").write_text(f"{SECRET}---\n{GOOD}---\n---\n{GOOD}")
    Path("team/values.yaml").write_text("image: {tag: 1}\n")
    Path("team/notes.txt").write_text("{{{")
    Path("one.json").write_text(json.dumps(manifest(), indent="\t"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))
    status, lines = validate(capsys, "-f", "team", "-f", "one.json", "-f", "-", "-f", "one.json")
    assert all(line.startswith("<stdin>:") for line in lines[:-1])
    assert (status, lines[-1]) == (1, "4 ModelDeployments: 3 accepted, 1 refused; 2 of other kinds skipped")


def test_json_output_says_the_same_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.yaml").write_text(BAD)
    status, lines = validate(capsys, "-f", "x.yaml", "-o", "json")
    report = json.loads("\n".join(lines))
    assert (status, report["accepted"], report["refused"], report["skipped"]) == (1, 0, 1, 0)
    assert report["problems"][0] == {
        "file": "x.yaml",
        "line": 6,
        "field": "metadata.labels.version",
        "message": "7 must be text in quotes",
        "by": "api-server",
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said_of_it"),
    [
        (GOOD.replace("\n", "\r\n") + "  scaling: {replicas: 0}\r\n", "x.yaml:8: spec.scaling.replicas: 0 "),
        (f"\ufeff{GOOD}  suspend: maybe\n", "x.yaml:8: spec.suspend: 'maybe' must be true or false"),
        (GOOD + "\tscaling: {}\n", "x.yaml:8: is not YAML: "),
        (GOOD + "  model: {uri: x}\n", "x.yaml:8: model stands here for the second time: keep one of them"),
        (GOOD.replace("spec:", "spec: &spec") + "  scaling: {min: 3}\n---\n" + GOOD, "x.yaml:8: spec.scaling.min: "),
        (GOOD + "  runtime:\n    limits: &l\n      fetchTimeoutSeconds: 0\n  scaling: {<<: *l}\n", "x.yaml:10: spec.r"),
        (f"{{{{ if }}}}\n{GOOD}", "x.yaml:1: is not YAML: "),
        (GOOD.replace("v1alpha1", "v1"), "x.yaml:1: apiVersion: "),
        (GOOD.replace("ModelDeployment", "ModelDeploy"), "x.yaml:2: kind: "),
        (GOOD.replace("kind: ModelDeployment\n", ""), "x.yaml:1: "),
        ("spec: {}\n", "x.yaml:1: is not a Kubernetes object"),
        ("a: &a [*a]\n", "x.yaml:1: is not YAML: an anchor holds an alias of itself"),
        ("kind: List\nitems:\n- kind: Secret\n- kind: ModelDeployment\n", "x.yaml:4: "),
        ("[" * 1200, "x.yaml:1: is nested too deeply"),
        (b"\xff\xfe\xff", "x.yaml:1: is not YAML: "),
    ],
)
def test_a_file_that_cannot_be_parsed_is_named_with_its_line(
    text: str | bytes, said_of_it: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("x.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
    status, lines = validate(capsys, "-f", "x.yaml")
    assert status == 1
    assert lines[0].startswith(said_of_it)


def test_nested_aliases_do_not_exhaust_memory(capsys: pytest.CaptureFixture[str]) -> None:
    levels = [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 30)]
    Path("x.yaml").write_text("\n".join(["l0: &l0 x", *levels]))
    assert "once its aliases are followed" in validate(capsys, "-f", "x.yaml")[1][0]


@pytest.mark.parametrize("named", ["nowhere.yaml", "empty"])
def test_an_unreadable_path_is_wrong_usage(named: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert main(["validate", "-f", named]) == 2
    assert capsys.readouterr().err.startswith(f"{named}: ")


def test_a_file_of_other_kinds_is_valid(capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.yaml").write_text(SECRET)
    assert validate(capsys, "-f", "x.yaml") == (
        0,
        ["0 ModelDeployments: 0 accepted, 0 refused; 1 of other kinds skipped"],
    )


TEXTS = st.text(st.sampled_from("abk: -[]{}&*!|>'\"%@`#,?\n\t\r\0<=~.0x1e_\\\ufeff\x85\u2028é"), max_size=60)


@given(st.one_of(TEXTS.map(str.encode), TEXTS.map(lambda text: (GOOD + text).encode()), st.binary(max_size=60)))
def test_no_input_raises_an_unexpected_error(data: bytes) -> None:
    with suppress(UnreadableFile):
        for document in documents("x", data):
            assert isinstance(json.dumps(document.value), str)
            if isinstance(document.value, dict):
                verdict(document.value)


@pytest.mark.slow
@given(manifests(), st.sampled_from(["  ", " "]))
def test_every_field_is_found_on_its_line(manifest_object: Object, indent: str) -> None:
    text = json.dumps(manifest_object, indent=indent)
    (document,) = documents("x.json", text.encode())
    uri = next(number for number, line in enumerate(text.splitlines(), 1) if '"uri":' in line)
    assert document.line("spec.model.uri") == uri
    assert document.line("spec.model.uri.nowhere") == uri


@pytest.mark.slow
def test_validate_needs_no_cluster_client_and_no_server(folder: Path) -> None:
    (folder / "x.yaml").write_text(GOOD)
    code = (
        "import sys; from modelway.__main__ import main; status = main(['validate', '-f', 'x.yaml']); "
        "print({'kopf', 'kubernetes', 'aiohttp', 'sklearn', 'argcomplete'} & sys.modules.keys()); sys.exit(status)"
    )
    result = run_python("-c", code)
    assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "set()")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "command", "extra"),
    [
        ("cel_expr_python", ["validate", "-f", "x.yaml"], "cli"),
        ("argcomplete", ["completion", "bash"], "cli"),
        ("kubernetes", ["status"], "cli"),
        ("kopf", ["run"], "operator"),
    ],
)
def test_a_package_that_is_missing_is_named_with_its_remedy(
    package: str, command: list[str], extra: str, folder: Path
) -> None:
    (folder / "x.yaml").write_text(GOOD)
    code = f"import sys; sys.modules[{package!r}] = None; from modelway.__main__ import main; sys.exit(main({command}))"
    result = run_python("-c", code)
    assert result.returncode == 2
    assert result.stderr.startswith(f"modelway: this command needs the package {package}")
    assert result.stderr.endswith(f": in a checkout of Modelway, pip install '.[{extra}]'\n")


@pytest.mark.slow
def test_a_closed_output_pipe_is_no_error(folder: Path) -> None:
    (folder / "x.yaml").write_text(GOOD + "".join(f"  unknown{i}: 1\n" for i in range(2000)))
    command = f"{sys.executable} -m modelway validate -f x.yaml | head -1; echo ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert result.stdout.splitlines()[1] == "1"
    assert result.stderr == ""


def run_python(*arguments: str) -> "subprocess.CompletedProcess[str]":
    environment: dict[str, Any] = {**os.environ}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment)


def test_unknown_keys_are_named_beside_wrong_values() -> None:
    scheduling = {
        "labels": {"team": "Risk & Fraud", "bad key!": "x", "no way!": "x"},
        "annotations": {"also bad!": "x"},
    }
    problems = verdict(manifest(scheduling=scheduling)).problems
    assert {problem.field for problem in problems} == {
        "spec.scheduling.labels.team",
        "spec.scheduling.labels",
        "spec.scheduling.annotations",
    }
    messages = " ".join(problem.message for problem in problems)
    assert all(key in messages for key in ("bad key!", "no way!", "also bad!"))


def test_the_api_server_names_the_keys_at_fault() -> None:
    problems = verdict(manifest(scheduling={"labels": {"bad key!": "x"}})).api_server
    assert [problem.message.partition(":")[0] for problem in problems] == ["[bad key!]"]
