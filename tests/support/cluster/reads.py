"""What `kubectl get -o json` prints, without a process for each look: tests look many times until something is so."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

Object = dict[str, Any]


class NotRead(Exception):
    """The question is one for kubectl itself: nobody answered, or the kind is not known here."""


class NotThere(Exception):
    """The API server says no, in kubectl's words."""


@dataclass(frozen=True)
class _Resource:
    path: str
    """Of its group and version."""
    plural: str
    is_namespaced: bool


@dataclass(frozen=True)
class _Answer:
    status: int
    content: bytes


class Reads:
    """Reads objects as the user of a kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        _, context = config.list_kube_config_contexts(str(kubeconfig))  # type: ignore[no-untyped-call]
        self._namespace = context["context"].get("namespace", "default")
        settings = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=settings)  # type: ignore[no-untyped-call]
        settings.retries = False
        self._client = client.ApiClient(settings)
        self._known: dict[str, _Resource] = {}

    def one(self, kind: str, name: str, namespace: str | None) -> Object:
        """An object.

        Raises:
            NotThere: there is none, or it may not be read.
            NotRead: ask kubectl.
        """
        return _as_kubectl_shows(self._get(f"{self.address(kind, namespace)}/{name}", {}))

    def all(self, kind: str, selector: str, namespace: str | None) -> Object:
        """The list of all objects of a kind that match a label selector; raises as `one` does."""
        answer = self._get(self.address(kind, namespace), {"labelSelector": selector} if selector else {})
        head = {"apiVersion": answer["apiVersion"], "kind": answer["kind"].removesuffix("List")}
        return answer | {"items": [head | _as_kubectl_shows(item) for item in answer["items"]]}

    def address(self, kind: str, namespace: str | None) -> str:
        """The path of the objects of a kind, by any name that kubectl takes; raises as `one` does."""
        resource = self._known.get(kind) or self._discover().get(kind)
        if resource is None:
            raise NotRead(kind)
        place = f"namespaces/{namespace or self._namespace}/" if resource.is_namespaced else ""
        return f"{resource.path}/{place}{resource.plural}"

    def address_of(self, api_version: str, kind: str, namespace: str | None) -> str:
        """The same by what an object says of itself; NotRead where its version is not the one that is preferred."""
        group, _, version = api_version.rpartition("/")
        path = self.address(f"{kind.lower()}.{group}", namespace)
        if not path.startswith(f"/apis/{api_version}/" if group else f"/api/{version}/"):
            raise NotRead(api_version)
        return path

    def send(self, method: str, path: str, query: Mapping[str, str], body: str | None, content_type: str) -> int:
        """The status that a request is answered with; NotRead where nobody answers."""
        return self._request(method, path, query, body, content_type).status

    def _discover(self) -> Mapping[str, _Resource]:
        groups = self._get("/apis", {})["groups"]
        versions = [f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups]
        self._known = {}
        for path in ("/api/v1", *versions):
            group = path.removeprefix("/apis/").partition("/")[0]
            for one in self._get(path, {})["resources"]:
                if "/" in one["name"] or "get" not in one["verbs"]:
                    continue
                names = {one["name"], one["singularName"], one["kind"].lower(), *one.get("shortNames", ())}
                resource = _Resource(path, one["name"], one["namespaced"])
                for name in names | {f"{name}.{group}" for name in names}:
                    self._known.setdefault(name, resource)
        return self._known

    def _get(self, path: str, query: Mapping[str, str]) -> Object:
        answer = self._request("GET", path, query)
        try:
            document: Object = json.loads(answer.content)
        except ValueError as error:
            raise NotRead(path) from error
        if answer.status == HTTPStatus.OK:
            return document
        if not document.get("details", {}).get("kind"):  # the kind itself is not served: any more, or not yet
            self._known = {}
            raise NotRead(path)
        raise NotThere(f"Error from server ({document['reason']}): {document['message']}")

    def _request(
        self, method: str, path: str, query: Mapping[str, str], body: str | None = None, content_type: str | None = None
    ) -> _Answer:
        request = self._client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json"} | ({"Content-Type": content_type} if content_type else {}),
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = self._client.call_api(*request)
            return _Answer(answer.status, answer.read())  # type: ignore[no-untyped-call]
        except (HTTPError, ApiException) as error:
            raise NotRead(path) from error


@cache
def reads(kubeconfig: Path) -> Reads:
    """The one of a kubeconfig, whose connection and discovery all tests share."""
    return Reads(kubeconfig)


def _as_kubectl_shows(item: Object) -> Object:
    """An object as kubectl shows it."""
    item["metadata"].pop("managedFields", None)
    return item
