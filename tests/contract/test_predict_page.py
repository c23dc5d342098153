"""The worked example of docs/predict.md: the model that it trains, served, answers what it shows."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from modelway_server.runtimes.trust import VARIABLE
from support.pages.blocks import ROOT, blocks_in
from support.server.served import Served, launch

pytestmark = pytest.mark.slow
PAGE = ROOT / "docs" / "predict.md"
EXAMPLE = PAGE.read_text().partition("## A worked example")[2].partition("\n## ")[0]
BLOCKS = [block.text for block in blocks_in(EXAMPLE, PAGE.name)]


@pytest.fixture(scope="module")
def trips(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of the model that the page trains."""
    folder = tmp_path_factory.mktemp("trips")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(compile(BLOCKS[0], PAGE.name, "exec"), {})
        (trusted,) = re.findall(r"trustedTypes: \[([^]]*)\]", EXAMPLE)
        patch.setenv(VARIABLE, trusted)
        server = launch(folder / "server", "--name=trips", path=folder / "model.joblib")
    yield server.started()
    server.stop()


def documents(request: str) -> list[Any]:
    """The JSON documents under a request of the example: what is sent, if anything, and what is answered."""
    (block,) = (block for block in BLOCKS if block.strip().startswith(request))
    rest, documents = block.strip().removeprefix(request).strip(), []
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        documents.append(document)
        rest = rest[end:].strip()
    return documents


def test_the_metadata_is_as_shown(trips: Served) -> None:
    (shown,) = documents("GET /v2/models/trips")
    actual = trips.request("GET", "/v2/models/trips").body
    assert shown == {name: actual[name] for name in ("name", "platform", "inputs", "outputs")}


@pytest.mark.parametrize("path", ["/v2/models/trips/infer", "/v1/models/trips:predict", "/predict", "/invocations"])
def test_the_answer_is_as_shown(trips: Served, path: str) -> None:
    sent, answered = documents(f"POST {path}")
    assert trips.request("POST", path, sent).body == answered
    assert not [line for line in trips.log if line["level"] in {"warning", "error"}]
