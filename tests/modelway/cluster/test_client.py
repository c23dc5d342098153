"""The client: server-side apply as it must be, and each refusal by what the caller must do about it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modelway.cluster import kinds
from modelway.cluster.client import Client
from modelway.errors import ClusterError, RetryLater, Vanished
from modelway.metrics import Metrics
from support.operator.fake_api import Answer, FakeApi, fake_api

BODY = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "fraud", "namespace": "risk"}}


def _talk(call: Callable[[Client], Awaitable[Any]], *answers: Answer) -> tuple[Any, FakeApi]:
    async def scenario() -> tuple[Any, FakeApi]:
        async with fake_api(*answers) as fake, Client(fake.connection, Metrics()) as client:
            return await call(client), fake

    return asyncio.run(scenario())


def test_apply_is_server_side_with_our_field_manager() -> None:
    _, fake = _talk(lambda client: client.apply(kinds.SERVICE, BODY))
    [request] = fake.requests
    assert (request.method, request.path) == ("PATCH", "/api/v1/namespaces/risk/services/fraud")
    assert request.query == {"fieldManager": "modelway", "force": "true"}
    assert request.headers["Content-Type"].startswith("application/apply-patch+yaml")
    assert request.body == BODY


def test_a_status_is_a_merge_patch_of_the_subresource() -> None:
    _, fake = _talk(lambda client: client.patch_status(kinds.OWNER, "risk", "fraud", {"stable": None}, version="7"))
    [request] = fake.requests
    assert request.path == "/apis/modelway.dev/v1alpha1/namespaces/risk/modeldeployments/fraud/status"
    assert request.headers["Content-Type"] == "application/merge-patch+json"
    assert request.body == {"metadata": {"resourceVersion": "7"}, "status": {"stable": None}}


def test_a_list_follows_its_pages() -> None:
    async def names(client: Client) -> list[str]:
        return [item async for page in client.pages(kinds.POD, None, "a=b") for item in page["items"]]

    first = {"metadata": {"continue": "next"}, "items": ["a", "b"]}
    listing, fake = _talk(names, (200, {}, first), (200, {}, {"metadata": {}, "items": ["c"]}))
    assert listing == ["a", "b", "c"]
    assert [request.query.get("continue") for request in fake.requests] == [None, "next"]
    assert fake.requests[0].query["labelSelector"] == "a=b"


def test_delete_names_the_uid_and_accepts_absence() -> None:
    _, fake = _talk(lambda client: client.delete(kinds.SERVICE, "risk", "fraud", uid="u"), (404, {}, {}))
    assert fake.requests[0].body["preconditions"] == {"uid": "u"}


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("9999", 60.0), ("soon", 1.0)])
def test_retry_after_of_a_busy_server_is_obeyed(header: str, seconds: float) -> None:
    with pytest.raises(RetryLater) as error:
        _talk(lambda client: client.apply(kinds.SERVICE, BODY), (429, {"Retry-After": header}, {}))
    assert error.value.seconds == seconds


def test_a_definition_not_yet_mapped_is_retried_later() -> None:
    message = (
        'services "fraud" is forbidden: cannot set blockOwnerDeletion in this case because cannot find RESTMapping for '
        "APIVersion modelway.dev/v1alpha1 Kind ModelDeployment: no matches for kind"
    )
    with pytest.raises(RetryLater):
        _talk(lambda client: client.apply(kinds.SERVICE, BODY), (403, {}, {"message": message, "reason": "Forbidden"}))


def test_a_terminating_namespace_is_reported_as_vanished() -> None:
    answer = {"message": "no", "reason": "Forbidden", "details": {"causes": [{"reason": "NamespaceTerminating"}]}}
    with pytest.raises(Vanished):
        _talk(lambda client: client.apply(kinds.SERVICE, BODY), (403, {}, answer))


def test_a_refusal_quotes_the_server_and_the_request() -> None:
    with pytest.raises(ClusterError, match=r"PATCH /api/v1/namespaces/risk/services/fraud: bad port") as error:
        _talk(lambda client: client.apply(kinds.SERVICE, BODY), (422, {}, {"message": "bad port", "reason": "Invalid"}))
    assert error.value.status == 422


def test_a_broken_connection_is_a_cluster_error_of_status_0() -> None:
    with pytest.raises(ClusterError, match="does not answer") as error:
        _talk(lambda client: client.apply(kinds.SERVICE, BODY), None)
    assert error.value.status == 0


def test_an_answer_that_is_not_json_is_shown() -> None:
    with pytest.raises(ClusterError, match="500"):
        _talk(lambda client: client.metadata_of(kinds.SERVICE, "risk", "fraud"), (500, {}, "500 from a proxy"))


def test_an_object_that_is_not_there_has_no_metadata() -> None:
    metadata, _ = _talk(lambda client: client.metadata_of(kinds.SERVICE, "risk", "fraud"), (404, {}, {}))
    assert metadata is None
