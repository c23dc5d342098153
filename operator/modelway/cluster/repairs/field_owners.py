"""Find out who keeps changing which fields of a child. `managedFields` record who set a field last."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from modelway.cluster.client import FIELD_MANAGER, HANDOVER_MANAGER, RETRY_MANAGER
from modelway.cluster.managed_fields import owned_fields, wanted_fields

_OURS = frozenset({FIELD_MANAGER, HANDOVER_MANAGER, RETRY_MANAGER})
_ITEM_KEYS = ("name", "type", "topologyKey", "key", "uid", "containerPort", "port")
_MOST_FIELDS = 3

Path = tuple[str, ...]


def describe_changes(body: Mapping[str, Any], obj: Mapping[str, Any]) -> str:
    """Describe which fields of a child differ from what we apply, and who set them: "spec.replicas is set to 3 by field manager kubectl-scale".

    Args:
        body: what we apply.
        obj: the child as it is, with its `managedFields`.
    """
    lost = list(_differences(wanted_fields(body), owned_fields(obj, FIELD_MANAGER), ()))
    managers = sorted({manager for path in lost for manager in _managers(obj, path)})
    fields = ", ".join(map(_format_path, lost[:_MOST_FIELDS])) or "fields of it"
    more = f" and {len(lost) - _MOST_FIELDS} more" if len(lost) > _MOST_FIELDS else ""
    verb = "is" if len(lost) == 1 else "are"
    return f"{fields}{more} {verb} {_describe_owners(managers, obj)}"


def _describe_owners(managers: list[str], obj: Mapping[str, Any]) -> str:
    if managers:
        return f"set by field manager {' and '.join(managers)}"
    if any(entry.get("manager") in _OURS for entry in obj["metadata"].get("managedFields") or ()):
        return "changed by a program that leaves no field manager, or by another Modelway operator"
    return "changed by somebody who takes them from Modelway's field manager"


def _differences(wanted: Any, present: Any, path: Path) -> Iterator[Path]:
    """The paths of the smallest parts of `wanted` that are absent or otherwise in `present`."""
    if wanted == present or (wanted == {} and present is None):
        return
    if isinstance(wanted, dict) and isinstance(present, dict):
        for name, value in wanted.items():
            yield from _differences(value, present.get(name), (*path, name))
        return
    if isinstance(wanted, list) and isinstance(present, list):
        items, others = _by_key(wanted), _by_key(present)
        if items is not None and others is not None and items.keys() <= others.keys():
            for name, value in items.items():
                yield from _differences(value, others[name], (*path, f"[{name}]"))
            return
    yield path


def _by_key(items: list[Any]) -> dict[str, Any] | None:
    """The items of a list by what identifies them; None where nothing does."""
    for key in _ITEM_KEYS:
        if all(isinstance(item, dict) and key in item for item in items):
            by_key = {str(item[key]): item for item in items}
            return by_key if len(by_key) == len(items) else None
    return None


def _managers(obj: Mapping[str, Any], path: Path) -> Iterator[str]:
    """The strangers that own a field, or the nearest thing above it that is owned whole."""
    for entry in obj["metadata"].get("managedFields") or ():
        if entry.get("manager") not in _OURS and _reaches(entry.get("fieldsV1") or {}, path):
            yield str(entry.get("manager"))


def _reaches(node: Mapping[str, Any], path: Path) -> bool:
    for name in path:
        if name.startswith("["):
            node = next((sub for member, sub in node.items() if _is_item(member, name[1:-1])), {})
        elif f"f:{name}" in node:
            node = node[f"f:{name}"]
        else:
            return False
        if not node:
            return True
    return True


def _is_item(member: str, value: str) -> bool:
    return member.startswith("k:") and value in map(str, json.loads(member[2:]).values())


def _format_path(path: Path) -> str:
    text = ""
    for name in path:
        plain = name.startswith("[") or not set(name) & set("./")
        text += name if name.startswith("[") else f".{name}" if plain else f"['{name}']"
    return text.lstrip(".")
