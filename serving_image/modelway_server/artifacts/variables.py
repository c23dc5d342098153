"""Environment variables as Secrets set them."""

from collections.abc import Mapping


def first_set(environ: Mapping[str, str], *names: str) -> str | None:
    """The value of the first of these variables that is set, without the line end that a Secret's value may have."""
    return next((value for name in names if (value := environ.get(name, "").strip())), None)
