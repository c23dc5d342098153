"""What belongs to somebody else is never written to, and looking at it again costs no write."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cluster import kinds
from modelway.cluster.apply import Applier
from modelway.cluster.cache import Cache
from modelway.cluster.child_writes import UNBORN
from modelway.cluster.kinds import Kind
from modelway.cluster.repairs.backoff import QUICK_REPAIRS
from modelway.cluster.repairs.refusals import FIRST_PAUSE
from modelway.cluster.served_kinds import ServedKinds
from modelway.desired.evidence import Evidence
from modelway.desired.plan import make_plan
from modelway.errors import ChildContested, ClusterError, KindNotServed, ModelwayError, NameConflict, RetryLater
from modelway.metrics import Metrics
from modelway.observed import Key
from modelway.patience import PATIENCE_SECONDS
from modelway.settings import Settings
from support.operator.observed import KEY, UID
from support.operator.specs import manifest

CHILDREN = 4
OURS = {"ownerReferences": [{"controller": True, "kind": "ModelDeployment", "name": KEY.name, "uid": UID}], "uid": "u"}


class _Server:
    """Makes every object, but for those of one kind, whose name it holds already.

    Args:
        stored: the kind, and the metadata of the object that it holds.
        strict: whether nothing is made that carries a resourceVersion.
        slow: a kind that is made only once all others were.
        hanging: the kinds over which no answer comes.
        refused: the kinds that are refused.
        absent: the kinds that are not served.
    """

    def __init__(
        self,
        *stored: Any,
        strict: bool = False,
        slow: Kind | None = None,
        hanging: tuple[Kind, ...] = (),
        refused: tuple[Kind, ...] = (),
        absent: tuple[Kind, ...] = (),
    ) -> None:
        self.stored: Mapping[Kind, Mapping[str, Any]] = dict([stored]) if stored else {}
        self.strict = strict
        self.slow = slow
        self.hanging = hanging
        self.refused = refused
        self.absent = absent
        self.tries: list[str] = []
        """The kinds of all writes, refused ones included."""
        self.sent: list[tuple[str, bool, Mapping[str, str]]] = []
        self._all_others = asyncio.Event()

    async def apply(self, kind: Kind, body: dict[str, Any], *, force: bool, **_: Any) -> dict[str, Any]:
        self.tries.append(kind.name)
        metadata = body["metadata"]
        identity = {name: metadata[name] for name in ("uid", "resourceVersion") if name in metadata}
        self._require(kind)
        if kind in self.refused:
            raise ClusterError("no", status=403)
        if kind in self.hanging:
            await asyncio.Event().wait()
        if kind is self.slow:
            await asyncio.wait_for(self._all_others.wait(), timeout=5)
        self.sent.append((kind.name, force, identity))
        if len(self.sent) == CHILDREN - 1:
            self._all_others.set()
        if kind in self.stored and metadata.get("uid") != self.stored[kind]["uid"]:
            raise ClusterError("taken", status=409)
        if self.strict and "resourceVersion" in identity:
            raise ClusterError("no such version", status=409)
        return {**body, "metadata": {**metadata, "uid": "u", "resourceVersion": "7"}}

    async def metadata_of(self, kind: Kind, *_: str) -> Mapping[str, Any] | None:
        return self.stored.get(kind)

    async def get(self, *_: object) -> None:
        """Nothing is found that could tell who changed it."""

    async def sample(self, kind: Kind, _: str | None) -> None:
        self._require(kind)

    def _require(self, kind: Kind) -> None:
        if kind in self.absent:
            raise ClusterError("the server could not find the requested resource", status=404)


def _pass(applier: Applier, cache: Cache, *, spares_refused: bool = False) -> None:
    observed = cache.observe(Key(*KEY))
    assert observed is not None
    plan = make_plan(ModelDeployment.parse(observed.owner.document), observed, Settings())
    asyncio.run(applier.carry_out(plan, observed, spares_refused=spares_refused))


@pytest.fixture
def cache() -> Cache:
    known = Cache()
    _store_owner(known, 1)
    return known


def test_a_new_child_is_created_by_one_unforced_apply(cache: Cache) -> None:
    server = _Server()
    _pass(Applier(server, cache, Metrics()), cache)  # type: ignore[arg-type]
    assert len(server.sent) == CHILDREN
    assert all((force, identity) == (False, {"resourceVersion": UNBORN}) for _, force, identity in server.sent)


def test_no_deployment_is_created_while_the_service_is_foreign(cache: Cache) -> None:
    server = _Server(kinds.SERVICE, {"uid": "theirs"})
    applier = Applier(server, cache, Metrics())  # type: ignore[arg-type]
    for _ in range(3):
        with pytest.raises(NameConflict, match="Service fraud exists"):
            _pass(applier, cache)
    assert {kind for kind, _, _ in server.sent} == {"ControllerRevision"}
    server.stored = {}
    _pass(applier, cache)
    assert {"Deployment", "Service"} <= {kind for kind, _, _ in server.sent}


@pytest.mark.parametrize(("accepted", "written"), [(True, {"Service"}), (False, {"Service", "Deployment"})])
def test_no_pods_run_before_what_proves_them_is_recorded(cache: Cache, written: set[str], *, accepted: bool) -> None:
    """Beside a refused revision the one before is kept in place, whether that is recorded or not."""
    server = _Server(refused=(kinds.REVISION,))
    observed = cache.observe(Key(*KEY))
    assert observed is not None
    evidence = Evidence(accepted=accepted, reason="Proved", digest="sha256:a")
    plan = make_plan(ModelDeployment.parse(observed.owner.document), observed, Settings(), evidence=evidence)
    with pytest.raises(ClusterError):
        asyncio.run(Applier(server, cache, Metrics()).carry_out(plan, observed))  # type: ignore[arg-type]
    sent = {kind for kind, _, _ in server.sent}
    assert sent - {"PodDisruptionBudget"} == written


def test_a_foreign_object_is_applied_once_and_then_only_read(cache: Cache) -> None:
    server = _Server(kinds.DEPLOYMENT, {"uid": "theirs"})
    applier = Applier(server, cache, Metrics())  # type: ignore[arg-type]
    for _ in range(3):
        with pytest.raises(NameConflict, match="Deployment fraud exists"):
            _pass(applier, cache)
    assert [kind for kind, _, _ in server.sent].count("Deployment") == 1
    server.stored = {}
    _pass(applier, cache)
    assert server.sent[-1][0] == "PodDisruptionBudget"


def test_no_child_waits_for_a_slow_service(cache: Cache) -> None:
    server = _Server(slow=kinds.SERVICE)
    _pass(Applier(server, cache, Metrics()), cache)  # type: ignore[arg-type]
    assert [kind for kind, _, _ in server.sent] == [
        "ControllerRevision",
        "Deployment",
        "PodDisruptionBudget",
        "Service",
    ]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little time to carry a plan out."""
    monkeypatch.setattr("modelway.cluster.apply.LONGEST_SECONDS", 0.05)


