"""The documentation keeps up with the code."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from modelway.model_gauges import ModelGauges
from modelway.status.reasons import Reason
from modelway_server.telemetry.metrics import RENAMED, Metrics
from modelway_server.traffic.series import RolloutSeries
from modelway_server.traffic.shared import Shared
from support.make import reference
from support.pages import troubleshooting
from support.pages.blocks import PAGES, ROOT, blocks


def test_every_reason_is_explained_and_no_other() -> None:
    names = re.findall(r"^\| `([A-Z]\w+)` \|", troubleshooting.PAGE.read_text(), re.MULTILINE)
    assert sorted(names) == sorted(Reason)


def test_the_tables_of_reasons_are_what_the_catalogue_says() -> None:
    assert troubleshooting.PAGE.read_text() == troubleshooting.page()


def test_every_reason_in_the_catalogue_is_given_somewhere() -> None:
    code = "".join(path.read_text() for path in (ROOT / "operator" / "modelway").rglob("*.py"))
    assert [reason.name for reason in Reason if f"Reason.{reason.name}" not in code] == []


def test_every_reason_says_what_to_do_unless_nothing_is_wrong() -> None:
    assert [reason for reason in Reason if not reason.remedy and not reason.waiting_cures] == []


def test_the_field_reference_is_what_the_definition_says() -> None:
    assert reference.PAGE.read_text() == reference.page()


def test_server_metrics_are_documented_and_no_other() -> None:
    metrics = Metrics(model="m", model_version="v", revision="r")
    metrics.add_collector(RolloutSeries(Shared(1), lambda: "w-1", metrics.identity))
    families = metrics.registry.collect()
    published = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    names = re.findall(r"`(modelway_(?!operator_|modeldeployment_)\w+)", (ROOT / "docs" / "operating.md").read_text())
    assert sorted(names) == sorted(published | set(RENAMED.values()))


def test_model_gauges_are_documented_and_no_other() -> None:
    published = {family.name for family in ModelGauges(list, CollectorRegistry()).collect()}
    names = re.findall(r"`(modelway_modeldeployment_\w+)", (ROOT / "docs" / "operating.md").read_text())
    assert set(names) == published


@pytest.mark.parametrize("package", ["operator/modelway", "serving_image/modelway_server"])
def test_the_architecture_page_names_every_folder(package: str) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    tree = page.partition(f"    {package}/ ")[2].partition("\n\n")[0]
    named = re.findall(r"^ {6}(\S+)/ ", tree, re.MULTILINE)
    code = {file.parent for kind in ("*.py", "*.txt") for file in (ROOT / package).rglob(kind)} - {ROOT / package}
    assert sorted(named) == sorted(str(folder.relative_to(ROOT / package)) for folder in code)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    rooms = "operator|serving_image|tests|docs|charts|crds|examples|requirements|\\.ci"
    named = re.findall(rf"(?<![\w./-])(?:{rooms})/[\w./*-]*", page.read_text())
    assert [path for path in named if not any(ROOT.glob(path.rstrip("./")))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_module_that_a_page_runs_exists(page: Path) -> None:
    modules = re.findall(r"\bpython3? -m ([\w.]+)", page.read_text())
    assert [module for module in modules if find_spec(module) is None] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_target_of_make_that_a_page_names_exists(page: Path) -> None:
    targets = re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    shown = "\n".join(block.text for block in blocks(page))
    named = re.findall(r"`make ([a-z.][\w./-]*)", page.read_text())
    named += re.findall(r"^(?:sudo )?make ([a-z.][\w./-]*)", shown, re.MULTILINE)
    assert set(named) <= set(targets)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_command_upgrades_without_the_new_defaults(page: Path) -> None:
    assert not re.search(r"^ {4}.*[^-]--reuse-values", page.read_text(), re.MULTILINE)
