"""What each pod takes of its node, in the words of Kubernetes: CPU, memory, disk space, and devices by their names."""

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, PlainValidator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from modelway.api.base import ApiModel, Rule
from modelway.api.quantity import (
    COUNT_PATTERN,
    CPU,
    MEMORY,
    MOST_MEMORY,
    STORAGE,
    TOO_MUCH,
    Cpu,
    Kind,
    Memory,
    Storage,
    byte_count,
    cores,
)
from modelway.api.schema import INT_OR_STRING

DISK = "ephemeral-storage"
MOST_KINDS = 16
"""How many kinds of resources one side may name."""
DEVICE_PATTERN = (
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)+/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
)
"""The name of an extended resource (Kubernetes documentation, "Resource Management for Pods and Containers")."""
_DEVICE = re.compile(DEVICE_PATTERN)
_LONGEST_NAME = 200
_PLAIN = ("cpu", "memory", DISK)


def _read_count(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise PydanticCustomError("quantity", "must be a whole number, for example 1")
    return str(value)


Count = Annotated[str, PlainValidator(_read_count)]
"""How many devices of a kind; that it is a whole number is a rule, since a schema cannot tell one key of a map from another."""


def _name_rule() -> Rule:
    is_device = f"key.size() <= {_LONGEST_NAME} && !key.contains('kubernetes.io/') && key.matches(r'{DEVICE_PATTERN}')"
    is_known = f"key in {list(_PLAIN)} || ({is_device})"
    return Rule(
        cel=f"self.all(key, {is_known})",
        holds=lambda amounts: not _unknown(amounts),
        message="{faults}: a resource is cpu, memory, ephemeral-storage, or a device by the full name that its nodes "
        "give it (kubectl describe nodes), for example nvidia.com/gpu",
        faults=(f"self.filter(key, !({is_known}))", _unknown),
    )


def _unknown(amounts: "ResourceAmounts") -> list[str]:
    return [name for name in amounts.devices if not _is_device(name)]


def _is_device(name: str) -> bool:
    return len(name) <= _LONGEST_NAME and "kubernetes.io/" not in name and _DEVICE.match(name) is not None


def _count_rule() -> Rule:
    is_broken = f"key.contains('/') && !string(self[key]).matches(r'{COUNT_PATTERN}')"
    return Rule(
        cel=f"self.all(key, !({is_broken}))",
        holds=lambda amounts: not _broken_counts(amounts),
        message="{faults}: devices are given whole: write a number such as 1",
        faults=(f"self.filter(key, {is_broken})", _broken_counts),
    )


def _broken_counts(amounts: "ResourceAmounts") -> list[str]:
    return [name for name, count in amounts.devices.items() if "/" in name and not re.fullmatch(COUNT_PATTERN, count)]


def _rules_in_cel(name: str, kind: Kind, *, at_most: str | None = None) -> list[Rule]:
    """The checks of one amount for the API server, whose map has one schema for all keys."""
    text = f"string(self['{name}'])"
    unless_readable = f"!('{name}' in self) || !isQuantity({text})"
    positive = f"{unless_readable} || quantity({text}).isGreaterThan(quantity('0'))"
    bounded = f"{unless_readable} || quantity({text}).compareTo(quantity('{at_most}')) <= 0"
    rules = [
        (f"!('{name}' in self) || {text}.matches(r'{kind.pattern}')", kind.unreadable),
        (positive, kind.nothing),
        *([(bounded, TOO_MUCH)] if at_most else []),
    ]
    return [Rule(cel=cel, holds=lambda _: True, message=f"{{{name}}} {message}", field=name) for cel, message in rules]


class ResourceAmounts(ApiModel):
    """Amounts by the names that Kubernetes gives them.

    cpu is in cores ("2", "0.5") or thousandths of a core (500m). memory and ephemeral-storage are in bytes with a suffix (512Mi, 2Gi). Devices
    have their full names and are whole numbers (nvidia.com/gpu: 1).
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Count]

    cpu: Cpu | None = None
    memory: Memory | None = None
    ephemeral_storage: Annotated[Storage | None, Field(alias=DISK)] = None

    rules = (
        _name_rule(),
        *_rules_in_cel("cpu", CPU),
        *_rules_in_cel("memory", MEMORY, at_most=MOST_MEMORY),
        *_rules_in_cel(DISK, STORAGE, at_most=MOST_MEMORY),
        _count_rule(),
    )

    @property
    def devices(self) -> dict[str, str]:
        """Extended resources: how many of each kind."""
        return dict(sorted((self.model_extra or {}).items()))

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A map: names of devices are the cluster's, and a structural schema knows either fields or any keys."""
        schema = super().__get_pydantic_json_schema__(core_schema, handler)
        whole = handler.resolve_ref_schema(schema)
        del whole["properties"]
        whole["maxProperties"] = MOST_KINDS
        whole["additionalProperties"] = {INT_OR_STRING: True, "maxLength": 24}
        return schema


def _request_within_limit(name: str, field: str, read: Callable[[str], Fraction | int]) -> Rule:
    present = " && ".join(f"has(self.{side}) && '{name}' in self.{side}" for side in ("requests", "limits"))
    request, limit = (f"string(self.{side}['{name}'])" for side in ("requests", "limits"))

    def holds(resources: Any) -> bool:
        amounts = [getattr(side, field) for side in (resources.requests, resources.limits) if side is not None]
        return len(amounts) < 2 or None in amounts or read(amounts[0]) <= read(amounts[1])

    return Rule(
        cel=f"!({present} && isQuantity({request}) && isQuantity({limit})) "
        f"|| quantity({request}).compareTo(quantity({limit})) <= 0",
        holds=holds,
        message=f"requests.{name} is {{requests.{name}}} and limits.{name} is {{limits.{name}}}: "
        "a request must not be above its limit",
        field=f"requests.{name}",
    )


def _same_devices() -> Rule:
    differs = "key.contains('/') && key in self.limits && string(self.limits[key]) != string(self.requests[key])"
    return Rule(
        cel=f"!has(self.requests) || !has(self.limits) || self.requests.all(key, !({differs}))",
        holds=lambda resources: not _unequal(resources),
        message="{faults}: requests and limits name different numbers, and devices are neither lent nor shared: "
        "write the number once, under limits",
        field="requests",
        faults=(f"self.requests.filter(key, {differs})", _unequal),
    )


def _unequal(resources: "Resources") -> list[str]:
    if resources.requests is None or resources.limits is None:
        return []
    limits = resources.limits.devices
    return [name for name, count in resources.requests.devices.items() if limits.get(name, count) != count]


class Resources(ApiModel):
    """What each pod takes of its node. What is left out is the platform's default; there is no CPU limit unless you set one."""

    requests: ResourceAmounts | None = None
    """What each pod is sure to get, and what scaling in percent refers to: cpu in cores ("2", "0.5") or thousandths of a core (500m);
    memory and ephemeral-storage in bytes (512Mi, 2Gi). What is left out is the limit, or the platform's default."""
    limits: ResourceAmounts | None = None
    """What each pod must not exceed: beyond its memory limit it is killed, beyond its ephemeral-storage it is evicted, at its CPU limit it
    is slowed down. Devices stand here by their full name as whole numbers (nvidia.com/gpu: 1) and are requested too."""

    rules = (
        _request_within_limit("cpu", "cpu", cores),
        _request_within_limit("memory", "memory", byte_count),
        _request_within_limit(DISK, "ephemeral_storage", byte_count),
        _same_devices(),
    )
