"""The commands by which a person steers a rollout."""

from modelway.cli.late_command import Commands, add_command
from modelway.cli.shared_arguments import add_cluster_arguments, add_name

_ORDERS = (
    (
        "promote",
        "let the revision on its way take over now",
        "End the analysis of a rollout, and let its candidate take the place of the stable revision now.",
    ),
    (
        "abort",
        "end a rollout, and keep the revision that serves",
        "End a rollout: the stable revision answers every request again. The candidate stays rolled back until the spec changes, or until retry.",
    ),
    (
        "retry",
        "roll a revision out again that was rolled back",
        "Begin the rollout of a revision that was rolled back or aborted anew, from its first step and without the counts of before.",
    ),
    (
        "pause",
        "hold a rollout where it is",
        "Hold a rollout at its present step. A candidate that is worse is still rolled back.",
    ),
    (
        "resume",
        "let a paused rollout go on",
        "Let a rollout go on that was paused by pause, or that waits after its timeout.",
    ),
)


def add_orders(commands: Commands) -> None:
    """Declare promote, abort, retry, pause and resume."""
    for action, help_, description in _ORDERS:
        command = add_command(commands, action, help_, description, module="order")
        command.set_defaults(action=action)
        add_name(command)
        add_cluster_arguments(command)
