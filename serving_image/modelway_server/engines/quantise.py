"""Keep the weights of an ONNX graph in 8 bits, by onnxruntime's own tools.

Weights become unsigned: their products with the unsigned activations are exact on every processor. Of signed ones, a
processor without the newer instructions (VNNI) cuts large sums, so that a pod could answer otherwise than the one that
was proved. Convolutions with signed weights are not implemented at all.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from onnx import ModelProto
from onnxruntime.quantization import QuantType, quantize_dynamic

from modelway_server.errors import NothingToQuantise, describe

_SUFFIX = "_quantized"
"""What onnxruntime adds to the name of a weight."""


def quantise(model: ModelProto) -> tuple[bytes, int]:
    """The graph with 8-bit weights, serialized, and how many of its weights have become so.

    Args:
        model: the whole graph; it is changed.

    Raises:
        NothingToQuantise: there are none that can, or onnxruntime fails.
    """
    try:
        with TemporaryDirectory() as folder, _silence():
            target = Path(folder) / "quantised.onnx"
            quantize_dynamic(model, target, per_channel=True, weight_type=QuantType.QUInt8)
            content = target.read_bytes()
    except OSError:
        raise
    except Exception as error:  # the tools raise anything
        raise NothingToQuantise(f"onnxruntime cannot keep its weights in 8 bits: {describe(error)}") from error
    weights = [each for each in onnx.load_from_string(content).graph.initializer if each.name.endswith(_SUFFIX)]
    return content, len(weights)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep advice of onnxruntime's tools, which is written for their user, out of the log."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
