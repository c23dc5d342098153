"""Servers that the tests of this folder share: one of each kind for the whole session."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.models import Told, mixed_pipeline, wine_forest
from support.server.served import Served, SharedModel, launch, prepare_shared

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
def forest_model(tmp_path_factory: pytest.TempPathFactory) -> SharedModel:
    """A forest of 13 numeric columns, prepared once."""
    return prepare_shared(tmp_path_factory.mktemp("forest-model"), wine_forest())


@pytest.fixture(scope="session")
def sleeping_model(tmp_path_factory: pytest.TempPathFactory) -> SharedModel:
    """A model that sleeps for as many seconds as a row says, prepared once."""
    return prepare_shared(tmp_path_factory.mktemp("sleeping-model"), Told().fit())


@pytest.fixture(scope="session")
def mixed_model(tmp_path_factory: pytest.TempPathFactory) -> SharedModel:
    """A pipeline with numbers, strings and missing values, prepared once."""
    return prepare_shared(tmp_path_factory.mktemp("mixed-model"), mixed_pipeline())


@pytest.fixture(scope="session")
def forest(tmp_path_factory: pytest.TempPathFactory, forest_model: SharedModel) -> Iterator[Served]:
    """The forest over HTTP and gRPC, with a small cap on bodies."""
    options = ("--model-version=v7", "--max-request-bytes=100000", "--grpc-port=0")
    server = launch(tmp_path_factory.mktemp("forest"), *options, **forest_model)
    yield server.started()
    server.stop()


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory, mixed_model: SharedModel) -> Iterator[Served]:
    """The pipeline over HTTP and gRPC."""
    server = launch(tmp_path_factory.mktemp("mixed"), "--grpc-port=0", **mixed_model)
    yield server.started()
    server.stop()


@pytest.fixture(scope="session")
def sleeper(tmp_path_factory: pytest.TempPathFactory, sleeping_model: SharedModel) -> Iterator[Served]:
    """The sleeping model, with a request timeout of 1 s."""
    server = launch(tmp_path_factory.mktemp("sleeper"), "--request-timeout=1", **sleeping_model)
    yield server.started()
    server.stop()
