"""Check the documents in pickled boosters of XGBoost and LightGBM, which are the same as in their files."""

from modelway_server.runtimes.file_checks import lightgbm_text, xgboost_document
from modelway_server.runtimes.file_checks.clauses import Disagreement, State, hold


def lightgbm(state: State) -> None:
    """Check the text of a booster; a booster that was loaded has none."""
    for key in ("_handle", "handle"):
        if isinstance(text := state.get(key), str):
            try:
                lightgbm_text.check(text.encode())
            except lightgbm_text.NewerLayout as error:
                raise Disagreement(f"its text is of the layout {error.args[0]}") from error


def xgboost(state: State) -> None:
    """Check the bytes of a booster, and rewrite them if readers may differ on them. A booster that was loaded has none."""
    if isinstance(content := state.get("handle"), bytes | bytearray):
        document = xgboost_document.read(bytes(content))
        hold("Model" in document, "it holds no model")
        xgboost_document.check(document)
        if isinstance(state, dict):
            state["handle"] = bytearray(xgboost_document.loadable(bytes(content), document))
