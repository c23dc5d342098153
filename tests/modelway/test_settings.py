"""The operator's settings from its environment."""

import pytest

from modelway.errors import InvalidSettings
from modelway.settings import Settings, variable


def test_defaults_hold_where_a_variable_is_unset_or_empty() -> None:
    assert Settings.from_environment({"MODELWAY_LOG_LEVEL": "", "PATH": "/bin"}) == Settings()


def test_every_setting_is_read() -> None:
    texts = {
        "server_image": "r.example/server:1",
        "image_pull_policy": "Never",
        "image_pull_secrets": "a, b",
        "image_policy": "Follow",
        "follow_at_once": "7",
        "service_port": "8080",
        "drain_seconds": "0",
        "walls": "require",
        "default_cpu_request": "1000m",
        "default_memory_request": "100M",
        "default_memory_limit": "1024Mi",
        "revision_history_limit": "3",
        "progress_deadline_seconds": "60",
        "watch_namespaces": "risk,fraud",
        "resync_seconds": "30",
        "log_level": "debug",
        "health_port": "8081",
    }
    settings = Settings.from_environment({variable(name): text for name, text in texts.items()})
    assert settings == Settings(
        server_image="r.example/server:1",
        image_pull_policy="Never",
        image_pull_secrets=("a", "b"),
        image_policy="Follow",
        follow_at_once=7,
        service_port=8080,
        drain_seconds=0,
        walls="require",
        default_cpu_request="1",
        default_memory_request="100M",
        default_memory_limit="1Gi",
        revision_history_limit=3,
        progress_deadline_seconds=60,
        watch_namespaces=("risk", "fraud"),
        resync_seconds=30,
        log_level="debug",
        health_port=8081,
    )


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("MODELWAY_SERVICE_PORT", "0", "greater than or equal to 1"),
        ("MODELWAY_SERVICE_PORT", "http", "a valid integer"),
        ("MODELWAY_SERVICE_PORT", "8081", "the port of gRPC"),
        ("MODELWAY_SERVICE_PORT", "8082", "the port of metrics"),
        ("MODELWAY_DRAIN_SECONDS", "301", "less than or equal to 300"),
        ("MODELWAY_IMAGE_POLICY", "pinned", "should be 'Pinned' or 'Follow'"),
        ("MODELWAY_DEFAULT_CPU_REQUEST", "half", "no amount of CPU"),
        ("MODELWAY_DEFAULT_MEMORY_LIMIT", "0", "more than nothing"),
        ("MODELWAY_DEFAULT_MEMORY_REQUEST", "2Gi", "above MODELWAY_DEFAULT_MEMORY_LIMIT, 1Gi"),
        ("MODELWAY_WATCH_NAMESPACES", "risk;fraud", "match pattern"),
        ("MODELWAY_SERVER_IMAGE", "a b", "match pattern"),
        ("MODELWAY_RESYNC", "30", "is not a setting; those known are MODELWAY_SERVER_IMAGE"),
    ],
)
def test_invalid_setting_is_reported_with_its_variable(name: str, text: str, words: str) -> None:
    with pytest.raises(InvalidSettings) as error:
        Settings.from_environment({name: text})
    assert str(error.value).startswith(name)
    assert words in str(error.value)
