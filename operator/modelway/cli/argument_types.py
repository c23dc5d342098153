"""Check the values of arguments before any request is sent."""

import argparse
import re
from pathlib import Path


def name(text: str) -> str:
    """The name of a Kubernetes object.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name: write it as kubectl get shows it, for example fraud")
    return text


def namespace(text: str) -> str:
    """The same of a namespace; empty, as an unset variable of a script, stands for that of the context.

    Raises:
        ArgumentTypeError: it is none.
    """
    return text and name(text)


def port(text: str) -> int:
    """A port, 1 to 65535.

    Raises:
        ArgumentTypeError: it is none.
    """
    return _whole(text, 65535, "port")


def named_path(text: str) -> tuple[str, Path]:
    """A name and a path behind it: `small=models/small.onnx`.

    Raises:
        ArgumentTypeError: it is none.
    """
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no name with a file behind it: write small=models/small.onnx, for example"
        )
    return name, Path(path)


def duration(text: str) -> float:
    """A time in seconds, written as in the API: `90s`, `10m`, `1h30m`.

    Raises:
        ArgumentTypeError: it is none.
    """
    from modelway.api.duration import DURATION_PATTERN, time_of  # noqa: PLC0415 -- pydantic takes time to import

    if not text or not re.fullmatch(DURATION_PATTERN, text):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 90s, 10m or 1h30m, for example")
    return time_of(text).total_seconds()


def rate(text: str) -> float:
    """A number of requests a second, above 0.

    Raises:
        ArgumentTypeError: it is none.
    """
    number = float(text) if re.fullmatch(r"[0-9]{1,9}([.][0-9]{1,9})?", text) else 0.0
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate: requests a second, for example 20 or 0.5")
    return number


def share(text: str) -> float:
    """A share from 0 to 1, which is written in percent: `2%`.

    Raises:
        ArgumentTypeError: it is none.
    """
    percent = float(text[:-1]) if re.fullmatch(r"[0-9]{1,3}([.][0-9]{1,9})?%", text) else 0.0
    if not 0 < percent <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: above 0 and up to 100 percent, for example 2%")
    return percent / 100


def positive(text: str) -> int:
    """A whole number, 1 to 100000.

    Raises:
        ArgumentTypeError: it is none.
    """
    return _whole(text, 100_000, "such number")


def _whole(text: str, most: int, what: str) -> int:
    number = int(text) if re.fullmatch(f"[0-9]{{1,{len(str(most))}}}", text) else 0
    if not 1 <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no {what}: 1 to {most}")
    return number
