"""How long the operator waits at most before it tries again what keeps failing. Pure."""

PATIENCE_SECONDS = 8.0
"""Between tries in the first minutes, so that a recovery is noticed within 10 s."""

PATIENT_FAILURES = 30
"""Failures in a row after which a cause counts as lasting."""

LASTING_SECONDS = 60.0
"""Between tries of what fails for a lasting cause."""


def longest_pause(failures: int) -> float:
    """The most seconds until the next try.

    Args:
        failures: in a row.
    """
    return LASTING_SECONDS if failures >= PATIENT_FAILURES else PATIENCE_SECONDS
