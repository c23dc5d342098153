"""The methods of a model that the outputs of a request ask for.

A request names an output by its method or, if the method has several outputs, by the output's own name.
"""

from collections.abc import Mapping

from modelway_server.contract.signature import Signature
from modelway_server.errors import MalformedRequest


def requested_methods(
    outputs: Mapping[str, int], methods: tuple[str, ...], signature: Signature
) -> tuple[Mapping[str, int], frozenset[str] | None]:
    """The methods that outputs ask for, and the names of the arrays among theirs that are wanted; None for all.

    Args:
        outputs: how many of the best classes each shall tell (0: all scores), by its name; empty for the default.
        methods: what the model can be asked for, the default first.
        signature: the model's.

    Raises:
        MalformedRequest: there is no such output, or one method is asked for different numbers of best classes.
    """
    if not outputs:
        return {methods[0]: 0}, None
    if outputs.keys() <= set(methods):
        return outputs, None
    requested: dict[str, int] = {}
    for index, (name, best) in enumerate(outputs.items()):
        method = _method_of(name, methods, signature, f"outputs[{index}].name")
        if requested.setdefault(method, best) != best:
            raise MalformedRequest(
                f"all outputs of {method} must ask for the same number of best classes", field=f"outputs[{index}]"
            )
    return requested, requested_arrays(frozenset(outputs), signature)


def requested_arrays(names: frozenset[str] | None, signature: Signature) -> frozenset[str] | None:
    """The names of the arrays that are asked for, each by its method's name or its own; None stands for all."""
    if not names:
        return names
    arrays_of = {method: [output.name for output in outputs] for method, outputs in signature.outputs.items()}
    return frozenset(array for name in names for array in arrays_of.get(name, [name]))


def _method_of(name: str, methods: tuple[str, ...], signature: Signature, field: str) -> str:
    for method in methods:
        if name == method or any(output.name == name for output in signature.outputs[method]):
            return method
    raise MalformedRequest(f"the model has no output {name!r}; it has {', '.join(methods)}", field=field)
