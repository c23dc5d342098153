"""What runs in parallel are the server's workers, never the estimators inside a model."""

from pathlib import Path

import joblib
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modelway_server.runtimes.base import as_estimator_holder
from modelway_server.runtimes.estimators.runtime import load_estimator
from support.models import WINE, WINE_KINDS


def test_no_estimator_inside_another_starts_threads(tmp_path: Path) -> None:
    voters = [("forest", RandomForestClassifier(3)), ("near", KNeighborsClassifier())]
    model = make_pipeline(StandardScaler(), VotingClassifier(voters)).fit(WINE, WINE_KINDS)
    for part in (model[-1], *model[-1].estimators_):
        part.n_jobs = -1
    joblib.dump(model, tmp_path / "model")
    runtime = load_estimator(tmp_path / "model", "auto")
    own = as_estimator_holder(runtime)
    assert own is not None
    voting = own.estimator[-1]
    assert [part.n_jobs for part in (voting, *voting.estimators_)] == [1, 1, 1]
