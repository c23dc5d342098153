"""Settings of the tests that fetch."""

import pytest

from modelway_server.artifacts import download


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry a broken transfer at once."""
    monkeypatch.setattr(download, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(download, "LONGEST_PAUSE_SECONDS", 0.001)
