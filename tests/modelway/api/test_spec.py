"""What the types accept and refuse, and in which words."""

import datetime as dt
from typing import Any

import pytest

from modelway.api.v1alpha1 import ModelDeployment
from modelway.errors import InvalidSpec, Problem
from support.cases import CASES, Case, of_changes
from support.operator.specs import every_field, manifest


def problems(spec: Any) -> tuple[Problem, ...]:
    with pytest.raises(InvalidSpec) as error:
        ModelDeployment.parse(spec)
    return error.value.problems


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.question)
def test_accepted_as_by_the_api_server(case: Case) -> None:
    ModelDeployment.parse(of_changes(case.accepted))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.question)
def test_refused_as_by_the_api_server(case: Case) -> None:
    assert case.field in {problem.field for problem in problems(of_changes(case.refused))}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"model": {}}, "spec.model.uri: is missing and must be given"),
        (
            {"model": {"uri": "gs://b/m"}},
            "spec.model.uri: gs://b/m must begin with s3://, https://, http:// or file://",
        ),
        ({"modle": {}}, "spec.modle: 'modle' is not a field of this version of Modelway: remove it or check its"),
        ({"suspend": "yes"}, "spec.suspend: 'yes' must be true or false"),
        ({"runtime": {"workers": "2"}}, "spec.runtime.workers: '2' must be a whole number without quotes"),
        ({"runtime": {"workers": 99}}, "spec.runtime.workers: 99 should be less than or equal to 16"),
        ({"runtime": {"env": {"A": "b"}}}, "spec.runtime.env: {'A': 'b'} must be a list"),
        ({"runtime": {"env": [{"name": "A", "value": 1}]}}, "spec.runtime.env[0].value: 1 must be text in quotes"),
        ({"runtime": {"env": [{"name": "A", "value": ""}] * 2}}, "more than one entry has name 'A': keep one of them"),
        ({"runtime": {"method": "predict_prob"}}, "did you mean predict_proba?"),
        ({"runtime": {"resources": {"requests": {"cpu": 0.5}}}}, 'here, put it in quotes: "0.5"'),
        ({"runtime": {"resources": {"requests": {"memory": "1GB"}}}}, "'1GB' is no amount of memory: write bytes with"),
        ({"scheduling": {"labels": {"team": "risk 1"}}}, "'risk 1' must be letters, digits"),
        ({"scaling": {"min": 5, "max": 4}}, "spec.scaling.min: min is 5 and max is 4: min must not be above max"),
    ],
)
def test_problem_names_field_fault_and_remedy(spec: dict[str, Any], words: str) -> None:
    fields = {**manifest()["spec"], **spec}
    assert words in str(InvalidSpec(problems({**manifest(), "spec": fields})))


def test_all_problems_are_reported_at_once() -> None:
    document = manifest(runtime={"workers": 0, "method": "x"}, scaling={"min": 2})
    fields = [problem.field for problem in problems(document)]
    assert fields == ["spec.runtime.method", "spec.runtime.workers", "spec.scaling.min"]


@pytest.mark.parametrize("uri", ["https://user:hunter2@host/model", "ftp://user:hunter2@host/.."])
def test_a_password_in_an_address_is_not_repeated(uri: str) -> None:
    assert "hunter2" not in str(InvalidSpec(problems(manifest(model={"uri": uri}))))


def test_a_long_value_is_shown_in_part() -> None:
    assert len(problems(manifest(scheduling={"priorityClassName": "X" * 250}))[0].message) < 300


def test_another_kind_is_refused() -> None:
    assert problems({**manifest(), "kind": "Deployment"})[0].field == "kind"


def test_null_is_the_same_as_left_out() -> None:
    document = manifest(scaling=None, runtime={"env": None, "limits": None}, suspend=None)
    assert ModelDeployment.parse(document).spec == ModelDeployment.parse(manifest(runtime={})).spec


def test_a_date_that_yaml_made_of_a_version_is_text() -> None:
    document = manifest(model={"version": dt.date(2026, 1, 31)})
    assert ModelDeployment.parse(document).spec.model.version == "2026-01-31"


def test_unknown_metadata_is_ignored() -> None:
    metadata = {"name": "fraud", "namespace": "risk", "uid": "u-1", "generation": 3, "managedFields": [{}]}
    parsed = ModelDeployment.parse({**manifest(), "metadata": metadata, "status": {"replicas": 1}})
    assert (parsed.metadata.namespace, parsed.metadata.uid, parsed.metadata.generation) == ("risk", "u-1", 3)


def test_every_field_is_read_back_as_it_was_written() -> None:
    spec = {**every_field()}
    parsed = ModelDeployment.parse({**manifest(), "spec": spec}).spec
    written = parsed.model_dump(mode="json", by_alias=True, exclude_unset=True)
    spec["runtime"]["resources"] = {
        "requests": {"cpu": "1500m", "memory": "1Gi", "ephemeral-storage": "2Gi"},
        "limits": {"cpu": "4", "memory": "1536Mi", "nvidia.com/gpu": "1"},
    }
    spec["runtime"]["tolerance"] = "1e-3"
    assert written == spec


@pytest.mark.parametrize(
    ("request_", "limit"), [("3000m", "2.0"), (3, "2"), ("1500m", 1), ("0.75", "500m"), ("002", "1.5")]
)
def test_a_message_quotes_amounts_as_they_were_written(request_: object, limit: object) -> None:
    amounts = {"requests": {"cpu": request_}, "limits": {"cpu": limit}}
    (problem,) = problems(manifest(runtime={"resources": amounts}))
    assert f"requests.cpu is {request_} and limits.cpu is {limit}:" in problem.message


def test_smoke_tests_beyond_a_command_line_are_refused() -> None:
    rows = [[1.0] * 1000] * 20
    tests = [{"request": {"instances": rows}, "expect": {"predictions": [1]}}]
    with pytest.raises(InvalidSpec, match=r"spec.preflight.smokeTests: .* more than 65536: send fewer rows"):
        ModelDeployment.parse(manifest(preflight={"smokeTests": tests}))
