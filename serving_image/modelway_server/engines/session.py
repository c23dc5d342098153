"""Open sessions of onnxruntime without threads, so that they survive the fork of worker processes."""

import onnxruntime

_QUIET = 3
"""Log only errors, since the messages of onnxruntime are not written for users."""


def open_session(graph: bytes) -> onnxruntime.InferenceSession:
    """Open a session of an ONNX model that runs on the CPU, in the caller's thread.

    Several threads cost a small request more than they save. A pool of threads does not survive a fork. With one thread,
    sums over trees keep their order. The server's workers run in parallel instead.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
