"""docs/estimators.md: which estimators of scikit-learn are served, and by which engine, made by preparing each of them.

`python -m support.make.survey` writes the page below its marker. Each estimator is fitted, saved, prepared, and loaded as
`serve` does; that its answers are right is a test's business.
"""

import gc
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import joblib
import sklearn

from modelway_server.engines.choose import prepare_model
from modelway_server.engines.load import load_prepared
from modelway_server.errors import LoadFailure
from modelway_server.runtimes.base import Runtime
from modelway_server.settings import ModelSettings
from support.trained.estimators import VARIANTS, Example, example, names

PAGE = Path(__file__).resolve().parents[3] / "docs" / "estimators.md"
MARKER = "<!-- Below this line everything is made by `make generate`. -->\n"


@dataclass(frozen=True)
class Finding:
    """What became of one estimator: a runtime that is warmed up, or why there is none."""

    example: Example
    runtime: Runtime | None = None
    refusal: LoadFailure | None = None


@cache
def survey(name: str) -> Finding:
    """The estimator of that name, as the server loads it; the same finding each time."""
    case = example(name)
    with tempfile.TemporaryDirectory() as directory:
        models, prepared = Path(directory) / "models", Path(directory) / "prepared"
        models.mkdir()
        prepared.mkdir()
        joblib.dump(case.estimator, models / "model.joblib")
        try:
            prepare_model(ModelSettings(model_dir=models), prepared)
        except LoadFailure as failure:
            return Finding(case, refusal=failure)
        runtime = load_prepared(models, prepared)
    runtime.warm_up()
    return Finding(case, runtime)


def page() -> str:
    """The whole page as it should be: what was written by hand, then the tables."""
    findings = [survey(name) for name in names()]
    classes = [finding for finding in findings if finding.example.name not in VARIANTS]
    served = sum(finding.runtime is not None for finding in classes)
    by_hand = PAGE.read_text().partition(MARKER)[0]
    counts = f"{served} are served and {len(classes) - served} are refused"
    return "\n".join(
        [
            by_hand + MARKER,
            f"Of the {len(classes)} estimators of scikit-learn {sklearn.__version__}, {counts}.",
            "",
            "## Served",
            "",
            "| estimator | sort | takes | methods, the default first | engine |",
            "|---|---|---|---|---|",
            *(_served_row(finding.example, finding.runtime) for finding in findings if finding.runtime is not None),
            "",
            "## Refused",
            "",
            "| estimator | sort | reason | why | remedy |",
            "|---|---|---|---|---|",
            *(_refused_row(finding.example, finding.refusal) for finding in findings if finding.refusal is not None),
            "",
        ]
    )


def _served_row(case: Example, runtime: Runtime) -> str:
    tensor = runtime.signature.describe_inputs()[0]
    takes = "text" if tensor["name"] == "text" else "numbers"
    nullable = tensor.get("parameters", {}).get("nullable")
    return (
        f"| `{case.name}` | {case.kind} | {takes}{' or null' if nullable else ''} "
        f"| {', '.join(f'`{method}`' for method in runtime.methods)} | {runtime.engine} |"
    )


def _refused_row(case: Example, refusal: LoadFailure) -> str:
    return f"| `{case.name}` | {case.kind} | `{refusal.reason}` | {refusal.message} | {refusal.remedy} |"


def main() -> int:
    """Write the page; the exit code."""
    gc.freeze()  # loading collects garbage, of which the libraries are none
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
