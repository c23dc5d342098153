"""The pod template: what of the spec and of the settings reaches the pod, and as what."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.pod import pod_template
from modelway.desired.revision import revision_of
from modelway.settings import Settings
from support.operator.legal_specs import manifests
from support.operator.specs import Object, every_field, manifest


def template(settings: Settings | None = None, **spec: Any) -> Object:
    return template_of(manifest(**spec), settings)


def template_of(document: Object, settings: Settings | None = None) -> Object:
    deployment = ModelDeployment.parse(document)
    return pod_template(deployment, revision_of(deployment), settings or Settings())


def serve(**spec: Any) -> Object:
    return dict(template(**spec)["spec"]["containers"][0])


def fetch(**spec: Any) -> Object:
    return dict(template(**spec)["spec"]["initContainers"][0])


def prepare(**spec: Any) -> Object:
    return dict(template(**spec)["spec"]["initContainers"][1])


def resources(**amounts: Any) -> Any:
    return serve(runtime={"resources": amounts})["resources"]


def threads(**runtime: Any) -> str:
    environment = {variable["name"]: variable.get("value") for variable in serve(runtime=runtime)["env"]}
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"]
    return str(environment["OMP_NUM_THREADS"])


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def test_credentials_reach_the_fetch_container_alone() -> None:
    spec = template(model={"storage": {"secretRef": {"name": "keys"}}})["spec"]
    assert spec["initContainers"][0]["envFrom"] == [{"secretRef": {"name": "keys"}}]
    others = [*spec["initContainers"][1:], *spec["containers"]]
    assert [one["name"] for one in others] == ["prepare", "serve"]
    assert not any("envFrom" in one for one in others)
    assert "keys" not in strings(others)


def test_serve_mounts_model_and_prepared_read_only() -> None:
    preparing, serving = (
        {mount["name"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
        for container in (prepare(), serve())
    )
    assert preparing == {"model": True, "prepared": False, "tmp": False}
    assert serving == {"model": True, "prepared": True, "traffic": True, "tmp": False}


def test_prepare_runs_in_the_environment_of_serve() -> None:
    spec = {"runtime": {"env": [{"name": "A", "value": "1"}], "resources": {"limits": {"memory": "2Gi"}}}}
    preparing, serving = prepare(**spec), serve(**spec)
    assert preparing["env"] == [one for one in serving["env"] if "valueFrom" not in one]
    for part in ("image", "resources", "securityContext"):
        assert preparing[part] == serving[part]


def test_the_spec_reaches_the_server() -> None:
    arguments = serve(**every_field())["args"]
    assert arguments[0] == "serve"
    assert {
        "--name=fraud",
        "--model-version=v7",
        "--workers=2",
        "--trusted-types=churn.features.Recency,churn.encoders.*",
        "--max-batch-rows=64",
        "--max-queue=32",
        "--max-request-bytes=1048576",
        "--request-timeout=5",
        "--startup-timeout=120",
        "--drain-seconds=15",
    } < set(arguments)


def test_spec_reaches_the_prepare_container() -> None:
    arguments = prepare(**every_field())["args"]
    assert arguments[0] == "prepare"
    assert {
        "--format=sklearn",
        "--method=predict_proba",
        "--engine=native",
        "--tolerance=1e-3",
        "--trusted-types=churn.features.Recency,churn.encoders.*",
        "--timeout=120",
    } < set(arguments)


def test_the_address_is_not_expanded() -> None:
    assert (
        "--uri=s3://models/$$(AWS_SECRET_ACCESS_KEY)"
        in fetch(model={"uri": "s3://models/$(AWS_SECRET_ACCESS_KEY)"})["args"]
    )


def test_default_resources_have_a_memory_limit_and_no_cpu_limit() -> None:
    assert serve()["resources"] == {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}}


@pytest.mark.parametrize(
    ("given_amounts", "requests", "limits"),
    [
        ({"requests": {"memory": "3Gi"}}, {"cpu": "250m", "memory": "3Gi"}, {"memory": "3Gi"}),
        ({"limits": {"memory": "256Mi"}}, {"cpu": "250m", "memory": "256Mi"}, {"memory": "256Mi"}),
        ({"limits": {"memory": "8Gi"}}, {"cpu": "250m", "memory": "8Gi"}, {"memory": "8Gi"}),
        ({"limits": {"cpu": "100m"}}, {"cpu": "100m", "memory": "512Mi"}, {"cpu": "100m", "memory": "1Gi"}),
        ({"limits": {"cpu": 4}}, {"cpu": "4", "memory": "512Mi"}, {"cpu": "4", "memory": "1Gi"}),
        (
            {"requests": {"memory": "1Gi"}, "limits": {"cpu": 2}},
            {"cpu": "2", "memory": "1Gi"},
            {"cpu": "2", "memory": "1Gi"},
        ),
        ({"requests": {"cpu": 2}}, {"cpu": "2", "memory": "512Mi"}, {"memory": "1Gi"}),
        (
            {"limits": {"ephemeral-storage": "4096Mi"}},
            {"cpu": "250m", "memory": "512Mi", "ephemeral-storage": "4Gi"},
            {"memory": "1Gi", "ephemeral-storage": "4Gi"},
        ),
        (
            {"requests": {"ephemeral-storage": "2Gi"}},
            {"cpu": "250m", "memory": "512Mi", "ephemeral-storage": "2Gi"},
            {"memory": "1Gi"},
        ),
        (
            {"limits": {"nvidia.com/gpu": 1}},
            {"cpu": "250m", "memory": "512Mi", "nvidia.com/gpu": "1"},
            {"memory": "1Gi", "nvidia.com/gpu": "1"},
        ),
        (
            {"requests": {"nvidia.com/gpu": "2"}},
            {"cpu": "250m", "memory": "512Mi", "nvidia.com/gpu": "2"},
            {"memory": "1Gi", "nvidia.com/gpu": "2"},
        ),
    ],
)
def test_defaults_yield_to_what_is_given(given_amounts: Object, requests: Object, limits: Object) -> None:
    assert resources(**given_amounts) == {"requests": requests, "limits": limits}


def test_only_containers_that_run_the_model_get_gpus() -> None:
    spec = {"runtime": {"resources": {"limits": {"nvidia.com/gpu": 1, "memory": "2Gi"}}}}
    has_gpu = [
        "nvidia.com/gpu" in one["resources"]["limits"] for one in (fetch(**spec), prepare(**spec), serve(**spec))
    ]
    assert has_gpu == [False, True, True]
    assert fetch(**spec)["resources"]["limits"] == {"memory": "2Gi"}


@pytest.mark.parametrize(
    ("amounts", "workers", "count"),
    [
        ({"requests": {"cpu": "250m"}}, 1, "1"),
        ({"requests": {"cpu": "1500m"}}, 1, "2"),
        ({"requests": {"cpu": "1500m"}}, 2, "1"),
        ({"requests": {"cpu": "4"}}, 1, "4"),
        ({"requests": {"cpu": "4"}}, 2, "2"),
        ({"requests": {"cpu": "1"}}, 16, "1"),
        ({"limits": {"cpu": "4"}}, 1, "4"),
        ({"requests": {"cpu": "2"}, "limits": {"cpu": "4"}}, 1, "2"),
        ({"limits": {"memory": "4Gi"}}, 1, "1"),
    ],
)
def test_threads_follow_the_cpu_request_of_each_worker(amounts: Object, workers: int, count: str) -> None:
    assert threads(workers=workers, resources=amounts) == count


def test_a_users_thread_count_takes_the_place_of_ours() -> None:
    names = [
        variable["name"] for variable in serve(runtime={"env": [{"name": "MKL_NUM_THREADS", "value": "7"}]})["env"]
    ]
    assert names == ["POD_IP", "POD_NAME", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]


@pytest.mark.parametrize(("walls", "expected"), [("try", []), ("require", ["require"]), ("off", ["off"])])
def test_walls_setting_reaches_containers_that_run_the_model(walls: str, expected: list[str]) -> None:
    pod = template(Settings.model_validate({"walls": walls}))["spec"]
    fetch, prepare = pod["initContainers"]
    for container in (prepare, pod["containers"][0]):
        assert [it["value"] for it in container["env"] if it["name"] == "MODELWAY_WALLS"] == expected
    assert "env" not in fetch


def test_no_time_is_cut_short_by_another() -> None:
    spec = template(Settings(drain_seconds=20), runtime={"limits": {"requestTimeoutSeconds": 40}})["spec"]
    assert spec["terminationGracePeriodSeconds"] > 20 + 40
    probe = spec["containers"][0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] > 300


def test_the_model_fits_into_its_volume() -> None:
    volumes = {
        volume["name"]: volume
        for volume in template(runtime={"limits": {"maxArtifactBytes": 100 << 20}})["spec"]["volumes"]
    }
    assert volumes["model"]["emptyDir"] == {"sizeLimit": "116Mi"}
    assert volumes["prepared"] == {"name": "prepared", "emptyDir": {"sizeLimit": "116Mi"}}
    assert volumes["traffic"]["configMap"] == {"name": "fraud-traffic", "optional": True}


def test_our_labels_win_over_the_users() -> None:
    labels = template(scheduling={"labels": {"team": "risk"}})["metadata"]["labels"]
    assert labels["team"] == "risk"
    assert labels["modelway.dev/name"] == labels["app.kubernetes.io/instance"] == "fraud"


def test_pods_spread_over_nodes_by_default() -> None:
    (constraint,) = template()["spec"]["topologySpreadConstraints"]
    assert (constraint["topologyKey"], constraint["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    assert constraint["labelSelector"]["matchLabels"].keys() == {
        "modelway.dev/name",
        "modelway.dev/track",
        "modelway.dev/revision",
    }
    constraint_of_user = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    (constraint,) = template(scheduling={"topologySpread": [constraint_of_user]})["spec"]["topologySpreadConstraints"]
    assert constraint["topologyKey"] == "zone"


def test_placement_is_passed_on() -> None:
    given_placement = every_field()["scheduling"]
    spec = template(**every_field())["spec"]
    assert {
        name: spec[name]
        for name in ("nodeSelector", "tolerations", "affinity", "priorityClassName", "runtimeClassName")
    } == {
        name: given_placement[name]
        for name in ("nodeSelector", "tolerations", "affinity", "priorityClassName", "runtimeClassName")
    }


def test_image_and_pull_secrets_are_the_platforms() -> None:
    settings = Settings(server_image="r/server:2", image_pull_policy="Always", image_pull_secrets=("a", "b"))
    spec = template(settings)["spec"]
    assert spec["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]
    assert {(it["image"], it["imagePullPolicy"]) for it in (*spec["containers"], *spec["initContainers"])} == {
        ("r/server:2", "Always")
    }


@pytest.mark.parametrize(
    ("user", "context"),
    [
        ("1000660000", {"runAsUser": 1000660000, "runAsGroup": 1000660000, "fsGroup": 1000660000}),
        ("assigned", {}),
    ],
)
def test_the_user_is_named_unless_the_platform_assigns_one(user: str, context: Object) -> None:
    spec = template(Settings.from_environment({"MODELWAY_RUN_AS_USER": user}))["spec"]
    seccomp = {"type": "RuntimeDefault"}
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": seccomp, **context}


def images(uri: str) -> dict[str, str]:
    settings = Settings(server_image="r/server:2")
    spec = template(settings, model={"uri": uri}, runtime={"image": "risk/server:7"})["spec"]
    return {it["name"]: it["image"] for it in (*spec["initContainers"], *spec["containers"])}


def test_user_image_prepares_and_serves_but_never_fetches() -> None:
    assert images("s3://m/a") == {"fetch": "r/server:2", "prepare": "risk/server:7", "serve": "risk/server:7"}


def test_a_file_inside_the_users_image_is_taken_from_there() -> None:
    assert set(images("file:///models/model.joblib").values()) == {"risk/server:7"}


@pytest.mark.slow
@given(manifests(), st.none() | st.just("risk/server:7"))
def test_no_image_of_the_users_meets_a_secret_or_a_token(document: Object, image: str | None) -> None:
    document["spec"].setdefault("runtime", {})["image"] = image
    spec = template_of(document, Settings(server_image="ours"))["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["serviceAccountName"]  # left out, the one before would stay
    for container in (*spec["initContainers"], *spec["containers"]):
        if container["name"] != "fetch" or container["image"] != "ours":
            assert "envFrom" not in container
            assert not any("secret" in str(one).lower() for one in container.get("env", ()) if "valueFrom" in one)
            assert {one["name"] for one in container["volumeMounts"]} <= {"model", "prepared", "traffic", "tmp"}


def test_the_token_of_a_named_account_reaches_fetch_alone() -> None:
    own = {"eks.amazonaws.com/skip-containers": "none", "team": "risk"}
    pod = template(model={"storage": {"serviceAccountName": "reader"}}, scheduling={"annotations": own})
    spec = pod["spec"]
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("reader", False)
    (volume,) = (one for one in spec["volumes"] if "projected" in one)
    (source,) = volume["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "sts.amazonaws.com"
    mounted = {
        one["name"]: volume["name"] in {mount["name"] for mount in one["volumeMounts"]}
        for one in (*spec["initContainers"], *spec["containers"])
    }
    assert mounted == {"fetch": True, "prepare": False, "serve": False}
    assert pod["metadata"]["annotations"] == {
        "eks.amazonaws.com/skip-containers": "prepare,serve",
        "azure.workload.identity/skip-containers": "prepare;serve",
        "team": "risk",
    }
    token = {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/var/run/secrets/modelway/token"}
    assert token in spec["initContainers"][0]["env"]


def test_no_container_gets_the_identity_of_an_unnamed_account() -> None:
    pod = template(scheduling={"annotations": {"azure.workload.identity/skip-containers": "none"}})
    assert pod["metadata"]["annotations"] == {
        "eks.amazonaws.com/skip-containers": "fetch,prepare,serve",
        "azure.workload.identity/skip-containers": "fetch;prepare;serve",
    }


def test_secret_keys_cannot_choose_code_that_fetch_loads() -> None:
    variables = fetch(model={"storage": {"secretRef": {"name": "keys"}}})["env"]
    assert {"name": "LD_PRELOAD"} in variables
    assert {"name": "PYTHONPATH"} in variables


@pytest.mark.slow
@given(manifests())
def test_revision_hash_is_pure_and_a_valid_label(document: Object) -> None:
    pod = template_of(document)
    assert pod == template_of(document)
    assert all(len(value) <= 63 for value in pod["metadata"]["labels"].values())
