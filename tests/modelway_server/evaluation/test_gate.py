"""The gate as a whole: a file of labelled rows, two models' answers, a verdict."""

from pathlib import Path

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modelway_server.evaluation.answers import answers_of
from modelway_server.evaluation.dataset import read_dataset
from modelway_server.evaluation.gate import judge
from modelway_server.evaluation.report import Outcome
from modelway_server.evaluation.wish import Wish
from modelway_server.runtimes.estimators.runtime import EstimatorRuntime


def test_good_model_passes_a_low_limit(tmp_path: Path) -> None:
    rows, target = load_breast_cancer(return_X_y=True, as_frame=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows[::2], target[::2])
    rows.assign(label=target).to_csv(tmp_path / "rows.csv", index=False)
    wish = Wish.from_document(
        {"target": "label", "metrics": [{"name": "accuracy", "min": 0.9}, {"name": "roc_auc", "min": 0.9}]}
    )
    dataset = read_dataset(tmp_path / "rows.csv", wish)
    runtime = EstimatorRuntime(model, ("predict", "predict_proba"), None)
    runtime.warm_up()
    report = judge(wish, dataset, answers_of(runtime, dataset), None, "seed")
    assert report.outcome is Outcome.PASSED
    assert report.criteria[0].value == model.score(rows, target)
