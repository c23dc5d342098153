"""The life of a pod on the process node: init containers, sidecars, probes, restarts, the end."""

import json
import time

import psutil
import pytest

from support.cluster.pods import (
    AWAIT_GO,
    GO_MOUNT,
    GO_VOLUME,
    POD_IP,
    PORT,
    SERVE,
    SLEEP,
    container,
    events,
    is_ready,
    once,
    pod,
    state,
    wait_for_end,
    waiting_reason,
)
from support.cluster.sandbox import Kubectl, Object
from support.cluster.witness import Watched
from support.waiting import eventually

pytestmark = pytest.mark.cluster

POLITE = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print('up'); time.sleep(600)"
# A sidecar that says that it is up, and that it was told to end.
END_MARKED = """
import signal, sys, time
def end(*_):
    open("/shared/ended", "w")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
open("/shared/up", "w")
time.sleep(600)
"""
# Ends well only when the preStop hook came first.
END_HOOKED = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0 if os.path.exists("/shared/hook") else 1))
print("up")
time.sleep(600)
"""
# A child that leaves the container's session, and a parent that does not end when told to.
ESCAPE = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(611)"], start_new_session=True)
print("up")
time.sleep(600)
"""
HUNGRY = "import time; x = bytearray(200_000_000); x[::4096] = b'x' * len(x[::4096]); time.sleep(600)"
MARKED = [{"name": "shared", "mountPath": "/shared"}]
SHARED = [{"name": "shared", "emptyDir": {}}]


def append(word: str) -> str:
    return f"open('/shared/order', 'a').write({word!r} + '\\n')"


def test_init_containers_run_in_order_and_before_the_others(kubectl: Kubectl) -> None:
    inits = [container(append(name), name=name, volumeMounts=MARKED) for name in ("first", "second")]
    main = container("print(open('/shared/order').read().split())", volumeMounts=MARKED)
    kubectl.create(once(main, initContainers=inits, volumes=SHARED))
    status = wait_for_end(kubectl)["status"]
    assert kubectl("logs", "pod").strip() == "['first', 'second']"
    assert [s["state"]["terminated"]["reason"] for s in status["initContainerStatuses"]] == ["Completed"] * 2


def test_failing_init_container_is_retried_before_the_others(kubectl: Kubectl) -> None:
    kubectl.create(pod(container(), initContainers=[container("raise SystemExit(10)", name="init")]))
    eventually(lambda: state(kubectl, "init").get("restartCount", 0) >= 1)
    status = kubectl.get("pod", "pod")["status"]
    assert status["phase"] == "Pending"
    assert waiting_reason(kubectl) == "PodInitializing"
    assert state(kubectl, "init")["lastState"]["terminated"]["exitCode"] == 10


def test_a_sidecar_starts_first_and_ends_last(kubectl: Kubectl) -> None:
    up = {"exec": {"command": ["test", "-e", "/shared/up"]}, "periodSeconds": 1}
    sidecar = container(END_MARKED, name="side", restartPolicy="Always", startupProbe=up, volumeMounts=MARKED)
    main = container("import os; print(os.listdir('/shared'))", volumeMounts=MARKED)
    kubectl.create(once(main, initContainers=[sidecar], volumes=SHARED, terminationGracePeriodSeconds=10))
    assert wait_for_end(kubectl)["status"]["phase"] == "Succeeded"
    assert kubectl("logs", "pod", "-c", "main").strip() == "['up']"
    assert state(kubectl, "side")["state"]["terminated"]["exitCode"] == 0


def test_a_crashing_container_backs_off_longer_each_time(kubectl: Kubectl) -> None:
    with Watched(kubectl, "pods") as watched:
        kubectl.create(pod(container("raise SystemExit(7)")))

        def waits() -> dict[str, Object]:
            """What was told of the container while it waited for its next start, by the message."""
            statuses = [one for state in list(watched.states) for one in state["status"].get("containerStatuses", [])]
            waiting = [(one["state"].get("waiting", {}), one) for one in statuses]
            return {why["message"]: one for why, one in waiting if why.get("reason") == "CrashLoopBackOff"}

        eventually(lambda: len(waits()) > 1)
    first, second, *_ = waits()
    assert "back-off 1s restarting failed container=main" in first
    assert "back-off 2s" in second
    assert waits()[first]["lastState"]["terminated"]["exitCode"] == 7
    eventually(lambda: any("Back-off restarting failed container main" in text for text in events(kubectl, "BackOff")))


@pytest.mark.parametrize(("policy", "code", "phase"), [("Never", 1, "Failed"), ("OnFailure", 0, "Succeeded")])
def test_a_restart_policy_lets_a_pod_end(kubectl: Kubectl, policy: str, code: int, phase: str) -> None:
    kubectl.create(pod(container(f"raise SystemExit({code})"), restartPolicy=policy))
    assert wait_for_end(kubectl)["status"]["phase"] == phase


def test_a_job_completes(kubectl: Kubectl) -> None:
    template = {"spec": once(container("print('done')"))["spec"]}
    kubectl.create(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": {"template": template}}
    )
    kubectl("wait", "--for=condition=Complete", "job/job", "--timeout=30s")


