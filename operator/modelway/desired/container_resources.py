"""The resources that the containers of a pod request and may use. Pure."""

from collections.abc import Mapping

from modelway.api.quantity import byte_count
from modelway.api.resources import DISK, ResourceAmounts, Resources
from modelway.settings import Settings


def resource_requirements(resources: Resources | None, settings: Settings) -> dict[str, dict[str, str]]:
    """The requests and limits of the containers: the user's amounts, and the platform's defaults for the rest.

    As in Kubernetes, a limit alone is also the request. The default memory limit rises to the user's request. Devices have the same number
    on both sides, whichever side names them.
    """
    requests = (resources and resources.requests) or ResourceAmounts()
    limits = (resources and resources.limits) or ResourceAmounts()
    devices = requests.devices | limits.devices
    request = {
        "cpu": requests.cpu or limits.cpu or settings.default_cpu_request,
        "memory": requests.memory or limits.memory or settings.default_memory_request,
        DISK: requests.ephemeral_storage or limits.ephemeral_storage,
    }
    limit = {
        "cpu": limits.cpu,
        "memory": limits.memory or max(requests.memory or "0", settings.default_memory_limit, key=byte_count),
        DISK: limits.ephemeral_storage,
    }
    return {"requests": _without_none(request) | devices, "limits": _without_none(limit) | devices}


def _without_none(amounts: Mapping[str, str | None]) -> dict[str, str]:
    return {name: str(amount) for name, amount in amounts.items() if amount is not None}


def without_devices(requirements: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """The requirements without GPUs and other devices, for a container that does not use them."""
    return {
        side: {name: amount for name, amount in amounts.items() if "/" not in name}
        for side, amounts in requirements.items()
    }
