"""A route is told wherever protocols are: in metrics, in the OpenAPI document, and on the page about predictions."""

from dataclasses import replace

import pytest

from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.plane import DataPlane
from modelway_server.http.operations import routes
from modelway_server.pages import openapi
from modelway_server.telemetry.metrics import PROTOCOLS
from support.models import wine_forest
from support.pages.blocks import ROOT
from support.server.subjects import subject_of, warm

NAME = "wines"
V2 = f"/v2/models/{NAME}"
SAME_ROUTE = {f"{V2}/predict"}
"""Second paths of a route, which the document leaves out."""


@pytest.fixture(scope="module")
def plane() -> DataPlane:
    return DataPlane(warm(wine_forest()), Identity(name=NAME))


def test_metrics_know_the_protocol_of_each_route(plane: DataPlane) -> None:
    words = {operation.method for operation in routes(plane, [V2], observed=False).values()}
    assert words | {"grpc_infer"} == set(PROTOCOLS)


def test_openapi_document_has_each_route(plane: DataPlane) -> None:
    subject = replace(subject_of(plane.runtime), name=NAME)
    assert set(routes(plane, [V2], observed=False)) - SAME_ROUTE <= set(openapi.document(subject)["paths"])


def test_page_about_predictions_has_each_route(plane: DataPlane) -> None:
    page = (ROOT / "docs" / "predict.md").read_text().replace("NAME", NAME)
    assert [path for path in routes(plane, [V2], observed=False) if f"{path}`" not in page] == []


def test_page_about_metrics_has_each_protocol() -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    assert [protocol for protocol in PROTOCOLS.values() if f"`{protocol}`" not in page] == []
