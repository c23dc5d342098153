"""ModelDeployments for tests: the smallest, and one that sets every field."""

from typing import Any

Object = dict[str, Any]

URI = "s3://models/fraud/model.joblib"


def manifest(name: str = "fraud", **spec: Any) -> Object:
    """A ModelDeployment; `spec` replaces blocks, but for `model`, whose fields are added to a uri."""
    blocks = {**spec, "model": {"uri": URI, **spec.get("model", {})}}
    return {
        "apiVersion": "modelway.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": blocks,
    }


def every_field() -> Object:
    """The spec of a ModelDeployment that sets every field those that exclude others: `scaling.replicas`, and what belongs to strategies other than Canary."""
    rules = {
        "stabilizationWindowSeconds": 60,
        "selectPolicy": "Min",
        "policies": [{"type": "Percent", "value": 50, "periodSeconds": 30}],
    }
    return {
        "model": {
            "uri": "https://models.example.com/fraud/model.joblib?version=7",
            "format": "sklearn",
            "version": "v7",
            "digest": f"sha256:{'0123456789abcdef' * 4}",
            "storage": {"secretRef": {"name": "models"}},
            "trustedTypes": ["churn.features.Recency", "churn.encoders.*"],
            "candidates": [
                {
                    "name": "small",
                    "uri": "https://models.example.com/fraud/small.onnx",
                    "format": "onnx",
                    "version": "v7-small",
                    "trustedTypes": ["churn.features.Recency"],
                }
            ],
        },
        "runtime": {
            "image": "registry.example.com:5000/risk/server:7",
            "method": "predict_proba",
            "engine": "native",
            "tolerance": "0.001",
            "precision": "int8",
            "batching": {"maxRows": 64},
            "workers": 2,
            "accessLog": True,
            "metricAliases": ["kserve"],
            "limits": {
                "maxRequestBytes": 1 << 20,
                "maxArtifactBytes": 100_000_000,
                "fetchTimeoutSeconds": 900,
                "startupTimeoutSeconds": 120,
                "requestTimeoutSeconds": 5,
                "maxQueue": 32,
                "maxConnections": 100,
            },
            "resources": {
                "requests": {"cpu": "1500m", "memory": "1024Mi", "ephemeral-storage": "2048Mi"},
                "limits": {"cpu": 4, "memory": "1.5Gi", "nvidia.com/gpu": 1},
            },
            "env": [{"name": "MKL_NUM_THREADS", "value": "3"}, {"name": "EMPTY", "value": ""}],
        },
        "preflight": {
            "enabled": True,
            "contract": "Compatible",
            "timeoutSeconds": 300,
            "smokeTests": [
                {
                    "name": "known",
                    "request": {"instances": [[1.5, None]]},
                    "expect": {"predictions": ["yes"]},
                    "tolerance": 0.001,
                }
            ],
            "evaluation": {
                "dataset": {"uri": "https://models.example.com/fraud/rows.csv", "format": "csv"},
                "target": "label",
                "weight": "amount",
                "positiveLabel": "yes",
                "slices": ["country"],
                "metrics": [
                    {
                        "name": "recall",
                        "min": 0.5,
                        "max": 1,
                        "notWorseThanStableBy": 0.01,
                        "betterThanStableBy": 0.001,
                    }
                ],
                "confidence": 0.99,
                "onInconclusive": "Accept",
                "maxQualityLoss": 0.01,
            },
        },
        "scaling": {
            "min": 2,
            "max": 10,
            "cpu": 80,
            "memory": 90,
            "behavior": {"scaleUp": rules, "scaleDown": {"stabilizationWindowSeconds": 0}},
        },
        "rollout": {
            "strategy": "Canary",
            "maxSurge": "25%",
            "maxUnavailable": 1,
            "steps": [{"weight": 5, "hold": "2m"}, {"weight": 50, "hold": "1h30m"}],
            "sticky": {"header": "x-user-id"},
            "trafficRouting": "Server",
            "analysis": {
                "maxFailed": "0.5%",
                "maxDisagreement": "5%",
                "numericTolerance": "1%",
                "tolerance": "1%",
                "metrics": [
                    {
                        "name": "app-errors",
                        "prometheus": {
                            "bad": 'sum(increase(app_errors_total{revision="$(revision)"}[$(since)]))',
                            "trials": 'sum(increase(app_requests_total{revision="$(revision)"}[$(since)]))',
                        },
                        "maxBad": "1%",
                        "besideStable": True,
                    },
                    {
                        "name": "reviews",
                        "webhook": {"url": "https://checks.example.com/modelway/reviews?team=risk"},
                        "min": 0.5,
                        "max": 1,
                    },
                    {"name": "queue", "prometheus": {"query": "max(app_queue_length)"}, "max": 100},
                ],
            },
            "replay": {
                "dataset": {"uri": "https://logs.example.com/fraud/rows.parquet", "format": "parquet"},
                "requests": 500,
                "rowsPerRequest": 2,
            },
            "timeout": "12h",
            "onTimeout": "Pause",
            "paused": True,
        },
        "exposure": {
            "gateway": {
                "name": "shared",
                "namespace": "gateways",
                "sectionName": "https",
                "hostnames": ["models.example.com", "*.example.org"],
                "path": "/fraud",
            }
        },
        "scheduling": _every_placement(),
        "suspend": False,
    }


def _every_placement() -> Object:
    required, preferred = (f"{word}DuringSchedulingIgnoredDuringExecution" for word in ("required", "preferred"))
    node = {
        "matchExpressions": [
            {"key": "cores", "operator": "Gt", "values": ["8"]},
            {"key": "gpu", "operator": "DoesNotExist"},
        ]
    }
    near = {
        "labelSelector": {
            "matchLabels": {"app": "cache"},
            "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}],
        },
        "topologyKey": "topology.kubernetes.io/zone",
    }
    pods = {required: [near], preferred: [{"weight": 5, "podAffinityTerm": near}]}
    return {
        "nodeSelector": {"disktype": "ssd"},
        "tolerations": [
            {"key": "dedicated", "operator": "Equal", "value": "ml", "effect": "NoExecute", "tolerationSeconds": 60},
            {"operator": "Exists"},
        ],
        "affinity": {
            "nodeAffinity": {
                required: {"nodeSelectorTerms": [node]},
                preferred: [{"weight": 100, "preference": node}],
            },
            "podAffinity": pods,
            "podAntiAffinity": {preferred: [{"weight": 1, "podAffinityTerm": near}]},
        },
        "topologySpread": [
            {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2},
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"},
        ],
        "priorityClassName": "system-cluster-critical",
        "runtimeClassName": "sandboxed",
        "labels": {"team": "risk"},
        "annotations": {"example.com/ticket": "RISK 7"},
    }
