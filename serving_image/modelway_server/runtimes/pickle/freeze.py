"""Make the arrays of a built model read-only: what was judged stays as it was.

A file may hold one array twice, or the bytes of one behind two arrays: in a matrix whose indices were looked at, and
where a step writes into what it is given (`out=`, `copy=False`). Answering writes into no array of a model.
"""

from typing import Any

import numpy as np
from scipy.interpolate import NdPPoly

from modelway_server.runtimes.pickle.held_callables import made_by
from modelway_server.runtimes.pickle.trace import Call, Node, Trace
from modelway_server.runtimes.pickle.walk import inside
from modelway_server.runtimes.trust import Trust


def freeze(trace: Trace, trust: Trust) -> None:
    """Make every array of a built trace read-only, but for those that objects of trusted classes alone hold."""
    if not isinstance(trace.root, Node):
        return
    seen = {id(trace.root)}
    waiting = [trace.root]
    while waiting:
        node = waiting.pop()
        _make_read_only(node.value)
        if isinstance(node, Call) and trust.covers(made_by(node)):
            continue
        for child in inside(node):
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)


def _make_read_only(value: Any) -> None:
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
        if isinstance(value, np.ma.MaskedArray):
            np.ma.getmaskarray(value).flags.writeable = False
    elif type(value) is NdPPoly:  # its compiled code wants arrays that may be written to: these nobody else has
        value.c, value.x = np.array(value.c), tuple(map(np.array, value.x))
