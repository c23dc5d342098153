"""A stable server whose rollouts a test orders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.server.rollouts import CANDIDATE, PORT, STABLE, count, free_host, order
from support.server.served import Served, SharedModel
from support.waiting import eventually

Launch = Callable[..., Served]


class Pair:
    """A stable server, and the address at which a candidate may answer.

    Args:
        launched: starts servers.
        folder: of the order.
    """

    def __init__(self, launched: Launch, folder: Path) -> None:
        self._launched = launched
        self.folder = folder
        self.host = free_host()
        self.stable: Served

    def start_stable(self, *arguments: str, **model: Any) -> Served:
        """Start the stable server."""
        options = (f"--revision={STABLE}", f"--traffic-dir={self.folder}", *arguments)
        self.stable = self._launched(*options, **model)
        return self.stable

    def start_candidate(self, *arguments: str, **model: Any) -> Served:
        """Start a real candidate."""
        listens = (f"--host={self.host}", f"--http-port={PORT}")
        options = (*listens, f"--revision={CANDIDATE}", f"--traffic-dir={self.folder}", *arguments)
        return self._launched(*options, **model)

    def order(self, **changes: Any) -> None:
        """Order a rollout, and wait until it is obeyed."""
        document = order(self.folder, self.host, **changes)
        weight, rollout = float(document["weight"]), document["id"]
        eventually(lambda: count(self.stable, "weight", rollout=rollout) == weight, deadline=10)


@pytest.fixture
def pair(launched: Launch, tmp_path: Path) -> Pair:
    """A stable server and a candidate that are not started yet."""
    folder = tmp_path / "traffic"
    folder.mkdir()
    return Pair(launched, folder)


@pytest.fixture
def forests(pair: Pair, forest_model: SharedModel) -> Pair:
    """A stable server of a forest, ready."""
    pair.start_stable("--request-timeout=5", **forest_model).started()
    return pair
