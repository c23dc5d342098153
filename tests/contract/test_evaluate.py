"""`modelway evaluate` holds models against their preflight on this machine, by the server's own commands."""

import re
import runpy
from pathlib import Path
from xml.etree import ElementTree as ET

import joblib
import pytest
import yaml
from threadpoolctl import threadpool_limits

from modelway.__main__ import main
from modelway.cli.candidate_table import CANDIDATE_HEADER
from modelway.cli.preflight_output import HEADER
from support.models import Crashing, mixed_pipeline
from support.pages.blocks import blocks
from support.pages.examples import EXAMPLES

pytestmark = pytest.mark.slow
FOLDER = EXAMPLES / "evaluation"
LOCAL_FILES = (
    ("dataset", "held-out.csv"),
    ("model", "forest/model.joblib"),
    ("candidate=boosted", "v2/model.joblib"),
    ("candidate=linear", "v1/model.joblib"),
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the example's script writes."""
    folder = tmp_path_factory.mktemp("evaluation")
    with threadpool_limits(1), pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["train.py", str(folder)])
        runpy.run_path(str(FOLDER / "train.py"), run_name="__main__")
    return folder / "evaluation"


def evaluate(models: Path, name: str, version: str, *more: str) -> int:
    """The exit status for a version of an example, on its rows."""
    folder = models / name
    words = [f"--model={folder / version / 'model.joblib'}", f"--dataset={folder / 'held-out.csv'}", *more]
    return main(["evaluate", "-f", str(FOLDER / f"{name}.yaml"), *words])


def against(models: Path, name: str, version: str) -> str:
    """The option that compares with another version of an example."""
    return f"--against={models / name / version / 'model.joblib'}"


def test_better_version_passes_with_a_table_of_metrics(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(models, "fraud", "v2", against(models, "fraud", "v1")) == 0
    output = capsys.readouterr()
    lines = output.out.splitlines()
    assert lines[0].startswith("judged-fraud passed")
    assert "  large-payment-at-night: passed" in lines
    (table,) = [block.text for block in blocks(FOLDER / "README.md") if block.text.startswith(HEADER[0])]
    assert table.splitlines() == lines[-4:], "the page shows what the command prints"
    assert "Fetching the dataset ..." in output.err.splitlines()


def test_worse_version_is_refused_for_the_contract_it_breaks(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(models, "fraud", "v1", against(models, "fraud", "v2")) == 1
    assert capsys.readouterr().out.startswith("judged-fraud is refused: ContractChanged: ")


def test_cheapest_of_several_that_is_good_enough_is_chosen(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = models / "fraud"
    options = [f"--{name}={folder / path}" for name, path in LOCAL_FILES]
    assert main(["evaluate", "-f", str(FOLDER / "candidates.yaml"), *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("cheapest-fraud passed: boosted serves: ")
    begin = next(index for index, line in enumerate(lines) if line.startswith(CANDIDATE_HEADER[0]))
    (table,) = [block.text for block in blocks(FOLDER / "README.md") if block.text.startswith(CANDIDATE_HEADER[0])]
    shown, printed = (list(map(_lasting, rows)) for rows in (table.splitlines(), lines[begin : begin + 4]))
    assert shown == printed, "the page shows what the command prints, but for what is measured"


def _lasting(row: str) -> list[str]:
    """The cells of a table of candidates without time, memory and the words after a reason."""
    name, value, interval, _, _, size, engine, outcome = re.split(" {3,}", row)
    return [name, value, interval, size, engine, outcome.partition(":")[0]]


def test_version_below_a_limit_fails_its_case_of_junit(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(models, "price", "v1", "--output=junit") == 1
    failures = list(ET.fromstring(capsys.readouterr().out).iter("failure"))
    assert {failure.get("type") for failure in failures} == {"EvaluationFailed"}


def test_model_that_does_not_load_is_refused(tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    joblib.dump(Crashing(), tmp_path / "model.joblib")
    words = [f"--model={tmp_path / 'model.joblib'}", f"--dataset={models / 'price' / 'held-out.csv'}"]
    assert main(["evaluate", "-f", str(FOLDER / "price.yaml"), *words]) == 1
    assert capsys.readouterr().out.startswith("judged-price is refused: LoadCrashed: ")


def test_dataset_without_the_target_is_no_refusal(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(models, "price", "v2", f"--dataset={models / 'fraud' / 'held-out.csv'}") == 2
    assert capsys.readouterr().out.startswith("judged-price was not tried: InvalidDataset: ")


def test_model_that_cannot_be_fetched_is_no_refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = yaml.safe_load((FOLDER / "price.yaml").read_text())
    document["spec"]["model"]["uri"] = f"file://{tmp_path}/absent.joblib"
    file = tmp_path / "absent.yaml"
    file.write_text(yaml.safe_dump(document))
    assert main(["evaluate", "-f", str(file)]) == 2
    assert "was not tried: ModelNotFound: " in capsys.readouterr().out


def test_smoke_tests_too_long_for_an_argument_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = yaml.safe_load((FOLDER / "fraud.yaml").read_text())
    document["spec"]["preflight"]["smokeTests"][0]["request"] = {"instances": [["x" * (128 << 10)]]}
    del document["spec"]["preflight"]["evaluation"]
    file = tmp_path / "long.yaml"
    file.write_text(yaml.safe_dump(document))
    models = tmp_path / "model.joblib"
    joblib.dump(mixed_pipeline(), models)
    assert main(["evaluate", "-f", str(file), f"--model={models}"]) == 2
    assert "more than 65536: send fewer rows" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--model=absent.joblib"], "--model: there is no absent.joblib. Name a file"),
        (["--against=absent"], "--against: there is no absent. Name a file"),
        (["--dataset=absent.csv"], "--dataset: there is no absent.csv. Name a file"),
        (["--name=other"], "there is no other in the file, only judged-price"),
    ],
)
def test_wrong_option_is_named(options: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "-f", str(FOLDER / "price.yaml"), *options]) == 2
    assert says in capsys.readouterr().err


def test_dataset_without_an_evaluation_is_a_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    file = EXAMPLES / "fraud" / "modeldeployment.yaml"
    assert main(["evaluate", "-f", str(file), f"--dataset={file}"]) == 2
    assert capsys.readouterr().err.startswith("--dataset: the file has no spec.preflight.evaluation.")
