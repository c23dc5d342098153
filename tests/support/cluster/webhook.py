"""An admission webhook on loopback, with a certificate of its own: what sidecar injectors and policy engines are to the API server."""

import base64
import datetime as dt
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from support.cluster.sandbox import Kubectl

Answer = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Takes the request of an AdmissionReview; what to add to `{"uid": ..., "allowed": ...}`."""


def denial(message: str) -> Answer:
    """Say no."""
    return lambda _: {"allowed": False, "status": {"message": message}}


def json_patch(*operations: Mapping[str, Any]) -> Answer:
    """Change the object."""
    patch = base64.b64encode(json.dumps(operations).encode()).decode()
    return lambda _: {"allowed": True, "patchType": "JSONPatch", "patch": patch}


@contextmanager
def webhook(
    kubectl: Kubectl, namespace: str, answer: Answer, *, resource: str, group: str = "", directory: Path
) -> Iterator[ThreadingHTTPServer]:
    """A mutating webhook that the API server asks about each creation and change of a resource in one namespace, and cannot do without.

    Closing the server leaves the API server with a webhook that does not answer.
    """
    certificate, key = _certificate()
    (directory / "webhook.pem").write_bytes(certificate + key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(directory / "webhook.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        name = f"{namespace}-{resource}"
        rule = {"apiGroups": [group], "apiVersions": ["*"], "resources": [resource], "operations": ["CREATE", "UPDATE"]}
        url = f"https://127.0.0.1:{server.server_port}/"
        client = {"url": url, "caBundle": base64.b64encode(certificate).decode()}
        kubectl.apply(_registration(name, namespace, rule, client))
        try:
            yield server
        finally:
            kubectl("delete", "mutatingwebhookconfiguration", name)
            server.shutdown()


def _handler(answer: Answer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            response = {"uid": review["request"]["uid"], **answer(review["request"])}
            body = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class names it so
            """Keep the test's output clean."""

    return Handler


def _registration(name: str, namespace: str, rule: Mapping[str, Any], client: Mapping[str, str]) -> dict[str, Any]:
    hook = {
        "name": f"{rule['resources'][0]}.webhook.example.com",
        "clientConfig": client,
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": 2,
        "admissionReviewVersions": ["v1"],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [hook],
    }


def _certificate() -> tuple[bytes, bytes]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key; both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "webhook")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private
