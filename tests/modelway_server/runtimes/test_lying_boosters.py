"""Files of XGBoost and LightGBM whose indices lead to what is not there are refused before their library follows them."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import pytest
import xgboost

from modelway_server.errors import InvalidArtifact, LoadFailure, UnsafeArtifact, UnsupportedModel
from modelway_server.runtimes import load_runtime
from modelway_server.runtimes.file_checks import ubjson
from modelway_server.runtimes.file_checks.clauses import Disagreement
from support.files.corrupted.boosted import lying_boosters
from support.models import WINE, WINE_KINDS
from support.trained.boosters import lightgbm_classifier, xgboost_classifier

HUGE = 2**31 - 7
LINES: dict[str, tuple[str, Callable[[list[str]], list[str]]]] = {
    "a child that leads out": ("left_child", lambda items: ["5000", *items[1:]]),
    "a leaf that leads out": ("right_child", lambda items: ["-5000", *items[1:]]),
    "a child that is too large for its type": ("left_child", lambda items: ["4294967297", *items[1:]]),
    "children that go round": ("left_child", lambda items: ["0"] * len(items)),
    "a child of two": ("left_child", lambda items: [items[1], *items[1:]]),
    "a column that is not there": ("split_feature", lambda items: ["5", *items[1:]]),
    "a column below the first": ("split_feature", lambda items: ["-1", *items[1:]]),
    "splits of another kind": ("decision_type", lambda items: ["16", *items[1:]]),
    "a list of categories that is not there": ("decision_type", lambda items: ["1"] * len(items)),
    "lists of categories that go back": ("cat_boundaries", lambda items: [*items[:-1], "-1"]),
    "lists of categories that are shorter": ("cat_threshold", lambda items: items[:-1]),
    "fewer lists of categories": ("num_cat", lambda _: ["0"]),
    "a leaf without a value": ("leaf_value", lambda items: items[:-1]),
    "a shrinkage that is no number": ("shrinkage", lambda _: ["x"]),
}
HEADS = {
    "more classes in the objective": ("num_class:3", "num_class:9"),
    "more classes than trees": ("num_class=3", "num_class=4"),
    "more trees than classes": ("num_tree_per_iteration=3", "num_tree_per_iteration=30"),
    "more columns than names": ("max_feature_idx=4", "max_feature_idx=400"),
    "an objective without a name": ("objective=multiclass num_class:3", "objective="),
    "one name for two columns": ("feature_names=alcohol acid", "feature_names=acid acid"),
    "no sizes of trees": ("tree_sizes=", "tree_bytes="),
    "a tree before the first": ("\nmax_feature_idx", "\nTree=x\nmax_feature_idx"),
    "a number twice": ("\nmax_feature_idx=4", "\nmax_feature_idx=400\nmax_feature_idx=4"),
    "lines that end otherwise": ("\nmax_feature_idx=4", "\rmax_feature_idx=400\nmax_feature_idx=4"),
}
CATEGORIES = ("5", '"ab"', "[1, 2]", '{"a": [1]}', "[[[1]], [2]]", '["ab", "cd"]')


def tree_of(document: Any) -> Any:
    return document["learner"]["gradient_booster"]["model"]["trees"][0]


def put(place: str, value: Any, index: int = 0) -> Callable[[Any], None]:
    def lie(document: Any) -> None:
        tree_of(document)[place][index] = value

    return lie


def put_in_model(place: str, value: Any) -> Callable[[Any], None]:
    def lie(document: Any) -> None:
        document["learner"]["gradient_booster"]["model"][place] = value

    return lie


def put_in_learner(part: str, place: str, value: Any) -> Callable[[Any], None]:
    def lie(document: Any) -> None:
        document["learner"][part][place] = value

    return lie


DOCUMENTS: dict[str, Callable[[Any], None]] = {
    "a child that leads out": put("left_children", 5000),
    "a child below the root": put("left_children", -5000),
    "a child that is the root": put("right_children", 0),
    "a child of two": put("left_children", 3, 2),
    "a parent that leads out": put("parents", HUGE, 1),
    "a column that is not there": put("split_indices", 5),
    "a huge column": put("split_indices", HUGE),
    "a type of split that is none": put("split_type", 2),
    "a split by no categories": put("split_type", 1),
    "a category below the first": put("categories", -1),
    "a huge category": put("categories", HUGE),
    "a list of categories that leads out": put("categories_sizes", 5000),
    "a list of categories before the first": put("categories_segments", -1),
    "categories of no split": put("categories_nodes", 1),
    "a class that is not there": put_in_model("tree_info", [HUGE] * 15),
    "trees of fewer classes": put_in_model("tree_info", [0] * 14),
    "rounds that lead out": put_in_model("iteration_indptr", [0, 3, 6, 9, 12, HUGE]),
    "rounds that go back": put_in_model("iteration_indptr", [0, 3, 1, 9, 12, 15]),
    "more columns": put_in_learner("learner_model_param", "num_feature", str(HUGE)),
    "fewer columns": put_in_learner("learner_model_param", "num_feature", "1"),
    "no classes": put_in_learner("learner_model_param", "num_class", "0"),
    "classes of an objective": lambda document: document["learner"]["objective"]["softmax_multiclass_param"].update(num_class="0"),
    "a best round that is none": lambda document: document["learner"]["attributes"].update(best_iteration="-5"),
    "offsets that lead out": lambda document: document["learner"]["gradient_booster"]["model"]["cats"]["enc"][3].update(offsets=[0, 4, 8, 5000]),
    "an order that is none": lambda document: document["learner"]["gradient_booster"]["model"]["cats"].update(sorted_idx=[HUGE] * 7),
}  # fmt: skip


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("lightgbm") / "model.txt"
    lightgbm_classifier(WINE_KINDS, path)
    return path.read_text()


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("xgboost") / "model.json"
    xgboost_classifier(WINE_KINDS, path)
    return path.read_bytes()


def refusal_of(path: Path) -> LoadFailure:
    with pytest.raises(LoadFailure) as error:
        load_runtime(path, format="auto", method="auto")
    assert error.value.remedy
    return error.value


@pytest.mark.parametrize("what", LINES)
def test_tree_of_lightgbm_that_lies_is_refused(tmp_path: Path, text: str, what: str) -> None:
    key, lie = LINES[what]
    head, _, rest = text.partition("\nTree=0\n")
    first, _, others = rest.partition("\nTree=1\n")
    lines = [
        f"{key}={' '.join(lie(line.partition('=')[2].split()))}" if line.startswith(f"{key}=") else line
        for line in first.split("\n")
    ]
    file_text = "\n".join(lines)
    grown = len(file_text) - len(first)
    sizes = next(line for line in head.split("\n") if line.startswith("tree_sizes="))
    whole, *more = sizes.removeprefix("tree_sizes=").split()
    head = head.replace(sizes, f"tree_sizes={int(whole) + grown} {' '.join(more)}")
    (tmp_path / "model.txt").write_text(f"{head}\nTree=0\n{file_text}\nTree=1\n{others}")
    failure = refusal_of(tmp_path / "model.txt")
    assert isinstance(failure, InvalidArtifact)
    assert "tree 0: " in failure.message


@pytest.mark.parametrize("what", HEADS)
def test_head_of_lightgbm_that_lies_is_refused(tmp_path: Path, text: str, what: str) -> None:
    before, after = HEADS[what]
    assert before in text
    (tmp_path / "model.txt").write_bytes(text.replace(before, after, 1).encode())
    assert isinstance(refusal_of(tmp_path / "model.txt"), InvalidArtifact)


@pytest.mark.parametrize("message", CATEGORIES)
def test_categories_that_are_no_lists_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "model.txt").write_text(f"{text.rpartition('pandas_categorical:')[0]}pandas_categorical:{message}\n")
    assert isinstance(refusal_of(tmp_path / "model.txt"), UnsupportedModel)


def test_leaves_of_lines_keep_to_their_columns(tmp_path: Path) -> None:
    settings = {"linear_tree": True, "verbose": -1, "num_leaves": 4, "num_threads": 1}
    path = tmp_path / "model.txt"
    lightgbm.train(settings, lightgbm.Dataset(WINE[:, :3], label=WINE[:, 5]), 2).save_model(path)
    load_runtime(path, format="auto", method="auto").warm_up()
    path.write_text(path.read_text().replace("leaf_features=0 1", "leaf_features=9 1"))
    assert "a column of a leaf leads out" in refusal_of(path).message


@pytest.mark.parametrize("what", DOCUMENTS)
def test_document_of_xgboost_that_lies_is_refused(tmp_path: Path, document: bytes, what: str) -> None:
    model = json.loads(document)
    DOCUMENTS[what](model)
    (tmp_path / "model.json").write_text(json.dumps(model))
    assert isinstance(refusal_of(tmp_path / "model.json"), InvalidArtifact)


def test_duplicate_key_is_refused(tmp_path: Path, document: bytes) -> None:
    damaged_document = document.replace(b'"left_children":', b'"left_children":[5000],"left_children":', 1)
    (tmp_path / "model.json").write_bytes(damaged_document)
    assert "twice" in refusal_of(tmp_path / "model.json").message


@pytest.mark.parametrize("name", [name for name in lying_boosters() if name.endswith("ubj")])
def test_ubjson_that_is_cut_off_is_refused(name: str) -> None:
    model = lying_boosters()[name]()
    content = model.content()
    ubjson.read(content)
    for cut in range(1, len(content), max(len(content) // 50, 1)):
        with pytest.raises(Disagreement):
            ubjson.read(content[:-cut])


@pytest.mark.parametrize("name", lying_boosters())
def test_file_that_does_not_lie_answers(name: str) -> None:
    assert lying_boosters()[name]().as_it_is() == "answered"


def test_pickled_booster_that_lies_is_refused(tmp_path: Path, text: str, document: bytes) -> None:
    path = tmp_path / "model.pkl"
    light = lightgbm.Booster(model_str=text)
    saved_text = light.model_to_string()
    path.write_bytes(pickle.dumps(light, 2).replace(b"split_feature=0 ", b"split_feature=9 ", 1))
    assert f"split_feature={saved_text.partition('split_feature=')[2][:2]}" == "split_feature=0 "
    assert isinstance(refusal_of(path), UnsafeArtifact)
    boost = xgboost.Booster()
    boost.load_model(bytearray(document))
    content = pickle.dumps(boost, 4)
    place = content.index(b"split_indices") + len(b"split_indices[$l#L") + 8
    path.write_bytes(content[:place] + b"\x7f" + content[place + 1 :])
    assert "split leads out" in refusal_of(path).message
