"""What `kubectl create`, `kubectl apply --server-side` and `kubectl delete` write, without a process for each.

Whatever fails here is left to kubectl, which then says what is wrong in its own words. So nothing that was half done may
be done differently by kubectl: an apply can be repeated, and of several objects none is created here.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from support.cluster.reads import NotRead, NotThere, Reads

Object = dict[str, Any]

DONE = {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED}
APPLY_PATCH = "application/apply-patch+yaml"


def apply(reads: Reads, documents: Sequence[Object], options: Sequence[str], namespace: str | None) -> bool:
    """Whether all of them were applied."""
    query = _query({"fieldManager": "kubectl", "fieldValidation": "Strict"}, options)
    if query is None:
        return False
    return all(_is_done(reads, "PATCH", one, namespace, query, by_name=True, content=APPLY_PATCH) for one in documents)


def create(reads: Reads, documents: Sequence[Object], options: Sequence[str], namespace: str | None) -> bool:
    """Whether the one object was created."""
    query = _query({"fieldManager": "kubectl-create", "fieldValidation": "Strict"}, options)
    if query is None or len(documents) != 1:
        return False
    return _is_done(reads, "POST", documents[0], namespace, query, by_name=False, content="application/json")


def delete(reads: Reads, kind: str, name: str, namespace: str | None) -> bool:
    """Whether the deletion began, which nothing waits for; what it owns goes after it."""
    try:
        path = f"{reads.address(kind, namespace)}/{name}"
        return reads.send("DELETE", path, {"propagationPolicy": "Background"}, None, "application/json") in DONE
    except (NotRead, NotThere):
        return False


def _is_done(
    reads: Reads,
    method: str,
    document: Object,
    namespace: str | None,
    query: Mapping[str, str],
    *,
    by_name: bool,
    content: str,
) -> bool:
    metadata = document.get("metadata", {})
    own = metadata.get("namespace")
    if (by_name and "name" not in metadata) or (own and namespace and own != namespace):
        return False
    try:
        path = reads.address_of(document["apiVersion"], document["kind"], own or namespace)
        target = f"{path}/{metadata['name']}" if by_name else path
        return reads.send(method, target, query, json.dumps(document), content) in DONE
    except (NotRead, NotThere):
        return False


def _query(query: Mapping[str, str], options: Sequence[str]) -> dict[str, str] | None:
    """Parameters of the request for kubectl's options; None where there is one that only kubectl knows."""
    parameters = dict(query)
    for option in options:
        if option == "--force-conflicts":
            parameters["force"] = "true"
        elif option.startswith("--field-manager="):
            parameters["fieldManager"] = option.partition("=")[2]
        else:
            return None
    return parameters
