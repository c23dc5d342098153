"""Conditions, as objects of all kinds in Kubernetes have them. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar


class _Condition(Protocol):
    @property
    def type(self) -> str: ...


C = TypeVar("C", bound="Mapping[str, Any] | _Condition")


def find(conditions: Iterable[C] | None, kind: str) -> C | None:
    """The condition of a type, among views or among those in an object's JSON; None where there is none.

    Args:
        conditions: of one object; None counts as none.
        kind: the type, `Ready` for example.
    """
    return next((one for one in conditions or () if _type_of(one) == kind), None)


def _type_of(condition: Mapping[str, Any] | _Condition) -> Any:
    return condition.get("type") if isinstance(condition, Mapping) else condition.type
