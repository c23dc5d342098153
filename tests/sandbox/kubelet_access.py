"""Who may use the kubelet's API: authentication and authorization are delegated to the API server, as a kubelet does.

A caller shows a client certificate of the cluster's authority, or a bearer token (TokenReview). Each path stands for a
subresource of this node: nodes/metrics or nodes/proxy. The caller must have the right to it (SubjectAccessReview).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.api import Api, ApiError

EVERYBODY = "system:authenticated"
SUBRESOURCES = {"metrics": "metrics", "stats": "stats", "healthz": "healthz"}
VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True)
class Caller:
    """Whom the API server knows the caller as."""

    user: str
    groups: tuple[str, ...]


class Access:
    """Guards the API of the node called `node`."""

    def __init__(self, api: Api, node: str) -> None:
        self._api = api
        self._node = node

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request pass, or refuse it with 401 or 403."""
        try:
            caller = _caller_by_certificate(request) or await self._by_token(request)
            if caller is None:
                raise web.HTTPUnauthorized(text="Unauthorized")
            await self._authorize(caller, request)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            raise web.HTTPInternalServerError(text=f"the API server could not be asked: {error}") from error
        return await handler(request)

    async def _by_token(self, request: web.Request) -> Caller | None:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or not token:
            return None
        review = await self._review("authentication.k8s.io/v1", "TokenReview", {"token": token})
        user = review.get("user", {})
        return Caller(user["username"], tuple(user.get("groups", ()))) if review.get("authenticated") else None

    async def _authorize(self, caller: Caller, request: web.Request) -> None:
        subresource = SUBRESOURCES.get(request.path.split("/")[1], "proxy")
        verb = VERBS.get(request.method, request.method.lower())
        access = {"verb": verb, "resource": "nodes", "subresource": subresource, "name": self._node}
        spec = {"user": caller.user, "groups": list(caller.groups), "resourceAttributes": access}
        review = await self._review("authorization.k8s.io/v1", "SubjectAccessReview", spec)
        if not review.get("allowed"):
            raise web.HTTPForbidden(
                text=f"Forbidden (user={caller.user}, verb={verb}, resource=nodes, subresource(s)=[{subresource}])"
            )

    async def _review(self, version: str, kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        body = {"apiVersion": version, "kind": kind, "spec": spec}
        answer = await self._api.post(f"/apis/{version}/{kind.lower()}s", body)
        status: dict[str, Any] = answer["status"]
        return status


def _caller_by_certificate(request: web.Request) -> Caller | None:
    """The caller that a verified client certificate names: its common name, a member of its organizations."""
    shown = request.get_extra_info("peercert") or {}
    parts = [pair for name in shown.get("subject", ()) for pair in name]
    names = [value for kind, value in parts if kind == "commonName"]
    groups = [value for kind, value in parts if kind == "organizationName"]
    return Caller(names[0], (*groups, EVERYBODY)) if names else None
