"""Sessions of onnxruntime for a server of several processes: without threads, so that they survive a fork."""

import onnxruntime

_QUIET = 3
"""Log errors only: the messages of onnxruntime are not written for users."""


def open_session(graph: bytes) -> onnxruntime.InferenceSession:
    """A session of an ONNX model, on the CPU, with one thread: the caller's.

    A small request loses more by several threads than it wins, a pool of threads does not survive a fork, and sums over
    trees keep their order. What runs in parallel are the server's workers.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
