"""Make the arrays of a built model read-only, so that what was judged stays as it was.

A file may use one array, or its bytes, in two places: in a matrix whose indices were checked, and where a step writes
into its input (`out=`, `copy=False`). An honest model writes into none of its arrays when it answers.
"""

from typing import Any

import numpy as np
from scipy.interpolate import NdPPoly

from modelway_server.runtimes.pickle.held_callables import maker_of
from modelway_server.runtimes.pickle.trace import Call, Node, Trace
from modelway_server.runtimes.pickle.walk import inside
from modelway_server.runtimes.trust import Trust


def freeze(trace: Trace, trust: Trust) -> None:
    """Make every array of a built trace read-only, except those that only objects of trusted classes hold."""
    if not isinstance(trace.root, Node):
        return
    ids = {id(trace.root)}
    waiting = [trace.root]
    while waiting:
        node = waiting.pop()
        _make_read_only(node.value)
        if isinstance(node, Call) and trust.covers(maker_of(node)):
            continue
        for child in inside(node):
            if id(child) not in ids:
                ids.add(id(child))
                waiting.append(child)


def _make_read_only(value: Any) -> None:
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
        if isinstance(value, np.ma.MaskedArray):
            np.ma.getmaskarray(value).flags.writeable = False
    elif type(value) is NdPPoly:  # its compiled code takes only writable arrays, so it gets copies
        value.c, value.x = np.array(value.c), tuple(map(np.array, value.x))
