"""Whether this machine's kernel can build the walls that a test is about."""

import pytest

from modelway_server.process import landlock


def _missing() -> str:
    try:
        return "" if landlock.version() >= 6 else "this kernel's Landlock is older than version 6"
    except OSError as error:
        return f"this kernel has no Landlock: {error}"


walled = pytest.mark.skipif(bool(_missing()), reason=_missing())
