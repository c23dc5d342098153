"""Hypothesis strategies for ModelDeployments that the API accepts: any mixture of fields, each within its bounds."""

import re
from typing import Any

from hypothesis import strategies as st

from modelway.api.fields import REFUSED_ENV_PATTERN
from support.operator.specs import Object

LABEL_VALUES = st.from_regex(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,8}[A-Za-z0-9])?", fullmatch=True)
LABEL_KEYS = st.from_regex(r"([a-z]{1,6}\.example/)?[a-z]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True).filter(lambda it: not it.endswith("-canary"))
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20)

_PATHS = st.from_regex(r"([a-z0-9]{1,8}/){0,3}[A-Za-z0-9_$()][A-Za-z0-9._$()%=+-]{0,20}", fullmatch=True)
_URIS = st.one_of(
    st.builds("s3://{}/{}".format, st.from_regex(r"[a-z0-9][a-z0-9.-]{1,9}[a-z0-9]", fullmatch=True), _PATHS),
    st.builds("https://{}/{}".format, st.sampled_from(["h", "models.example.com:8443", "[::1]"]), _PATHS),
    st.builds("file:///{}".format, _PATHS),
).filter(lambda uri: "%2" not in uri)


def _some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Object]:
    return st.fixed_dictionaries({}, optional=fields)


def _whole(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Object]:
    return st.fixed_dictionaries(fields)


def _amounts(ordered: st.SearchStrategy[list[int]], suffix: str) -> st.SearchStrategy[tuple[str, str]]:
    return ordered.map(lambda pair: (f"{min(pair)}{suffix}", f"{max(pair)}{suffix}"))


@st.composite
def _resources(draw: st.DrawFn) -> Object:
    cpu = draw(_amounts(st.lists(st.integers(1, 64000), min_size=2, max_size=2), "m"))
    unit = draw(st.sampled_from(["", "Ki", "Mi", "k", "M"]))
    memory = draw(_amounts(st.lists(st.integers(1, 1 << 20), min_size=2, max_size=2), unit))
    gpus = draw(st.integers(1, 8))
    sides: dict[str, Object] = {
        side: {"cpu": cpu[i], "memory": memory[i]} for i, side in enumerate(("requests", "limits"))
    }
    disk = draw(_amounts(st.lists(st.integers(1, 1 << 20), min_size=2, max_size=2), "Mi"))
    for i, side in enumerate(sides.values()):
        side |= {"ephemeral-storage": disk[i], "nvidia.com/gpu": gpus}
    chosen = draw(st.sets(st.sampled_from([(side, name) for side in sides for name in sides[side]])))
    return {side: {name: sides[side][name] for where, name in chosen if where == side} for side in sides}


def _model() -> st.SearchStrategy[Object]:
    sources = st.fixed_dictionaries(
        {"uri": _URIS}, optional={"format": st.sampled_from(["auto", "sklearn"]), "version": LABEL_VALUES}
    )
    name = st.from_regex(r"[a-z]{1,9}", fullmatch=True)
    secret = _some(secretRef=_whole(name=name), serviceAccountName=name)
    return st.tuples(sources, st.none() | secret).map(_with_storage)


def _with_storage(pair: tuple[Object, Object | None]) -> Object:
    model, storage = pair
    return model if storage is None or model["uri"].startswith("file:") else {**model, "storage": storage}


def _is_free(name: str) -> bool:
    return not name.startswith(("POD_", "MODELWAY_")) and re.search(REFUSED_ENV_PATTERN, name) is None


def _runtime() -> st.SearchStrategy[Object]:
    names = st.from_regex(r"[A-Z_]{1,9}", fullmatch=True).filter(_is_free)
    names |= st.sampled_from(["OMP_NUM_THREADS", "HTTPS_PROXY"])
    seconds = st.integers(5, 3600)
    return _some(
        method=st.sampled_from(["auto", "predict", "predict_proba", "transform", "decision_function", "score_samples"]),
        workers=st.integers(1, 16),
        limits=_some(
            maxArtifactBytes=st.integers(1024, 1 << 40),
            fetchTimeoutSeconds=seconds,
            startupTimeoutSeconds=seconds,
            requestTimeoutSeconds=seconds,
        ),
        resources=_resources(),
        env=st.lists(_whole(name=names, value=TEXTS), max_size=3, unique_by=lambda it: str(it["name"])),
    )


def _scaling() -> st.SearchStrategy[Object]:
    percent, policy = (
        st.integers(1, 1000),
        _whole(
            type=st.sampled_from(["Pods", "Percent"]), value=st.integers(1, 1000), periodSeconds=st.integers(1, 1800)
        ),
    )
    rules = _some(
        stabilizationWindowSeconds=st.integers(0, 3600),
        selectPolicy=st.sampled_from(["Max", "Min", "Disabled"]),
        policies=st.lists(policy, min_size=1, max_size=3),
    )
    ranged = st.fixed_dictionaries(
        {"max": st.integers(100, 1000)},
        optional={
            "min": st.integers(1, 100),
            "cpu": percent,
            "memory": percent,
            "behavior": _some(scaleUp=rules, scaleDown=rules),
        },
    )
    return _some(replicas=st.integers(1, 1000)) | ranged


