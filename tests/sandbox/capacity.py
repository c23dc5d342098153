"""What the sandbox's Node offers: more than the machine has, since models for tests take little of what they request."""

from sandbox.errors import SandboxError
from sandbox.node.quantities import parse

CAPACITY = {"cpu": "16", "memory": "64Gi", "pods": "500", "ephemeral-storage": "100Gi", "example.com/gpu": "2"}
"""The last one is a device that is none: it is counted out to pods as GPUs are, and nothing is mounted for it."""


def capacity(text: str) -> dict[str, str]:
    """The capacity that `text` asks for, as in `pods=3000,nvidia.com/gpu=2`; what it does not name stays at its default.

    Raises:
        SandboxError: a resource is unknown, or its amount is not one.
    """
    amounts = dict(CAPACITY)
    for item in filter(None, text.split(",")):
        name, _, amount = item.partition("=")
        if name not in CAPACITY and "/" not in name:
            raise SandboxError(
                f"--capacity {item}: {name!r} is none of {', '.join(CAPACITY)}, and no device such as nvidia.com/gpu; "
                "write pods=3000,cpu=1000"
            )
        try:
            parse(amount)
        except ValueError as error:
            raise SandboxError(f"--capacity {item}: {amount!r} is no amount, such as 3000 or 64Gi") from error
        amounts[name] = amount
    return amounts
