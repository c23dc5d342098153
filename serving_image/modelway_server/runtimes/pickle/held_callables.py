"""Check what a model holds as data and calls when it answers: methods by name, members, functions on arrays."""

import re
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from modelway_server.runtimes.pickle.allowed_names import Kind, kinds
from modelway_server.runtimes.pickle.python_calls import acting_keyword
from modelway_server.runtimes.pickle.refusal import Rule, clip
from modelway_server.runtimes.pickle.substitutes import UNUSED
from modelway_server.runtimes.pickle.trace import Call, Dict, Global, Items, List, Node, Tuple, Value
from modelway_server.runtimes.pickle.values import makes_value, name_of
from modelway_server.runtimes.pickle.walk import arguments
from modelway_server.runtimes.trust import Trust

Check: TypeAlias = Callable[[str, Value, Trust], None]

_METHODS = frozenset(
    {
        "auto",
        "default",
        "decision_function",
        "predict",
        "predict_log_proba",
        "predict_proba",
        "score_samples",
        "transform",
    }
)
_PATH = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)*")
_CODEC = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_SCALARS = (np.generic, int, float, str, bool, complex, bytes)
_CALLABLE = ("functools.partial", "operator.itemgetter", "sklearn.metrics._dist_metrics.newObj")
_CALLABLE_CLASSES = (
    "numpy.poly1d",
    "numpy.polynomial.",
    "scipy.interpolate.",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.compose.make_column_selector",
    "sklearn.gaussian_process.kernels.",
)
_RECONSTRUCTOR = "copyreg._reconstructor"
"""Its arguments are a class, a base of the class, and the contents of the instance."""
_SELECTORS = frozenset(
    {"sklearn.compose._column_transformer.make_column_selector", "sklearn.compose.make_column_selector"}
)


class Fault(Exception):
    """A rule about instances refuses the file.

    Attributes:
        rule: the rule.
    """

    def __init__(self, rule: Rule, what: str) -> None:
        super().__init__(what)
        self.rule = rule


def check_callables(state: Dict, kind: type, trust: Trust) -> None:
    """Check the attributes of an instance by the rules about what it calls later.

    Args:
        state: its attributes.
        kind: its class.
        trust: names that are allowed beside the lists.

    Raises:
        Fault: an attribute names no method, holds no estimator or no listed function, or opens files that rows name.
    """
    reads_files = hasattr(kind, "build_analyzer")
    for key, value in state.pairs():
        if type(key) is not str:
            continue
        if key in _CHECKS:
            _CHECKS[key](key, value, trust)
        if reads_files and key == "input" and not (type(value) is str and value == "content"):
            raise Fault(
                Rule.FILES, f"the file sets input of {kind.__qualname__}, which then opens the files that rows name"
            )
        if reads_files and key == "encoding" and not (type(value) is str and _CODEC.fullmatch(value)):
            raise Fault(Rule.FILES, f"the file sets encoding of {kind.__qualname__} to what is no codec")


def _check_methods(key: str, value: Value, _: Trust) -> None:
    names = value.items if isinstance(value, Tuple | List) else [value]
    for name in names:
        if name is not None and not (type(name) is str and name in _METHODS):
            shown = clip(name) if isinstance(name, str) else "what is no text"
            raise Fault(Rule.METHODS, f"the file sets {key} to {shown}, which is no method of estimators")


def _check_getter(key: str, value: Value, trust: Trust) -> None:
    if isinstance(value, Node):
        _check_function(key, value, trust)
    elif not (value is None or (type(value) is str and len(value) <= 300 and _PATH.fullmatch(value))):
        raise Fault(Rule.METHODS, f"the file sets {key} to what leads to no attribute of an estimator")


def _check_keywords(key: str, value: Value, _: Trust) -> None:
    """Check the keywords of a function. None of them may make a listed function do more than compute."""
    if value is None:
        return
    if not isinstance(value, Dict):
        raise Fault(Rule.FUNCTIONS, f"the file sets {key} to what is no dictionary")
    if name := acting_keyword(value):
        raise Fault(
            Rule.FUNCTIONS, f"the file sets {name} in {key}, which does more than compute when the model is asked"
        )


