"""Numbers, shares and times in words. Pure."""

from datetime import timedelta


def counted(number: int, noun: str) -> str:
    """`1 pod`, `2 pods`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def percent(share: float) -> str:
    """A share from 0 to 1 with three significant digits: `4.8%`, `0.1%`."""
    return f"{share * 100:.3g}%" if share < 1 else f"{share * 100:.0f}%"


def length(time: timedelta) -> str:
    """A length of time by its two largest units: `2 min 5 s`, `3 h`; less than a second is `0 s`."""
    seconds = max(0, round(time.total_seconds()))
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    largest = next((index for index, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number} {unit}" for number, unit in parts[largest : largest + 2] if number) or "0 s"


def about(time: timedelta) -> str:
    """A length of time that is an estimate, in its largest unit with two digits: `3 h`, `1.5 h`, `40 min`."""
    seconds = max(0.0, time.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{two_digits(seconds / size)} {unit}"
    return f"{round(seconds)} s"


def two_digits(number: float) -> str:
    """A number that is an estimate, with two digits that count: `2400`, `37`, `1.5`."""
    return f"{float(f'{number:.2g}'):.0f}" if number >= 10 else f"{float(f'{number:.2g}'):g}"