@pytest.mark.usefixtures("impatient")
def test_a_refusal_is_raised_although_another_child_hangs(cache: Cache) -> None:
    server = _Server(refused=(kinds.SERVICE,), hanging=(kinds.DEPLOYMENT,))
    with pytest.raises(ClusterError, match="no") as error:
        _pass(Applier(server, cache, Metrics()), cache)  # type: ignore[arg-type]
    assert error.value.child == "Service fraud"


@pytest.mark.usefixtures("impatient")
def test_a_plan_with_hanging_children_times_out(cache: Cache) -> None:
    server = _Server(hanging=(kinds.REVISION, kinds.DEPLOYMENT))
    with pytest.raises(RetryLater, match="took longer"):
        _pass(Applier(server, cache, Metrics()), cache)  # type: ignore[arg-type]


def test_an_owned_child_missing_from_the_cache_is_repaired(cache: Cache) -> None:
    server = _Server(kinds.SERVICE, OURS)
    _pass(Applier(server, cache, Metrics()), cache)  # type: ignore[arg-type]
    assert ("Service", True, {"uid": "u"}) in server.sent


def test_a_server_that_rejects_versions_is_sent_none(cache: Cache) -> None:
    server = _Server(strict=True)
    _pass(Applier(server, cache, Metrics()), cache)  # type: ignore[arg-type]
    assert [(force, identity) for _, force, identity in server.sent].count((False, {})) == CHILDREN


def _store_owner(cache: Cache, generation: int, **spec: Any) -> None:
    identity = {"name": KEY.name, "namespace": KEY.namespace, "uid": UID}
    metadata = {**identity, "generation": generation, "resourceVersion": str(4 + generation)}
    cache.store(kinds.OWNER, {**manifest(KEY.name, **spec), "metadata": metadata})


def _scale(cache: Cache) -> None:
    _store_owner(cache, 2, scaling={"max": 3})


