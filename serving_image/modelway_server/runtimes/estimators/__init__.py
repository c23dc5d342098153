"""What only scikit-learn's estimators need: the columns that each part of a model gets, and what it needs of them."""

from modelway_server.runtimes.lean_imports import import_sklearn

import_sklearn()  # before any module here imports it as it comes
