"""What pickled boosters of XGBoost and LightGBM hold: the same documents as their files."""

from modelway_server.runtimes.file_checks import lightgbm_text, xgboost_document
from modelway_server.runtimes.file_checks.clauses import Disagreement, State, hold


def lightgbm(state: State) -> None:
    """A booster's text; once it is loaded there is none."""
    for key in ("_handle", "handle"):
        if isinstance(text := state.get(key), str):
            try:
                lightgbm_text.check(text.encode())
            except lightgbm_text.NewerLayout as error:
                raise Disagreement(f"its text is of the layout {error.args[0]}") from error


def xgboost(state: State) -> None:
    """A booster's bytes, written anew where there are two ways to read them; once they are loaded there are none."""
    if isinstance(content := state.get("handle"), bytes | bytearray):
        document = xgboost_document.read(bytes(content))
        hold("Model" in document, "it holds no model")
        xgboost_document.check(document)
        if isinstance(state, dict):
            state["handle"] = bytearray(xgboost_document.loadable(bytes(content), document))
