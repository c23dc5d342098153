"""What a model holds as data and calls when it is asked: methods by name, members, functions on arrays."""

from modelway_server.runtimes.pickle.refusal import Rule
from modelway_server.runtimes.pickle.trace import Call
from modelway_server.runtimes.trust import Trust


class Fault(Exception):
    """What a rule about instances refuses.

    Attributes:
        rule: the rule.
    """

    def __init__(self, rule: Rule, what: str) -> None:
        super().__init__(what)
        self.rule = rule


def check_held(node: Call, made: type, trust: Trust) -> None:
    """Hold the state of an instance to the rules about what it calls later."""
