"""What was judged of a model stays as it was, and what its own kernel gives is looked at."""

import pickle
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import CubicSpline, NdBSpline, NdPPoly, RBFInterpolator, RegularGridInterpolator
from sklearn.metrics.pairwise import linear_kernel
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from modelway_server.runtimes.pickle.load import make
from modelway_server.runtimes.pickle.machine import read
from modelway_server.runtimes.pickle.owners import check_model
from modelway_server.runtimes.trust import Trust
from support.models import WINE, WINE_KINDS


def test_arrays_are_read_only_but_those_of_trusted_objects() -> None:
    content = pickle.dumps([StandardScaler().fit(WINE), np.ones(3)])
    scaler, array = make(read(content), Trust())
    assert not scaler.mean_.flags.writeable
    scaler, array = make(read(content), Trust(("sklearn.preprocessing._data.*",)))
    assert scaler.mean_.flags.writeable
    assert not array.flags.writeable


INTERPOLATORS: list[Any] = [
    NdPPoly(np.ones((2, 2, 3, 3)), (np.arange(4.0), np.arange(4.0))),
    RBFInterpolator(WINE[:, :2], WINE[:, 2]),
    RegularGridInterpolator((np.arange(4.0), np.arange(5.0)), np.ones((4, 5)), method="cubic", bounds_error=False),
    NdBSpline((np.r_[[0.0] * 3, np.arange(9.0), [8.0] * 3],) * 2, np.ones((11, 11)), 3),
    CubicSpline(np.arange(15.0), np.arange(15.0)),
]


@pytest.mark.parametrize("function", INTERPOLATORS, ids=lambda function: type(function).__name__)
def test_interpolator_answers_from_read_only_arrays(function: Any) -> None:
    rows = WINE[:3, :2] / 10
    transformer = make(read(pickle.dumps(FunctionTransformer(function))), Trust())
    assert np.array_equal(transformer.func(rows), function(rows), equal_nan=True)


def test_kernel_that_gives_other_columns_raises_when_asked() -> None:
    machine = SVC(kernel=linear_kernel).fit(WINE, WINE_KINDS)
    expected = machine.decision_function(WINE)
    check_model(machine)
    assert np.array_equal(machine.decision_function(WINE), expected)
    machine._BaseLibSVM__Xfit = WINE[:1]
    with pytest.raises(ValueError, match="the kernel gives the shape"):
        machine.decision_function(WINE)
