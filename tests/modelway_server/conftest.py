"""Servers that the tests of this folder share: one of each kind for the whole session."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.models import Told, mixed_pipeline, wine_forest
from support.server.served import Served, launch

Launch = Callable[..., Served]


@pytest.fixture
def launched(tmp_path: Path) -> Iterator[Launch]:
    """Start servers that are ended with the test."""
    servers: list[Served] = []

    def start(*arguments: str, **options: Any) -> Served:
        servers.append(launch(tmp_path / f"server{len(servers)}", *arguments, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A forest of 13 numeric columns, served with a small cap on bodies."""
    server = launch(
        tmp_path_factory.mktemp("forest"), "--model-version=v7", "--max-request-bytes=100000", model=wine_forest()
    )
    yield server.started()
    server.stop()


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A pipeline with numbers, strings and missing values."""
    server = launch(tmp_path_factory.mktemp("mixed"), model=mixed_pipeline())
    yield server.started()
    server.stop()


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A model that sleeps for as many seconds as it is told, with a request timeout of 1 s."""
    server = launch(tmp_path_factory.mktemp("told"), "--request-timeout=1", model=Told().fit())
    yield server.started()
    server.stop()
