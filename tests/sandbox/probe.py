"""What the start asks of the API server: each answers yes or not yet, never with an exception."""

import json
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

from sandbox.credentials import key_files
from sandbox.layout import Layout


class Probe:
    """Asks as the administrator; a server that is not up yet answers no."""

    Question: TypeAlias = Callable[[], bool]

    def __init__(self, layout: Layout) -> None:
        self._server = layout.server
        self._context = ssl.create_default_context(cafile=layout.authority)
        self._context.load_cert_chain(*key_files(layout, "admin"))

    def api_ready(self) -> bool:
        """Whether the API server works, its default roles included."""
        return self._get("/readyz") == b"ok"

    def namespaces_usable(self) -> bool:
        """Whether the controllers keep up: a pod needs the ServiceAccount and the authority they put in a namespace."""
        base = "/api/v1/namespaces/default"
        return bool(self._get(f"{base}/serviceaccounts/default") and self._get(f"{base}/configmaps/kube-root-ca.crt"))

    def schedulable(self, node: str) -> bool:
        """Whether the Node `node` is Ready and has lost the taints it was born with."""
        answer = self._get(f"/api/v1/nodes/{node}")
        if not answer:
            return False
        document: dict[str, Any] = json.loads(answer)
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in document["status"].get("conditions", []))
        return ready and not document["spec"].get("taints")

    def listens(self, port: int) -> bool:
        """Whether something listens on a loopback port."""
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    def create(self, path: str, body: Mapping[str, Any]) -> bool:
        """Create an object in the collection at `path`; whether it is there now."""
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._server + path, json.dumps(body).encode(), headers)
        try:
            urllib.request.urlopen(request, context=self._context, timeout=5).close()
        except urllib.error.HTTPError as error:
            return error.code == HTTPStatus.CONFLICT
        except OSError:
            return False
        return True

    def _get(self, path: str) -> bytes:
        try:
            with urllib.request.urlopen(self._server + path, context=self._context, timeout=5) as response:
                content: bytes = response.read()
                return content
        except OSError:
            return b""
