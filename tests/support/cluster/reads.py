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
        return _as_kubectl_shows(self._get(f"{self._collection(kind, namespace)}/{name}", {}))

    def all(self, kind: str, selector: str, namespace: str | None) -> Object:
        """The list of all objects of a kind that match a label selector; raises as `one` does."""
        answer = self._get(self._collection(kind, namespace), {"labelSelector": selector} if selector else {})
        head = {"apiVersion": answer["apiVersion"], "kind": answer["kind"].removesuffix("List")}
        return answer | {"items": [head | _as_kubectl_shows(item) for item in answer["items"]]}

    def _collection(self, kind: str, namespace: str | None) -> str:
        resource = self._known.get(kind) or self._discover().get(kind)
        if resource is None:
            raise NotRead(kind)
        place = f"namespaces/{namespace or self._namespace}/" if resource.is_namespaced else ""
        return f"{resource.path}/{place}{resource.plural}"

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
        request = self._client.param_serialize(
            "GET",
            path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        try:
            answer = self._client.call_api(*request)
            document: Object = json.loads(answer.read())  # type: ignore[no-untyped-call]
        except (HTTPError, ApiException, ValueError) as error:
            raise NotRead(path) from error
        if answer.status == HTTPStatus.OK:
            return document
        if not document.get("details", {}).get("kind"):  # the kind itself is not served: any more, or not yet
            self._known = {}
            raise NotRead(path)
        raise NotThere(f"Error from server ({document['reason']}): {document['message']}")


@cache
def reads(kubeconfig: Path) -> Reads:
    """The one of a kubeconfig, whose connection and discovery all tests share."""
    return Reads(kubeconfig)


def _as_kubectl_shows(item: Object) -> Object:
    """An object as kubectl shows it."""
    item["metadata"].pop("managedFields", None)
    return item
