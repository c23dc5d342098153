"""Whether the candidate's answer to a request says what the stable one says: unpacked within bounds, decoded, compared, counted."""

from collections.abc import Callable, Mapping
from typing import Final

from modelway_server.errors import ModelwayServerError
from modelway_server.protocol.compression import CODINGS, inflate
from modelway_server.traffic.answers import Decode, Undecodable
from modelway_server.traffic.comparison import Agreement, Sizes, compare
from modelway_server.traffic.shared import Count
from modelway_server.traffic.wire import CandidateAnswer

TIMES_LARGER: Final = 4
BYTES_LARGER: Final = 64 * 1024
"""An answer that has so many times the bytes of the stable one, and so many more, says something else."""

CountOne = Callable[..., None]


def agreement_of(
    decode: Decode,
    own: tuple[bytes, Mapping[bytes, bytes]],
    answer: CandidateAnswer,
    tolerance: float,
    sizes: Sizes,
) -> Agreement | None:
    """How many rows of two answers agree; None where the stable one cannot be read.

    Args:
        decode: of the protocol that was asked.
        own: the body and the headers of the stable answer.
        answer: of the candidate.
        tolerance: by which numbers may differ.
        sizes: of the stable numbers so far.
    """
    try:
        stable = decode(*own)
    except Undecodable:
        return None
    try:
        plain = _unpack(answer, TIMES_LARGER * len(own[0]) + BYTES_LARGER)
        candidate = decode(plain.body, plain.headers)
    except Undecodable:
        candidate = []
    return compare(stable, candidate, tolerance, sizes)


def count_agreement(count: CountOne, agreement: Agreement) -> None:
    """Count a request that was compared: a trial, however many rows it has."""
    count(Count.DISAGREEMENT_TRIALS)
    count(Count.DISAGREEMENT_BAD, int(agreement.disagree > 0))
    count(Count.ROWS_AGREE, agreement.agree)
    count(Count.ROWS_DISAGREE, agreement.disagree)


def _unpack(answer: CandidateAnswer, most: int) -> CandidateAnswer:
    """An answer without its coding.

    Args:
        answer: of the candidate.
        most: bytes that it may have.

    Raises:
        Undecodable: it has more, or is not of its coding.
    """
    headers = dict(answer.headers)
    coding, body = headers.pop(b"content-encoding", b"").decode("latin-1"), answer.body
    if coding:
        if coding not in CODINGS:
            raise Undecodable(f"no known coding: {coding!r:.40}")
        try:
            body = inflate(coding, most, body)
        except ModelwayServerError as error:
            raise Undecodable(str(error)) from error
    if len(body) > most:
        raise Undecodable(f"more than {most} bytes")
    return CandidateAnswer(answer.status, headers, body)