def _scheduling() -> st.SearchStrategy[Object]:
    labels = st.dictionaries(LABEL_KEYS, LABEL_VALUES, max_size=3)
    effects = st.sampled_from(["NoSchedule", "PreferNoSchedule"])
    spread = _whole(
        maxSkew=st.integers(1, 9),
        topologyKey=LABEL_KEYS,
        whenUnsatisfiable=st.sampled_from(["DoNotSchedule", "ScheduleAnyway"]),
    )
    present = _whole(key=LABEL_KEYS, operator=st.just("Exists"))
    term = _whole(matchExpressions=st.lists(present, min_size=1, max_size=2))
    near = _whole(labelSelector=term, topologyKey=LABEL_KEYS)
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    pods = _some(**{required: st.lists(near, max_size=2)})
    return _some(
        nodeSelector=labels,
        labels=labels,
        annotations=st.dictionaries(LABEL_KEYS, TEXTS, max_size=3),
        tolerations=st.lists(_whole(key=LABEL_KEYS, value=LABEL_VALUES, effect=effects), max_size=2),
        topologySpread=st.lists(spread, max_size=2, unique_by=lambda it: str(it["topologyKey"])),
        affinity=_some(
            nodeAffinity=_some(**{required: _whole(nodeSelectorTerms=st.lists(term, min_size=1, max_size=2))}),
            podAffinity=pods,
            podAntiAffinity=pods,
        ),
    )


def _rollout() -> st.SearchStrategy[Object]:
    durations = st.sampled_from(["1s", "90s", "2m", "1h30m"])
    percents = st.sampled_from(["0.001%", "0.1%", "10%", "100%"])
    pace = {
        "maxSurge": st.sampled_from([1, "2", "25%"]),
        "maxUnavailable": st.sampled_from([0, 1, "50%"]),
    }
    names = ("maxFailed", "maxDisagreement", "numericTolerance", "tolerance")
    judged = {
        **pace,
        "analysis": _some(**dict.fromkeys(names, percents)),
        "timeout": st.sampled_from(["24h", "86400s"]),
        "onTimeout": st.sampled_from(["RollBack", "Promote", "Pause"]),
        "paused": st.booleans(),
    }
    weights = st.lists(st.integers(1, 100), min_size=1, max_size=4, unique=True).map(sorted)
    steps = st.tuples(weights, st.none() | durations).map(_steps)
    sticky = _whole(header=st.sampled_from(["x-user-id", "X-Tenant"]))
    judged["trafficRouting"] = st.just("Server")
    return st.one_of(
        st.fixed_dictionaries({}, optional={"strategy": st.just("Rolling"), **pace}),
        st.fixed_dictionaries({"strategy": st.just("Canary")}, optional={**judged, "steps": steps, "sticky": sticky}),
        st.fixed_dictionaries({"strategy": st.just("BlueGreen")}, optional={**judged, "scaleDownDelay": durations}),
        st.fixed_dictionaries({"strategy": st.just("Shadow")}, optional={**judged, "mirror": st.integers(1, 100)}),
    )


def _gateway() -> st.SearchStrategy[Object]:
    hostnames = st.sampled_from(["models.example.com", "*.example.org", "localhost"])
    return st.fixed_dictionaries(
        {"name": st.sampled_from(["shared", "edge.internal"])},
        optional={
            "namespace": st.sampled_from(["gateways", "g-1"]),
            "sectionName": st.sampled_from(["http", "https"]),
            "hostnames": st.lists(hostnames, min_size=1, max_size=3, unique=True),
            "path": st.sampled_from(["/", "/fraud", "/models/v1.2/risk~9_"]),
        },
    )


def _steps(pair: tuple[list[int], str | None]) -> list[Object]:
    weights, hold = pair
    return [{"weight": weight, **({"hold": hold} if hold else {})} for weight in weights]


def manifests() -> st.SearchStrategy[Object]:
    """ModelDeployments in the namespace `default`, with the uid of an object that exists."""
    spec = st.fixed_dictionaries(
        {"model": _model()},
        optional={
            "runtime": _runtime(),
            "scaling": _scaling(),
            "rollout": _rollout(),
            "exposure": _whole(gateway=_gateway()),
            "scheduling": _scheduling(),
            "suspend": st.booleans(),
        },
    )
    return st.builds(_manifest, NAMES, spec)


def _manifest(name: str, spec: Object) -> Object:
    metadata = {"name": name, "namespace": "default", "uid": "0a1b2c3d-0000-4000-8000-000000000000"}
    return {"apiVersion": "modelway.dev/v1alpha1", "kind": "ModelDeployment", "metadata": metadata, "spec": spec}
