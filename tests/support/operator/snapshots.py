"""Pictures of ModelDeployments as they were read from a sandbox, to tell stories of.

`python -m support.operator.snapshots NAMESPACE NAME FILE` records another one from the cluster of `KUBECONFIG`.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from modelway.cluster.reader import reader
from modelway.cluster.snapshot import Place, Snapshot

FOLDER = Path(__file__).resolve().parents[2] / "modelway" / "cli" / "stories"
_UNTOLD = """managedFields data annotations ownerReferences initContainers containers volumes affinity tolerations uid resourceVersion
hostIP hostIPs podIP podIPs startTime image imageID containerID volumeMounts allocatedResources user selector securityContext strategy
clusterIPs ipFamilies ipFamilyPolicy internalTrafficPolicy sessionAffinity reportingComponent reportingInstance source lastProbeTime
priority qosClass schedulerName serviceAccount serviceAccountName terminationGracePeriodSeconds preemptionPolicy behavior
unhealthyPodEvictionPolicy enableServiceLinks automountServiceAccountToken dnsPolicy restartPolicy"""


def read_snapshot(name: str) -> Snapshot:
    """The snapshot in `stories/<name>.json`."""
    document = json.loads((FOLDER / f"{name}.json").read_text())
    words = {Place(*key.split("/")): text for key, text in document["last_words"].items()}
    lists = {part: tuple(document[part]) for part in ("children", "pods", "events", "withheld")}
    return Snapshot(resource=document["resource"], last_words=words, **lists)


def slim(value: Any) -> Any:
    """Without what no story tells of."""
    if isinstance(value, dict):
        return {key: slim(item) for key, item in value.items() if key not in _UNTOLD.split()}
    return [slim(item) for item in value] if isinstance(value, list | tuple) else value


async def _record(namespace: str, name: str, file: str) -> None:
    async with reader() as cluster:
        snapshot = await cluster.read_snapshot(namespace, name)
    document = {part: slim(getattr(snapshot, part)) for part in ("resource", "children", "pods", "events", "withheld")}
    document["last_words"] = {"/".join(place): text for place, text in snapshot.last_words.items()}
    (FOLDER / f"{file}.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(_record(*sys.argv[1:4]))
