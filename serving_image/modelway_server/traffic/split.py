"""Which requests go to the candidate: an exact share by counting, or the same share of a header's values.

Counting is exact: of N requests, the candidate gets a number within 1 of its share, whatever share it had before.
"""

from hashlib import blake2b

from modelway_server.traffic.document import WHOLE

_PLACES = 1 << 64


def count_on(owed: int, share: int) -> tuple[int, bool]:
    """Count one request: what the candidate is owed from now on, and whether it gets this one.

    Args:
        owed: to the candidate by the requests before, in thousandths of a percent of one; 0 at the beginning.
        share: of the candidate, likewise; 0 to WHOLE.
    """
    owed += share
    return (owed - WHOLE, True) if owed >= WHOLE else (owed, False)


def is_chosen(value: bytes, candidate: str, share: int) -> bool:
    """Whether requests with this value of a header go to the candidate.

    The same value always gets the same answer for the same candidate and share. A larger share keeps those that had
    been chosen. Each candidate has its own choice, so nobody is always the first to meet a new revision.

    Args:
        value: of the header.
        candidate: hash of its revision.
        share: of the candidate, in thousandths of a percent.
    """
    place = int.from_bytes(blake2b(value, digest_size=8, key=candidate.encode()[:64]).digest(), "big")
    return place * WHOLE < share * _PLACES