def test_a_field_whose_kind_is_absent_is_named(cache: Cache) -> None:
    _scale(cache)
    server, metrics = _Server(absent=(kinds.AUTOSCALER,)), Metrics()
    applier = Applier(server, cache, metrics)  # type: ignore[arg-type]
    for _ in range(3):
        with pytest.raises(
            KindNotServed, match=r"spec\.scaling\.max needs the kind HorizontalPodAutoscaler \(autoscaling/v2\)"
        ):
            _pass(applier, cache)
    assert len(server.sent) == CHILDREN, "the other children are made, once"
    server.absent = ()
    applier._served.note_present(kinds.AUTOSCALER)
    _pass(applier, cache)
    assert server.sent[-1][0] == "HorizontalPodAutoscaler"
    assert not metrics.registry.get_sample_value("modelway_operator_repairs_total", {"kind": "HorizontalPodAutoscaler"})


def test_an_absent_kind_that_no_field_needs_is_left_out(cache: Cache) -> None:
    server = _Server(absent=(kinds.BUDGET,))
    served = ServedKinds()
    _pass(Applier(server, cache, Metrics(), served=served), cache)  # type: ignore[arg-type]
    assert served.absent == (kinds.BUDGET,)
    assert len(server.sent) == CHILDREN - 1


@pytest.mark.usefixtures("impatient")
def test_a_timeout_is_raised_before_an_absent_kind(cache: Cache) -> None:
    _scale(cache)
    server = _Server(absent=(kinds.AUTOSCALER,), hanging=(kinds.SERVICE,))
    with pytest.raises(RetryLater, match="took longer"):
        _pass(Applier(server, cache, Metrics()), cache)  # type: ignore[arg-type]


def _contest(applier: Applier, cache: Cache, kind: Kind) -> list[ModelwayError | None]:
    """Run passes, of which each finds that somebody deleted a child again. What each came to."""
    ends: list[ModelwayError | None] = []
    for _ in range(QUICK_REPAIRS + 2):
        try:
            _pass(applier, cache)
            ends.append(None)
        except ModelwayError as error:
            ends.append(error)
        cache.forget_kind(kind)
    return ends


def test_a_contest_is_raised_before_an_absent_kind(cache: Cache) -> None:
    _scale(cache)
    server = _Server(absent=(kinds.AUTOSCALER,))
    *others, last = _contest(Applier(server, cache, Metrics()), cache, kinds.BUDGET)  # type: ignore[arg-type]
    assert {type(one) for one in others} == {KindNotServed}
    assert isinstance(last, ChildContested)
    assert last.seconds > 5


@pytest.mark.parametrize("change", ["kind goes", "field goes"])
def test_a_contest_is_over_once_the_child_is_not_wanted(cache: Cache, change: str) -> None:
    _scale(cache)
    server = _Server()
    applier = Applier(server, cache, Metrics())  # type: ignore[arg-type]
    *_, last = _contest(applier, cache, kinds.AUTOSCALER)
    assert isinstance(last, ChildContested)
    if change == "kind goes":
        applier._served.note_absent(kinds.AUTOSCALER)
        with pytest.raises(KindNotServed):
            _pass(applier, cache)
    else:
        _store_owner(cache, 3)
        _pass(applier, cache)


def test_a_refusal_is_raised_before_an_absent_kind(cache: Cache) -> None:
    _scale(cache)
    server = _Server(absent=(kinds.AUTOSCALER,), refused=(kinds.BUDGET,))
    with pytest.raises(ClusterError) as error:
        _pass(Applier(server, cache, Metrics()), cache)  # type: ignore[arg-type]
    assert error.value.status == 403


def test_refused_child_is_spared_while_the_others_are_applied(cache: Cache) -> None:
    server, now = _Server(refused=(kinds.BUDGET,)), [0.0]
    applier = Applier(server, cache, Metrics(), lambda: now[0])  # type: ignore[arg-type]
    for now[0] in (0.0, 0.5, 1.0, FIRST_PAUSE):
        with pytest.raises(ClusterError) as error:
            _pass(applier, cache, spares_refused=True)
        assert error.value.child == "PodDisruptionBudget fraud"
    assert server.tries.count("PodDisruptionBudget") == 2
    assert len(server.sent) == CHILDREN - 1
    server.refused = ()
    with pytest.raises(ClusterError):
        _pass(applier, cache, spares_refused=True)
    now[0] += PATIENCE_SECONDS
    _pass(applier, cache, spares_refused=True)
    assert len(server.sent) == CHILDREN


def test_refused_child_is_tried_in_each_pass_that_spares_none(cache: Cache) -> None:
    server = _Server(refused=(kinds.BUDGET,))
    applier = Applier(server, cache, Metrics(), lambda: 0.0)  # type: ignore[arg-type]
    for spares_refused in (True, False, False):
        with pytest.raises(ClusterError):
            _pass(applier, cache, spares_refused=spares_refused)
    assert server.tries.count("PodDisruptionBudget") == 3
