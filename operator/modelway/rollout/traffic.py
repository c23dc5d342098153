"""What the stable pods are told of a rollout: how much goes to the candidate, and where it is. Pure."""

import hashlib
from typing import Any

from modelway.api.duration import share_of
from modelway.api.ports import HANDOVER_PORT
from modelway.api.rollout import CANARY, SHADOW, Rollout
from modelway.rollout.state import RolloutState
from modelway.rollout.steps import WHOLE, steps_of

TRAFFIC_FILE = "traffic.json"
"""The key of the ConfigMap with what stable pods are told; every pod has it as a file."""


def traffic_of(state: RolloutState | None, rollout: Rollout, address: str | None, uid: str) -> dict[str, Any] | None:
    """What the stable pods are told, as the content of `TRAFFIC_FILE`; None where there is nothing to tell.

    Args:
        state: what status holds.
        rollout: as the spec asks for it.
        address: the cluster IP of the candidate's Service; None before it has one.
        uid: of the ModelDeployment.
    """
    if state is None or not state.is_under_way or not address:
        return None
    host = f"[{address}]" if ":" in address else address
    mirrors = state.strategy == SHADOW or state.routing is not None
    sticky = rollout.sticky if state.strategy == CANARY else None
    return {
        "id": state.id,
        "key": key_of(uid, state.id),
        "stable": state.stable,
        "candidate": state.revision,
        "mode": "mirror" if mirrors else "handover",
        "weight": state.mirror if mirrors else state.weight,
        "paceAhead": any(step.weight == WHOLE for step in steps_of(rollout)[:1]),
        "http": f"{host}:{HANDOVER_PORT}",
        "sticky": sticky.header.lower() if sticky else None,
        "maxFailed": share_of(rollout.limits.max_failed),
        "numericTolerance": share_of(rollout.limits.numeric_tolerance),
    }


def key_of(uid: str, rollout: str) -> str:
    """What requests of one server to another bear. Whoever may read the ModelDeployment, the ConfigMap or the replay's Job knows it; others cannot guess it.

    Args:
        uid: of the ModelDeployment.
        rollout: its id.
    """
    return hashlib.sha256(f"{uid} {rollout}".encode()).hexdigest()[:32]
