"""The status of a pod from what its containers do, as a kubelet reports it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Role = Literal["init", "sidecar", "main"]
TERMINAL = ("Succeeded", "Failed")


@dataclass
class ContainerState:
    """One container as its status shows it; `state` holds one of waiting, running, terminated."""

    name: str
    image: str
    role: Role
    state: Json
    last_state: Json = field(default_factory=dict)
    restarts: int = 0
    ready: bool = False
    started: bool = False
    image_id: str = ""
    container_id: str = ""

    @property
    def exit_code(self) -> int | None:
        """How the last run ended; None before its end."""
        ended = self.state.get("terminated")
        return None if ended is None else int(ended["exitCode"])

    @property
    def ever_ran(self) -> bool:
        """Whether it ran once, or still does."""
        return "waiting" not in self.state or "terminated" in self.last_state

    def to_status(self) -> Json:
        """The entry of containerStatuses."""
        entry = {
            "name": self.name,
            "image": self.image,
            "imageID": self.image_id,
            "state": self.state,
            "lastState": self.last_state,
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
        }
        return entry | ({"containerID": self.container_id} if self.container_id else {})


@dataclass(frozen=True)
class Verdict:
    """Why the node ended a pod by itself (Evicted, DeadlineExceeded)."""

    reason: str
    message: str


def restarts(policy: str, role: Role, exit_code: int) -> bool:
    """Whether a container that ended with `exit_code` runs again under the pod's restart policy."""
    if role == "sidecar":
        return True
    if role == "init":
        return exit_code != 0 and policy != "Never"
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def initialized(states: Iterable[ContainerState]) -> bool:
    """Whether every init container has done its part: ended well, or started, when it is a sidecar."""
    return all(s.exit_code == 0 or (s.role == "sidecar" and s.started) for s in states if s.role != "main")


def phase(policy: str, states: Sequence[ContainerState], *, ending: bool = False) -> str:
    """The phase of a pod; `ending` says that nothing is started again, since the pod is being deleted."""
    policy = "Never" if ending else policy
    inits = [s for s in states if s.role == "init"]
    mains = [s for s in states if s.role == "main"]
    if any(s.exit_code not in {None, 0} and policy == "Never" for s in inits):
        return "Failed"
    if any(not s.ever_ran for s in mains) or not (initialized(states) or any(s.ever_ran for s in mains)):
        return "Pending"
    codes = [s.exit_code for s in mains]
    if any(code is None or restarts(policy, "main", code) for code in codes):
        return "Running"
    return "Succeeded" if all(code == 0 for code in codes) else "Failed"


def _names(states: Iterable[ContainerState]) -> str:
    return "[" + " ".join(state.name for state in states) + "]"


def _condition(kind: str, reason: str = "", message: str = "") -> Json:
    """True without a reason, else False."""
    wanted = {"type": kind, "status": "False" if reason else "True"}
    return wanted | ({"reason": reason} if reason else {}) | ({"message": message} if message else {})


def _not_ready(states: Sequence[ContainerState], phase: str) -> tuple[str, str]:
    if phase == "Succeeded":
        return "PodCompleted", ""
    if phase == "Failed":
        return "PodFailed", ""
    unready = [s for s in states if s.role != "init" and not s.ready]
    return ("ContainersNotReady", f"containers with unready status: {_names(unready)}") if unready else ("", "")


def _gates(pod: Json, known: Mapping[str, Json]) -> tuple[str, str]:
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates", [])]
    closed = [gate for gate in gates if known.get(gate, {}).get("status") != "True"]
    if not closed:
        return "", ""
    text = "; ".join(f'corresponding condition of pod readiness gate "{gate}" does not exist.' for gate in closed)
    return "ReadinessGatesNotReady", text


def conditions(pod: Json, states: Sequence[ContainerState], phase: str, *, sandbox: bool, now: str) -> list[Json]:
    """The conditions that the node owns; one keeps its transition time while its status stays."""
    known: dict[str, Json] = {c["type"]: c for c in pod.get("status", {}).get("conditions", [])}
    waiting = [s for s in states if s.role == "init" and s.exit_code != 0]
    waiting += [s for s in states if s.role == "sidecar" and not s.started]
    unready = _not_ready(states, phase)
    incomplete = "ContainersNotInitialized", f"containers with incomplete status: {_names(waiting)}"
    completion = ("PodCompleted", "") if phase == "Succeeded" else ("", "")
    wanted = [
        _condition("PodReadyToStartContainers", "" if sandbox else "PodSandboxNotReady"),
        _condition("Initialized", *(incomplete if waiting else ("", "")))
        | ({"reason": completion[0]} if completion[0] else {}),
        _condition("Ready", *(unready if unready[0] else _gates(pod, known))),
        _condition("ContainersReady", *unready),
        {"type": "PodScheduled", "status": "True"},
    ]
    for condition in wanted:
        before = known.get(condition["type"], {})
        same = before.get("status") == condition["status"]
        condition["lastTransitionTime"] = before.get("lastTransitionTime") or now if same else now
        # A strategic merge keeps what is not named.
        condition.setdefault("reason", None)
        condition.setdefault("message", None)
    return wanted


def pod_status(
    pod: Json,
    states: Sequence[ContainerState],
    *,
    address: str,
    node_address: str,
    started_at: str,
    now: str,
    alive: bool,
    verdict: Verdict | None = None,
) -> Json:
    """The status to patch into `pod` by a strategic merge.

    Args:
        pod: the pod as the API server has it.
        states: all containers, in the order of the spec.
        address: the pod's address; "" before it has one.
        node_address: the node's.
        started_at: when the node took the pod.
        now: the time of changed conditions.
        alive: whether containers run or may be started.
        verdict: why the node ended it, if it did.
    """
    ending = not alive and "deletionTimestamp" in pod["metadata"]
    pod_phase = "Failed" if verdict else phase(pod["spec"].get("restartPolicy", "Always"), states, ending=ending)
    inits = [s.to_status() for s in states if s.role != "main"]
    status: Json = {
        "phase": pod_phase,
        "startTime": started_at,
        "hostIP": node_address,
        "hostIPs": [{"ip": node_address}],
        "conditions": conditions(pod, states, pod_phase, sandbox=alive and bool(address), now=now),
        "containerStatuses": [s.to_status() for s in states if s.role == "main"],
    }
    if inits:
        status["initContainerStatuses"] = inits
    if address:
        status |= {"podIP": address, "podIPs": [{"ip": address}]}
    if verdict:
        status |= {"reason": verdict.reason, "message": verdict.message}
    return status
