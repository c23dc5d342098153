"""The names that the user and the image trust, beside those that every model may use."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

VARIABLE = "MODELWAY_TRUSTED_TYPES"
"""What an image trusts: names as in `model.trustedTypes`, with commas between them."""


@dataclass(frozen=True)
class Trust:
    """What a file may name and call with whatever arguments, and what may get whatever state.

    Attributes:
        extra: names that the user or the image adds: `package.module.Name`, or `package.*` for all below it.
    """

    extra: tuple[str, ...] = ()

    def covers(self, name: str) -> bool:
        """Whether a name is among the added ones."""
        return any(
            name.startswith(entry[:-1]) if entry.endswith(".*") and len(entry) > 2 else name == entry
            for entry in self.extra
        )


def trust(setting: Iterable[str], environ: Mapping[str, str] = os.environ) -> Trust:
    """What the user (`model.trustedTypes`) and the image (MODELWAY_TRUSTED_TYPES) trust."""
    image = (entry.strip() for entry in environ.get(VARIABLE, "").split(","))
    return Trust(tuple(dict.fromkeys(entry for entry in (*setting, *image) if entry)))
