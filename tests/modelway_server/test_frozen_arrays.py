"""What was judged of a model stays as it was, and what its own kernel gives is looked at."""

import pickle

import numpy as np
import pytest
from sklearn.metrics.pairwise import linear_kernel
from sklearn.preprocessing import StandardScaler
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


def test_a_kernel_that_gives_other_columns_raises_when_asked() -> None:
    machine = SVC(kernel=linear_kernel).fit(WINE, WINE_KINDS)
    expected = machine.decision_function(WINE)
    check_model(machine)
    assert np.array_equal(machine.decision_function(WINE), expected)
    machine._BaseLibSVM__Xfit = WINE[:1]
    with pytest.raises(ValueError, match="the kernel gives the shape"):
        machine.decision_function(WINE)