def test_readiness_follows_the_probe_both_ways(kubectl: Kubectl) -> None:
    probe = {"httpGet": {"path": "/ok", "port": "http"}, "periodSeconds": 1, "failureThreshold": 1}
    ports = [{"name": "http", "containerPort": PORT}]
    serve = "import os; os.chdir('/shared'); open('ok', 'w')\n" + SERVE
    main = container(serve, env=[POD_IP], readinessProbe=probe, ports=ports, volumeMounts=MARKED)
    toggle = container(AWAIT_GO + f"os.remove('/shared/ok')\n{SLEEP}", name="toggle", volumeMounts=[*MARKED, GO_MOUNT])
    kubectl.create(pod(main, toggle, volumes=[*SHARED, GO_VOLUME]))
    eventually(lambda: is_ready(kubectl))
    kubectl("annotate", "pod", "pod", "go=on")
    eventually(lambda: not is_ready(kubectl))
    assert state(kubectl)["restartCount"] == 0
    eventually(lambda: "Readiness probe failed: HTTP probe failed with statuscode: 404" in events(kubectl, "Unhealthy"))


def test_a_failed_liveness_probe_restarts_the_container(kubectl: Kubectl) -> None:
    probe = {"tcpSocket": {"port": 9}, "periodSeconds": 1, "failureThreshold": 2}
    kubectl.create(pod(container(POLITE, livenessProbe=probe)))
    eventually(lambda: state(kubectl).get("restartCount", 0) >= 1)
    eventually(lambda: "Container main failed liveness probe, will be restarted" in events(kubectl, "Killing"))


def test_nothing_is_ready_before_its_startup_probe_succeeds(kubectl: Kubectl) -> None:
    probe = {"exec": {"command": ["test", "-e", "/shared/up"]}, "periodSeconds": 1, "failureThreshold": 60}
    main = container(
        AWAIT_GO + f"open('/shared/up', 'w')\n{SLEEP}", startupProbe=probe, volumeMounts=[*MARKED, GO_MOUNT]
    )
    kubectl.create(pod(main, volumes=[*SHARED, GO_VOLUME]))
    eventually(lambda: events(kubectl, "Unhealthy"))
    status = state(kubectl)
    assert ("running" in status["state"], status["started"], status["ready"]) == (True, False, False)
    kubectl("annotate", "pod", "pod", "go=on")
    eventually(lambda: state(kubectl)["started"] and is_ready(kubectl))


def test_a_termination_message_is_the_files_first_4096_bytes(kubectl: Kubectl) -> None:
    code = (
        "open('/dev/termination-log', 'w').write('{\"reason\": \"ModelNotFound\"}' + 'x' * 5000); raise SystemExit(10)"
    )
    kubectl.create(once(container(code)))
    ended = wait_for_end(kubectl)["status"]["containerStatuses"][0]["state"]["terminated"]
    assert ended["exitCode"] == 10
    assert ended["message"].startswith('{"reason": "ModelNotFound"}')
    assert len(ended["message"]) == 4096


def test_a_termination_message_falls_back_to_the_log(kubectl: Kubectl) -> None:
    main = container("print('the last words'); raise SystemExit(1)", terminationMessagePolicy="FallbackToLogsOnError")
    kubectl.create(once(main))
    assert (
        wait_for_end(kubectl)["status"]["containerStatuses"][0]["state"]["terminated"]["message"] == "the last words\n"
    )


def test_a_container_over_its_memory_limit_is_oomkilled(kubectl: Kubectl) -> None:
    kubectl.create(once(container(HUNGRY, resources={"limits": {"memory": "64Mi"}})))
    ended = wait_for_end(kubectl)["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


def test_a_deleted_pod_gets_sigterm_at_once_and_may_finish(kubectl: Kubectl) -> None:
    kubectl.create(pod(container(POLITE), terminationGracePeriodSeconds=60))
    eventually(lambda: "up" in kubectl("logs", "pod"))
    began = time.monotonic()
    kubectl("delete", "pod", "pod")
    assert time.monotonic() - began < 10


def test_stubborn_processes_are_killed_after_the_grace_period(kubectl: Kubectl) -> None:
    kubectl.create(pod(container(ESCAPE), terminationGracePeriodSeconds=2))
    eventually(lambda: "up" in kubectl("logs", "pod"))
    assert _running("time.sleep(611)")
    began = time.monotonic()
    kubectl("delete", "pod", "pod")
    assert 1.5 < time.monotonic() - began < 15
    assert not _running("time.sleep(611)")


def test_a_pod_without_a_grace_period_leaves_the_node_at_work(kubectl: Kubectl) -> None:
    kubectl.create(pod(container(ESCAPE), terminationGracePeriodSeconds=0))
    eventually(lambda: "up" in kubectl("logs", "pod"))
    kubectl("delete", "pod", "pod")
    kubectl.create(once(container("print('next')")))
    assert wait_for_end(kubectl)["status"]["phase"] == "Succeeded"


def test_a_prestop_hook_comes_before_sigterm(kubectl: Kubectl) -> None:
    hook = {"exec": {"command": ["sh", "-c", "echo called > /shared/hook"]}}
    kubectl.create(
        pod(
            container(END_HOOKED, lifecycle={"preStop": hook}, volumeMounts=MARKED),
            volumes=SHARED,
            terminationGracePeriodSeconds=20,
        )
    )
    eventually(lambda: "up" in kubectl("logs", "pod"))
    # A finalizer keeps the pod, so that its end can be seen.
    kubectl("patch", "pod", "pod", "-p", json.dumps({"metadata": {"finalizers": ["example.com/look"]}}))
    kubectl.discard("pod", "pod")
    eventually(lambda: "terminated" in state(kubectl)["state"])
    assert state(kubectl)["state"]["terminated"]["exitCode"] == 0
    kubectl("patch", "pod", "pod", "-p", json.dumps({"metadata": {"finalizers": None}}))


def _running(words: str) -> bool:
    return any(words in " ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
