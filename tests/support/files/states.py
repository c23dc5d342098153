"""The state of a fitted object, as a pickle holds it."""

from typing import Any


def state_of(thing: Any) -> tuple[str, Any]:
    """The full name of its class, and its state."""
    kind, reduced = type(thing), thing.__reduce_ex__(2)
    return f"{kind.__module__}.{kind.__qualname__}", reduced[2]
