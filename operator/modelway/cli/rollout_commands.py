"""The commands by which a person steers a rollout, and tries one before anything is deployed."""

from pathlib import Path

from modelway.cli import argument_types
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


def add_rollout(commands: Commands) -> None:
    """Declare what is about rollouts without a cluster."""
    rollout = commands.add_parser(
        "rollout",
        help="say beforehand how a rollout would go",
        description="Say how the rollout of a ModelDeployment would go, before anything is deployed.",
    )
    _add_simulate(rollout.add_subparsers(required=True, metavar="command"))


def _add_simulate(commands: Commands) -> None:
    command = add_command(
        commands,
        "simulate",
        "say when a rollout would promote or roll back",
        "Simulate rollouts of the ModelDeployment of a file with drawn requests, by the code that the operator runs: when would they promote or roll "
        "back, how many requests would the candidate get, what would clients see? Exit status: 0 promoted, 1 rolled back, 2 wrong usage, "
        "3 no verdict, or not the same in 95 of 100.",
        module="rollout_simulate",
    )
    command.add_argument(
        "-f", "--filename", required=True, help="YAML file with ModelDeployments; - reads standard input"
    )
    command.add_argument("-n", "--namespace", default="default", help="for documents that name none (default: default)")
    command.add_argument("--name", help="which ModelDeployment, where the file holds several")
    traffic = command.add_mutually_exclusive_group()
    traffic.add_argument(
        "--rate", type=argument_types.rate, default=20.0, help="requests a second of all clients (default: 20)"
    )
    traffic.add_argument(
        "--counts",
        type=Path,
        metavar="FILE",
        help="take the requests from a CSV file of counts by time; it begins anew at its end",
    )
    command.add_argument(
        "--fault",
        choices=("none", "failing", "slow", "wrong", "segment"),
        default="none",
        help="what is wrong with the candidate (default: none)",
    )
    command.add_argument(
        "--share",
        type=argument_types.share,
        help="with how much of its answers, for example 2%% (default: failing 100%%, slow 8%%, wrong 20%%, segment 3%%)",
    )
    command.add_argument(
        "--runs", type=argument_types.positive, default=100, help="how many rollouts to simulate (default: 100)"
    )
    command.add_argument(
        "--seed", type=int, default=0, help="of the draws: the same one gives the same figures (default: 0)"
    )
    command.add_argument("-o", "--output", choices=("text", "json"), default="text", help="format (default: text)")
