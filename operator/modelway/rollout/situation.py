"""What the planner looks at, as values: a pass of the operator fills them from the cluster, a simulation from its own world. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from modelway.api.orders import Order
from modelway.api.rollout import Rollout
from modelway.rollout.measures import Evidence
from modelway.rollout.metrics import Reading
from modelway.rollout.replay import ReplayReport


@dataclass(frozen=True, slots=True)
class Main:
    """The Deployment that serves under the name of the ModelDeployment."""

    revision: str | None
    """That of its pod template; None where there is no Deployment."""
    is_rolled_out: bool = False
    """Whether all its pods are of this revision and serve."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The pods of the candidate."""

    ready: int = 0
    """Those of the candidate's own revision that serve; none while its Service still has pods of another one, whose answers would count."""
    failure: str = ""
    """Why they cannot serve, with what to do, where that will not pass by itself: a crash loop, say."""
    hindrance: str = ""
    """The same where it may pass by itself: no node has room, say."""


@dataclass(frozen=True, slots=True)
class StablePods:
    """The stable pods that serve, and what they say of the traffic."""

    total: int = 0
    honouring: int = 0
    """Those that keep to the weight and the share of copies that the state asks for."""
    stopped: int = 0
    """Those that hand over nothing any more, because the candidate fails."""
    silent: int = 0
    """Those that do not answer the operator."""


@dataclass(frozen=True, slots=True)
class Route:
    """How a Gateway divides requests, where the spec has it do so."""

    follows: bool = True
    """Whether its controller says that it follows the route with the share that the state asks for."""
    why: str = ""
    """Why it does not, with what to do, where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A ModelDeployment and its pods at one moment, as far as a rollout is about them."""

    rollout: Rollout
    """As the spec asks for it; `Rollout()` where it says nothing."""
    wanted: str
    """The revision that the spec asks for."""
    is_accepted: bool = True
    """Whether pods may serve it: no preflight has it on trial, or refused it."""
    stable: str | None
    """The last revision that served all requests; None before the first."""
    main: Main
    size: int
    """How many pods the main Deployment is to have at present."""
    candidate: Candidate = Candidate()
    behind: str | None = None
    """A revision whose candidate stays while a Gateway may send it requests, so that this candidate has no pods yet; None where none does."""
    pods: StablePods = StablePods()
    evidence: Evidence = field(default_factory=dict)
    """What was counted of clients' requests since the rollout began, over all pods, those gone included: `counts` keeps it."""
    replay: ReplayReport | None = None
    """What the Job that asks known rows says; None while there is nothing to say."""
    readings: Mapping[str, Reading] = field(default_factory=dict)
    """What the sources of the spec's metrics said last, by the name of the metric."""
    unreachable: int = 0
    """Requests that stable pods could not bring to the candidate."""
    route: Route = Route()
    order: Order | None = None
    is_suspended: bool = False
    patience: timedelta
    """How long the candidate may lack ready pods."""
