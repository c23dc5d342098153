"""W3C Trace Context: the trace that a request belongs to.

Source: W3C Recommendation "Trace Context", sections 3.2 and 3.3. A header that breaks its rules counts as none at all, as
it says; nothing is ever refused for it.
"""

import re
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

TRACE_ID: Final[ContextVar[str]] = ContextVar("trace_id", default="")
"""The trace of the current request; log lines name it."""

MAX_STATE: Final = 512
"""Characters of a `tracestate` that are kept; the specification asks for no more (section 3.3.1.5)."""
_TRACEPARENT: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The position of a request in a trace.

    Attributes:
        trace_id: 32 hexadecimal digits.
        parent_id: of the caller's span, 16 hexadecimal digits.
        sampled: whether the caller records the trace.
        state: what vendors add, unread; empty when there is none.
    """

    trace_id: str
    parent_id: str
    sampled: bool
    state: str = ""


def read_trace_context(traceparent: bytes, tracestate: bytes = b"") -> TraceContext | None:
    """The context in the two headers, or None when they hold none that is valid."""
    match = _TRACEPARENT.fullmatch(traceparent.strip())
    if match is None:
        return None
    version, trace_id, parent_id, flags, more = match.groups()
    if version == b"ff" or (version == b"00" and more) or not trace_id.strip(b"0") or not parent_id.strip(b"0"):
        return None
    state = tracestate.decode("latin-1").strip() if len(tracestate) <= MAX_STATE else ""
    return TraceContext(trace_id.decode(), parent_id.decode(), bool(int(flags, 16) & 1), state)
