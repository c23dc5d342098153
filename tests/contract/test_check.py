"""`modelway check` says on a laptop what a pod would find out."""

import json
from pathlib import Path
from typing import Any

import joblib
import pytest
import sklearn
from sklearn.cluster import DBSCAN

from modelway.cli import commands
from support.models import WINE, Crashing, mixed_pipeline

pytestmark = pytest.mark.slow
SAYS = [
    "model.joblib would be served.",
    "  model    sklearn.pipeline.Pipeline, scikit-learn ",
    "  engine   linear: it gives the model's own answers on 300 rows",
    "  batching rows joined",
    "    predict BYTES [rows]: no, yes",
    "    predict_proba FP64 [rows, 2]: no, yes",
    "    age FP64, may be missing",
    "    city BYTES, may be missing: Bern, Oslo, Rome; any other is answered as unknown",
    "    member BYTES: no, yes",
]


def check_model(directory: Path, model: Any, *options: str) -> int:
    joblib.dump(model, directory / "model.joblib")
    arguments = commands.parser().parse_args(["check", str(directory / "model.joblib"), *options])
    return int(arguments.run(arguments))


def test_servable_model_shows_its_contract_and_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_model(tmp_path, mixed_pipeline()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [beginning for beginning in SAYS if not any(line.startswith(beginning) for line in lines)] == [], lines
    assert not any("note" in line for line in lines), "a column that the model drops need not be sent"


@pytest.mark.parametrize(
    ("model", "options", "says"),
    [
        (DBSCAN().fit(WINE), (), "is refused: UnsupportedModel: DBSCAN cannot predict unseen rows"),
        (mixed_pipeline(), ("--method=transform",), "is refused: UnsupportedModel: Pipeline has no transform"),
        (Crashing(), ("--trusted-types=support.models.Crashing",), "is refused: LoadCrashed"),
    ],
)
def test_refused_model_shows_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: Any, options: tuple[str, ...], says: str
) -> None:
    assert check_model(tmp_path, model, *options) == 1
    assert says in capsys.readouterr().out


def test_samples_are_passed_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = tmp_path / "rows.json"
    samples.write_text(json.dumps({"instances": [{"age": 1, "city": "Rome", "member": "yes"}]}))
    assert check_model(tmp_path, mixed_pipeline(), f"--samples={samples}") == 0
    assert "linear: it gives the model's own answers on 301 rows" in capsys.readouterr().out


def test_a_model_of_another_version_is_served_with_a_caution(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sklearn.base.__version__", "1.3.2")
    assert check_model(tmp_path, mixed_pipeline()) == 0
    caution = f"  caution  saved with scikit-learn 1.3.2, served with {sklearn.__version__}: answers may differ"
    assert caution in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--method=nonsense",), "--method: invalid choice: 'nonsense' (choose from 'auto', 'predict'"),
        (("--engine=fast",), "--engine: invalid choice: 'fast' (choose from 'auto', 'onnx', 'native')."),
        (("--timeout=soon",), "--timeout: 'soon' is no number above 0."),
        (("--tolerance=0",), "--tolerance: '0' is no number above 0."),
        (("--samples=absent.json",), "--samples: absent.json cannot be read (No such file or directory). Name a JSON"),
    ],
)
def test_a_wrong_option_is_named_with_its_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], says: str
) -> None:
    assert check_model(tmp_path, mixed_pipeline(), *options) == 2
    output = capsys.readouterr()
    assert output.err.startswith(says), output.err
    assert (output.out, "usage:" in output.err) == ("", False)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[1", "rows.json is no JSON (Expecting"),
        ('{"a": 1}', "rows.json holds no samples of the model's rows: there is no array of rows. Write them as"),
        ('[{"age": "x"}]', "rows.json holds no samples of the model's rows: rows[0]: the columns are not those"),
        ('{"rows": [[1, "Rome", "yes", ""], ["x", "Rome", "yes", ""]]}', "rows[1][0]: column 'age' takes numbers"),
        ('{"columns": ["age", "city"], "data": [[1, "Rome"], [1]]}', "data[1]: it has 1 values; columns has 2"),
    ],
)
def test_bad_samples_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, says: str) -> None:
    samples = tmp_path / "rows.json"
    samples.write_text(content)
    assert check_model(tmp_path, mixed_pipeline(), f"--samples={samples}") == 2
    output = capsys.readouterr()
    assert output.err.startswith("--samples: ")
    assert (says in output.err, output.out) == (True, ""), output.err


def test_current_folder_can_be_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    joblib.dump(mixed_pipeline(), tmp_path / "model.joblib")
    monkeypatch.chdir(tmp_path)
    for folder in (".", f"../{tmp_path.name}"):
        arguments = commands.parser().parse_args(["check", folder])
        assert arguments.run(arguments) == 0
        assert capsys.readouterr().out.startswith(f"{tmp_path.name} would be served.")


def test_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = commands.parser().parse_args(["check", str(tmp_path / "absent.joblib")])
    assert arguments.run(arguments) == 2
    assert "There is no" in capsys.readouterr().err
