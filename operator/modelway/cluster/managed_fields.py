"""What of an object is ours: the fields that server-side apply recorded for our field manager, with their values.

`managedFields` (FieldsV1, see structured-merge-diff) is a tree: `f:<name>` is a field, `k:<json>` an item of a keyed list, `v:<json>` a
member of a set, `.` the node itself. Walking the object along that tree yields exactly what we applied, as long as nobody changed it: then
its hash equals the hash of what we would apply now, and no write is needed.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import orjson

_IDENTITY = ("apiVersion", "kind")
_METADATA_IDENTITY = ("name", "namespace", "uid", "resourceVersion")


def owned_hash(obj: Mapping[str, Any], manager: str) -> str:
    """Hash of the fields that `manager` applied, with the values they have now."""
    return hash_of(owned_fields(obj, manager))


def wanted_hash(body: Mapping[str, Any]) -> str:
    """Hash of what an apply of `body` would own; equal to `owned_hash` of the object as long as nothing drifted."""
    return hash_of(wanted_fields(body))


def wanted_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that an apply of `body` would own."""
    fields = {name: value for name, value in body.items() if name not in _IDENTITY}
    fields["metadata"] = {name: value for name, value in body["metadata"].items() if name not in _METADATA_IDENTITY}
    return fields


def owned_fields(obj: Mapping[str, Any], manager: str) -> dict[str, Any]:
    """The part of an object that `manager` owns by server-side apply; empty when it owns nothing."""
    node = _fields_of(obj, manager)
    return _pick_from_object(obj, node) if node else {}


def owns(obj: Mapping[str, Any], manager: str, *path: str) -> bool:
    """Whether `manager` owns the field at `path`."""
    node: Mapping[str, Any] | None = _fields_of(obj, manager)
    for name in path:
        node = node.get(f"f:{name}") if node else None
    return node is not None


def hand_over(metadata: Mapping[str, Any], manager: str, api_version: str) -> list[Any] | None:
    """The `managedFields` of an object with all that others made it of given to `manager`; None where that applied it itself.

    What is in subresources stays whose it is.
    """
    entries = metadata.get("managedFields") or []
    if any(_is_applied_by(entry, manager) for entry in entries):
        return None
    ownerships = [one for one in entries if one.get("apiVersion") == api_version and not one.get("subresource")]
    if not ownerships:
        return None
    fields: dict[str, Any] = {}
    for entry in ownerships:
        fields = _unite(fields, entry.get("fieldsV1") or {})
    ours = {**ownerships[-1], "manager": manager, "operation": "Apply", "fieldsV1": fields}
    return [ours, *(entry for entry in entries if entry not in ownerships)]


def changed_at(obj: Mapping[str, Any], manager: str) -> str:
    """When a field manager last changed what it owns by server-side apply, as the API writes times; empty where that is not known."""
    entries = obj.get("metadata", {}).get("managedFields") or ()
    return next((str(entry.get("time") or "") for entry in entries if _is_applied_by(entry, manager)), "")


def _unite(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {**one, **{name: _unite(one.get(name, {}), fields) for name, fields in other.items()}}


def _is_applied_by(entry: Mapping[str, Any], manager: str) -> bool:
    return entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource")


def _fields_of(obj: Mapping[str, Any], manager: str) -> dict[str, Any]:
    for entry in obj.get("metadata", {}).get("managedFields") or ():
        if _is_applied_by(entry, manager):
            fields: dict[str, Any] = entry.get("fieldsV1") or {}
            return fields
    return {}


def _pick(value: Any, node: Mapping[str, Any]) -> Any:
    members = [member for member in node if member != "."]
    if not members:
        return value  # a leaf: a scalar, or an atomic list or map, which is owned whole
    if isinstance(value, dict):
        return _pick_from_object(value, node)
    return _pick_from_list(value, node, members) if isinstance(value, list) else value


def _pick_from_object(value: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _pick(value[name], sub) for name, sub in _children(node, "f:") if name in value}


def _pick_from_list(value: list[Any], node: Mapping[str, Any], members: list[str]) -> list[Any]:
    if members[0].startswith("v:"):
        owned = [json.loads(text) for text, _ in _children(node, "v:")]
        return [item for item in value if item in owned]
    keyed = [(json.loads(text), sub) for text, sub in _children(node, "k:")]
    return [_pick(item, sub) for item in value for key, sub in keyed if _has_key(item, key)]


def _children(node: Mapping[str, Any], prefix: str) -> list[tuple[str, Mapping[str, Any]]]:
    return [(member.removeprefix(prefix), sub) for member, sub in node.items() if member.startswith(prefix)]


def _has_key(item: Any, key: Mapping[str, Any]) -> bool:
    return isinstance(item, dict) and all(item.get(name) == wanted for name, wanted in key.items())


def hash_of(fields: Mapping[str, Any]) -> str:
    """Hash of fields with their values."""
    return hashlib.blake2b(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()