def _check_function(key: str, value: Value, trust: Trust) -> None:
    """Check a function: a constant, a listed function, or an object that only computes when it is called."""
    if isinstance(value, Global):
        if not trust.covers(value.full) and not _is_function(value):
            raise Fault(Rule.FUNCTIONS, f"the file sets {key} to {clip(value.full)}, which is no function on arrays")
    elif isinstance(value, Call):
        name = maker_of(value)
        if not trust.covers(name) and name not in _CALLABLE and not name.startswith(_CALLABLE_CLASSES):
            raise Fault(
                Rule.FUNCTIONS, f"the file sets {key} to an object of {clip(name)}, which is no function on arrays"
            )


def _is_function(value: Global) -> bool:
    if value.full in UNUSED or (Kind.FUNCTION not in kinds(value.full) and not isinstance(value.value, type)):
        return False
    return not isinstance(value.value, type) or issubclass(value.value, _SCALARS)


def maker_of(call: Call) -> str:
    """Return the name of the class of which a call makes an instance, or of the function that it calls."""
    name = name_of(call.function)
    return name_of(next(iter(arguments(call)), None)) if name.startswith("copyreg.") else name


def _check_members(key: str, value: Value, trust: Trust) -> None:
    """Check that members are estimators, in any containers, with names, columns and 'passthrough' beside them."""
    selects = key.startswith("transformers")  # a function may choose columns there
    ids: set[int] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if not isinstance(item, Node) or id(item) in ids:
            continue
        ids.add(id(item))
        if isinstance(item, Items | Dict):
            waiting += item.items
        elif isinstance(item, Call):
            waiting += _contents_of(key, item, trust)
        elif isinstance(item, Global) and not trust.covers(item.full) and not (selects and _is_function(item)):
            raise Fault(Rule.MEMBERS, f"the file holds {clip(item.full)} in {key}, which is no estimator")


def _contents_of(key: str, call: Call, trust: Trust) -> list[Value]:
    """Return the contents of a member that is a container. An estimator gives none, since it is judged by itself."""
    name = maker_of(call)
    if trust.covers(name) or makes_value(call) or name in _SELECTORS or name.startswith("scipy.stats."):
        return []
    if key.startswith("transformers") and name.startswith("pandas."):
        return []  # the columns that a transformer takes, as an index
    if name.endswith("._reconstruct"):
        return [call.state]
    if name.endswith("._frombuffer"):
        return []
    kind = _class_of(call)
    if kind is not None and (issubclass(kind, tuple) or (issubclass(kind, dict) and key.startswith("named_"))):
        contents = arguments(call)[2:] if name_of(call.function) == _RECONSTRUCTOR else arguments(call)
        return [*(call.items or ()), *contents]
    if kind is None or not any(hasattr(kind, method) for method in ("fit", *_METHODS)):
        raise Fault(Rule.MEMBERS, f"the file holds an object of {clip(name)} in {key}, which is no estimator")
    return []


def _class_of(call: Call) -> type | None:
    function = call.function
    if isinstance(function, Global) and function.full.startswith("copyreg."):
        function = next(iter(arguments(call)), None)
    value = getattr(function, "value", None)
    return value if isinstance(value, type) else None


_CHECKS: dict[str, Check] = {
    **dict.fromkeys(
        ("_response_method", "chain_method", "chain_method_", "response_method", "stack_method", "stack_method_"),
        _check_methods,
    ),
    "importance_getter": _check_getter,
    **dict.fromkeys(
        ("effective_metric_params_", "inv_kw_args", "kernel_params", "kw_args", "metric_params"), _check_keywords
    ),
    **dict.fromkeys(
        (
            "_score_func",
            "analyzer",
            "func",
            "inverse_func",
            "kernel",
            "metric",
            "preprocessor",
            "score_func",
            "tokenizer",
        ),
        _check_function,
    ),
    **dict.fromkeys(
        (
            "base_estimator",
            "base_estimator_",
            "best_estimator_",
            "calibrated_classifiers_",
            "estimator",
            "estimator_",
            "estimators",
            "estimators_",
            "final_estimator",
            "final_estimator_",
            "init_",
            "named_estimators",
            "named_estimators_",
            "remainder",
            "regressor",
            "regressor_",
            "steps",
            "transformer",
            "transformer_",
            "transformer_list",
            "transformers",
            "transformers_",
        ),
        _check_members,
    ),
}
