"""Model formats. Each has one file, which is imported when a model of that format is loaded."""

from modelway_server.runtimes.load import load_runtime

__all__ = ["load_runtime"]
