"""The definition as another release might bring it: one that knows more, and one that knows less."""

from pathlib import Path
from typing import Any

from modelway.api.crd import CRD_NAME, custom_resource_definition
from support.cluster.sandbox import Kubectl
from support.operator.specs import Object
from support.waiting import eventually

PRESENT = Path(__file__).resolve().parents[3] / "crds" / "modeldeployments.yaml"
"""The definition of now, as users apply it."""
NEW_FIELDS = ("spec.model.provenance", "spec.runtime.env[].note", "spec.tracing")
NEW_ENGINE = "tensorrt"
PRUNED = {"runtime": ("batching", "tolerance", "accessLog"), "model": ("format",)}


def next_definition() -> Object:
    """More fields, one with a default, so that every stored object has it; one in items of a list; one more word where one of several is due."""
    definition = custom_resource_definition()
    spec = _root(definition)["spec"]["properties"]
    level = {"type": "string", "default": "low"}
    spec["tracing"] = {"type": "object", "default": {}, "properties": {"level": level}}
    spec["model"]["properties"]["provenance"] = {"type": "string"}
    runtime = spec["runtime"]["properties"]
    runtime["env"]["items"]["properties"]["note"] = {"type": "string"}
    runtime["engine"]["enum"].append(NEW_ENGINE)
    return definition


def previous_definition() -> Object:
    """Some fields with a default, and what status tells of the model that serves, are not known yet."""
    definition = custom_resource_definition()
    root = _root(definition)
    for block, fields in PRUNED.items():
        for field in fields:
            del root["spec"]["properties"][block]["properties"][field]
    del root["status"]["properties"]["stable"]
    version = definition["spec"]["versions"][0]
    version["additionalPrinterColumns"] = [
        one for one in version["additionalPrinterColumns"] if ".status.stable" not in one["jsonPath"]
    ]
    return definition


def install(kubectl: Kubectl, definition: Object, field: str, *, known: bool) -> None:
    """Put a definition in place, and wait until the API server goes by it: until `field` is known or not."""
    kubectl.apply(definition, "--force-conflicts")
    _wait_until_established(kubectl)
    eventually(lambda: _knows(kubectl, field) is known)


def install_present(kubectl: Kubectl) -> None:
    """Put the definition of now in place, and wait until the API server serves it."""
    kubectl("apply", "--server-side", "-f", str(PRESENT))
    _wait_until_established(kubectl)


def _wait_until_established(kubectl: Kubectl) -> None:
    # kubectl fails at once on a definition without a status yet.
    eventually(lambda: kubectl("wait", "--for=condition=Established", f"crd/{CRD_NAME}", "--timeout=30s"))


def _knows(kubectl: Kubectl, field: str) -> bool:
    return "does not exist" not in _explain(kubectl, field)


def _explain(kubectl: Kubectl, field: str) -> str:
    try:
        return kubectl("explain", f"mdep.{field}")
    except AssertionError as error:
        return str(error)


def _root(definition: Object) -> dict[str, Any]:
    root: dict[str, Any] = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    return root
