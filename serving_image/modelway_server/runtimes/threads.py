"""The number of threads that a native library may use; the operator derives it from the pod's CPU."""

import os
from collections.abc import Mapping


def threads(environ: Mapping[str, str] = os.environ) -> int:
    """OMP_NUM_THREADS, or 1: a server's workers are what runs in parallel."""
    text = environ.get("OMP_NUM_THREADS", "")
    return max(1, int(text)) if text.isascii() and text.isdigit() else 1
