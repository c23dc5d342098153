"""Services of real pods: reached at their ClusterIP, from this machine, as late as with kube-proxy."""

import time
import urllib.error
import urllib.request

import pytest

from support.cluster.pods import POD_IP, PORT, container, pod
from support.cluster.sandbox import ENDPOINT_LAG, Kubectl, Object
from support.waiting import eventually

pytestmark = pytest.mark.cluster

NAME_YOURSELF = f"""
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ["POD_IP"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer((os.environ["POD_IP"], {PORT}), Handler).serve_forever()
"""
# Above 1024: it needs no privilege.
SERVICE_PORT = 8000


def web(replicas: int) -> list[Object]:
    labels = {"app": "web"}
    probe = {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1}
    ports = [{"name": "http", "containerPort": PORT}]
    serving = pod(container(NAME_YOURSELF, env=[POD_IP], ports=ports, readinessProbe=probe))
    template = {"metadata": {"labels": labels}, "spec": serving["spec"]}
    deployment = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    service = {"selector": labels, "ports": [{"port": SERVICE_PORT, "targetPort": "http"}]}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": deployment},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": service},
    ]


def answer(address: str) -> str:
    """The pod address that a new connection to the Service reaches; "" when it is refused."""
    try:
        with urllib.request.urlopen(f"http://{address}:{SERVICE_PORT}/", timeout=5) as response:
            body: bytes = response.read()
            return body.decode()
    except OSError:
        return ""


def test_service_reaches_ready_pods_and_learns_late_of_none(kubectl: Kubectl) -> None:
    kubectl.apply(web(replicas=2))
    kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    address = kubectl.get("service", "web")["spec"]["clusterIP"]
    pods = {pod["status"]["podIP"] for pod in kubectl.list("pods", "app=web")}
    eventually(lambda: {answer(address), answer(address)} == pods)

    kubectl("scale", "deployment/web", "--replicas=0")
    ended = time.monotonic()
    eventually(lambda: is_refused(address))
    assert time.monotonic() - ended >= ENDPOINT_LAG * 0.9


def is_refused(address: str) -> bool:
    """Whether nobody listens any more, unlike a connection that is handed to a dead pod and reset."""
    try:
        urllib.request.urlopen(f"http://{address}:{SERVICE_PORT}/", timeout=5).close()
    except urllib.error.URLError as error:
        return isinstance(error.reason, ConnectionRefusedError)
    except OSError:
        return False
    return False
