"""Find where a converter's graph computes in float32, or loses digits in differences.

A graph that takes and gives float64 may still compute in float32 in between. Most operators of `ai.onnx.ml` hold their
constants in float32, and have no other output. Sample rows far from the training data would not show it.

Source: ONNX, the type constraints of its operators (`onnx.defs`).
"""

from collections.abc import Iterator, Mapping

from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, defs, numpy_helper, shape_inference

MAX_NAMED = 3
"""Operators that a reason names at most."""
_WIDE = "tensor(double)"
_NARROW = {"tensor(float)", "seq(map(int64,tensor(float)))", "seq(map(string,tensor(float)))"}
_WITHOUT_ARITHMETIC = {"Constant", "ConstantOfShape"}
"""Operators whose values are checked instead."""
_HANDS_ON = {"Cast", "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"}
_MAY_CANCEL = {"Add", "Sub", "Sum", "Gemm"}


def find_inexact(model: ModelProto) -> str | None:
    """Say why a graph does not compute as float64 would, as a clause; None if it does.

    Args:
        model: a graph that a converter made.
    """
    operators = sorted(set(_operators_in_single(model)))
    if operators:
        return f"its graph computes in float32 ({', '.join(operators[:MAX_NAMED])})"
    if _roots_of_differences(model):
        return "its graph takes square roots of differences, which are no numbers where both sides are equal"
    return None


def _operators_in_single(model: ModelProto) -> Iterator[str]:
    """Yield the operators that compute in float32, and the constants in float32."""
    types = _types(model)
    versions = {each.domain: each.version for each in model.opset_import}
    for constant in model.graph.initializer:
        if _is_rounded(constant):
            yield constant.name
    for node in model.graph.node:
        is_narrow = node.op_type not in _WITHOUT_ARITHMETIC and any(
            types.get(name) == TensorProto.FLOAT for name in node.output
        )
        if is_narrow or not _knows_double(node, versions) or any(map(_holds_rounded, node.attribute)):
            yield node.op_type


def _types(model: ModelProto) -> Mapping[str, int]:
    inferred = shape_inference.infer_shapes(model).graph
    known = [*inferred.input, *inferred.value_info, *inferred.output]
    return {value.name: value.type.tensor_type.elem_type for value in known}


def _knows_double(node: NodeProto, versions: Mapping[str, int]) -> bool:
    """Whether the constraints on an operator's types allow float64 for every output."""
    try:
        schema = defs.get_schema(node.op_type, versions.get(node.domain, 1), node.domain)
    except defs.SchemaError:  # an operator of another standard
        return False
    return not any(set(output.types) & _NARROW and _WIDE not in output.types for output in schema.outputs)


def _holds_rounded(attribute: AttributeProto) -> bool:
    match attribute.type:
        case AttributeProto.FLOAT:
            return not float(attribute.f).is_integer()
        case AttributeProto.FLOATS:
            return not all(float(value).is_integer() for value in attribute.floats)
        case AttributeProto.TENSOR:
            return _is_rounded(attribute.t)
        case _:
            return False


def _is_rounded(constant: TensorProto) -> bool:
    """Whether a constant is in float32 and not all whole numbers, which float32 holds exactly."""
    if constant.data_type != TensorProto.FLOAT:
        return False
    values = numpy_helper.to_array(constant)
    return not bool((values == values.round()).all())


def _roots_of_differences(model: ModelProto) -> bool:
    """Whether the graph takes the square root of a sum that may fall below zero, such as |x|^2 - 2xy + |y|^2."""
    makers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        maker = makers.get(node.input[0]) if node.op_type == "Sqrt" else None
        while maker is not None and maker.op_type in _HANDS_ON:
            maker = makers.get(maker.input[0])
        if maker is not None and maker.op_type in _MAY_CANCEL:
            return True
    return False
