"""The OpenAPI document and the page for people: true of any model, and their examples work when they are pasted."""

import contextlib
import io
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

import jsonschema_rs
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.mlflow import read_invocations
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.rows import read_rows
from modelway_server.dataplane.v1 import read_v1
from modelway_server.dataplane.v2 import read_v2
from modelway_server.engines.sample_rows.example import MADE_UP
from modelway_server.pages import examples, openapi
from modelway_server.pages.human import FALLBACK_BASE, HumanPage
from modelway_server.pages.program import ANSWERS
from modelway_server.pages.subject import Subject
from modelway_server.protocol.tensors import DATATYPES
from modelway_server.runtimes.estimators.runtime import EstimatorRuntime
from support.models import WINE, WINE_KINDS, mixed_pipeline, text_pipeline, wine_forest
from support.server.served import Served
from support.server.subjects import subject_of, warm

NASTY = "a\"<script>alert(1)</script>'${x}"


def nasty_model() -> Any:
    frame = pd.DataFrame({NASTY: [1.0, 2.0, 3.0, 4.0], "b": [0.0, 1.0, 0.0, 1.0]})
    return DecisionTreeClassifier(random_state=0).fit(frame, ["</textarea>", "no", "</textarea>", "no"])


def dated_model() -> Any:
    days = pd.DataFrame({"day": pd.to_datetime(["2024-05-01", "2024-05-02", "2024-06-01", "2024-06-02"])})
    numbers = FunctionTransformer(lambda frame: frame.apply(lambda column: column.dt.day))
    return make_pipeline(numbers, DecisionTreeClassifier(random_state=0)).fit(days, [0, 1, 0, 1])


MODELS: dict[str, Callable[[], Any]] = {
    "forest": wine_forest,
    "mixed": mixed_pipeline,
    "text": text_pipeline,
    "nasty": nasty_model,
    "dated": dated_model,
    "one number": lambda: LinearRegression().fit(WINE[:, :1], WINE_KINDS),
    "two targets": lambda: DecisionTreeClassifier(max_depth=2).fit(WINE, np.c_[WINE_KINDS, WINE_KINDS]),
    "clusters": lambda: KMeans(2, n_init=1, random_state=0).fit(WINE),
    "scaler": lambda: StandardScaler().fit(WINE),
}
READERS = {
    "/predict": read_rows,
    "/v2/models/model/infer": read_v2,
    "/v1/models/model:predict": read_v1,
    "/invocations": read_invocations,
}


@pytest.fixture(scope="module", params=MODELS)
def runtime(request: pytest.FixtureRequest) -> EstimatorRuntime:
    return warm(MODELS[request.param]())


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")  # the server ignores it too
def test_answers_to_the_examples_match_the_document(runtime: EstimatorRuntime) -> None:
    plane, document = DataPlane(runtime, Identity(name="model")), openapi.document(subject_of(runtime))
    for path, read in READERS.items():
        operation = document["paths"][path]["post"]
        request = operation["requestBody"]["content"]["application/json"]
        example = request["examples"]["one"]["value"]
        assert_valid(example, request["schema"], document)
        answer = plane.answer(read(plane, json.dumps(example).encode()))
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert_valid(json.loads(answer.body.content), schema, document)


def assert_valid(instance: Any, schema: dict[str, Any], document: dict[str, Any]) -> None:
    whole = schema | {"components": document["components"]}
    jsonschema_rs.Draft202012Validator(whole).validate(instance)


def test_page_escapes_every_text_of_the_model(runtime: EstimatorRuntime) -> None:
    page = HumanPage(subject_of(runtime)).render(b"fraud.risk.svc").decode()
    assert "<script>alert" not in page
    assert page.count("<script>") == page.count("</script>") == 1
    assert page.count("<textarea") == page.count("</textarea>") == 5
    assert "$" not in re.sub(r"<script>.*</script>|\$\{x\}", "", page, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("host", "base"),
    [
        (b"fraud.risk.svc:8080", "http://fraud.risk.svc:8080"),
        (b"[::1]:80", "http://[::1]:80"),
        (b'x"><script>', FALLBACK_BASE),
        (b"", FALLBACK_BASE),
    ],
)
def test_commands_name_the_requested_host(host: bytes, base: str) -> None:
    subject = subject_of(warm(wine_forest()))
    assert f'data-base="{base}"' in HumanPage(subject).render(host).decode()


def block(page: str, name: str) -> str:
    match = re.search(rf'<code id="{name}">(.*?)</code>', page, re.DOTALL)
    assert match is not None
    return unescape(match[1])


def test_page_has_a_strict_security_policy(mixed: Served) -> None:
    reply = mixed.request("GET", "/docs")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", reply.body)


@pytest.mark.parametrize("protocol", ANSWERS)
def test_python_of_the_page_runs(mixed: Served, protocol: str) -> None:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(block(mixed.request("GET", "/docs").body, f"python-{protocol}"), {})
    assert re.search(r"'(no|yes)'", output.getvalue())


@pytest.mark.parametrize("protocol", ANSWERS)
def test_curl_command_of_the_page_runs(mixed: Served, protocol: str) -> None:
    command = block(mixed.request("GET", "/docs").body, f"curl-{protocol}").replace("\\\n", "")
    _, url, _, header, _, body = shlex.split(command)
    path = url.removeprefix(mixed.addresses["http"])
    name, _, value = header.partition(": ")
    reply = mixed.request("POST", path, body.encode(), headers={name: value})
    assert (reply.status, len(reply.body[ANSWERS[protocol]])) == (200, 1)


def test_missing_values_are_shown_if_a_column_allows_them() -> None:
    page = {name: HumanPage(subject_of(warm(MODELS[name]()))).render(b"h").decode() for name in ("clusters", "mixed")}
    for words in ('<th scope="col">Missing</th>', "A missing value is null"):
        assert [words in page[name] for name in ("clusters", "mixed")] == [False, True]


def test_types_of_rows_and_answers_have_the_same_words(runtime: EstimatorRuntime) -> None:
    page = HumanPage(subject_of(runtime)).render(b"h").decode()
    tables = "".join(re.findall(r"<table>.*?</table>", page, re.DOTALL))
    assert not re.findall("|".join(DATATYPES), tables)


def test_page_names_the_source_of_its_example() -> None:
    subject = subject_of(warm(LinearRegression().fit(WINE, WINE_KINDS)))
    other_subject = replace(subject, description={**subject.description, "example": MADE_UP})
    assert f"<p>The example is {MADE_UP}.</p>" in HumanPage(other_subject).render(b"h").decode()
    assert "The example is" not in HumanPage(subject).render(b"h").decode()


def test_openapi_document_is_served(mixed: Served) -> None:
    reply = mixed.request("GET", "/openapi.json")
    assert (reply.status, reply.body["openapi"]) == (200, "3.1.1")
    assert set(READERS) < set(reply.body["paths"])


def test_page_of_many_columns_shows_the_first() -> None:
    wide = warm(LinearRegression().fit(np.zeros((2, 250)), [0.0, 1.0]))
    page = HumanPage(subject_of(wide)).render(b"x").decode()
    assert "and 50 more columns" in page


def test_missing_values_and_dates_are_shown_as_sent() -> None:
    subject = subject_of(warm(dated_model()))
    assert isinstance(subject, Subject)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d(T00:00:00)?", subject.row["day"])
    assert examples.v2_request(subject)["inputs"][0]["datatype"] == "BYTES"
