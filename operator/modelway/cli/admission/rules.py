"""The rules of a schema in CEL, evaluated by Google's own implementation with the functions that Kubernetes adds.

`self` has no declared type here: what the API server refuses for its type has been refused before a rule sees it.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_strings

from modelway.api.schema import VALIDATIONS, Schema
from modelway.cli.admission import quantities
from modelway.cli.admission.structural import below
from modelway.errors import Problem

_KEY = re.compile(r"\['([^']+)'\]")
"""A key of a map, in the path of a field."""


def broken_rules(value: Any, schema: Schema, path: str, broken: frozenset[str]) -> Iterator[Problem]:
    """The rules that a completed value breaks, those of its parts first.

    Args:
        value: what the schema is about, `without_nul`.
        schema: with rules in `x-kubernetes-validations`.
        path: where the value stands.
        broken: paths at which types and bounds are broken: no rule is asked about what holds one of them, but for the object as a whole,
            whose rules read nothing but its name; "" says that they cannot.
    """
    if isinstance(value, Mapping):
        properties, rest = schema.get("properties", {}), schema.get("additionalProperties", {})
        for name, item in value.items():
            yield from broken_rules(item, properties.get(name, rest), below(path, name), broken)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from broken_rules(item, schema.get("items", {}), below(path, index), broken)
    if not any(one == path or (path and one.startswith((f"{path}.", f"{path}["))) for one in broken):
        yield from (problem for rule in schema.get(VALIDATIONS, ()) for problem in _judge(rule, value, path))


@lru_cache(4096)
def matches(text: str, pattern: str) -> bool:
    """Whether a text matches a pattern of RE2, anywhere."""
    return bool(_evaluate("self.text.matches(self.pattern)", {"text": without_nul(text), "pattern": pattern}))


def without_nul(value: Any) -> Any:
    """The value with another control character for each NUL, at which the library would cut a text off."""
    if isinstance(value, str):
        return value.replace("\0", "\1")
    if isinstance(value, Mapping):
        return {without_nul(name): without_nul(item) for name, item in value.items()}
    return [without_nul(item) for item in value] if isinstance(value, list) else value


def _judge(rule: Mapping[str, str], value: Any, path: str) -> Iterator[Problem]:
    if _evaluate(rule["rule"], value) is True:
        return
    expression = rule.get("messageExpression")
    message = _evaluate(expression, value) if expression else rule.get("message")
    below = _KEY.sub(r".\1", rule.get("fieldPath", ""))
    yield Problem(f"{path}{below}", str(message or f"failed rule: {rule['rule']}"))


def _evaluate(expression: str, value: Any) -> Any:
    """The plain value of an expression; None where it has no value, as when it looks for a key that is not there."""
    result = _compile(expression).eval(data={"self": value})
    return None if result.type() == cel.Type.ERROR else result.plain_value()


@cache
def _compile(expression: str) -> Any:
    return _environment().compile(expression)


@cache
def _environment() -> Any:
    text, truth, number = cel.Type.STRING, cel.Type.BOOL, cel.Type.INT
    quantity = cel.Type.MAP
    functions = [
        _function("isQuantity", truth, [text], quantities.is_quantity),
        # A map of one entry stands for Kubernetes' own type: a text would have the methods of texts.
        _function("quantity", quantity, [text], lambda it: {"quantity": it}),
        _function("sum", number, [cel.Type.LIST], sum, is_member=True),  # of whole numbers; Kubernetes has others, too
        _method("compareTo", number, quantity, quantities.compare),
        _method("isGreaterThan", truth, quantity, lambda a, b: quantities.compare(a, b) > 0),
        _method("isLessThan", truth, quantity, lambda a, b: quantities.compare(a, b) < 0),
    ]
    extensions = [ext_strings.ExtStrings(), cel.CelExtension("kubernetes", functions)]
    return cel.NewEnv(variables={"self": cel.Type.DYN}, extensions=extensions)


def _function(name: str, returned: Any, parameters: list[Any], judge: Any, *, is_member: bool = False) -> Any:
    overload = cel.Overload(
        f"kubernetes_{name}", return_type=returned, parameters=parameters, is_member=is_member, impl=judge
    )
    return cel.FunctionDecl(name, [overload])


def _method(name: str, returned: Any, quantity: Any, judge: Any) -> Any:
    return _function(
        name,
        returned,
        [quantity, quantity],
        lambda left, right: judge(left["quantity"], right["quantity"]),
        is_member=True,
    )
