class BenchError(Exception):
    """The benchmark could not be run; the text says why."""
