"""Train a small network on iris flowers with Keras, and export it as a SavedModel, packed as one file.

Usage: python examples/tensorflow/train.py [folder]   writes <folder>/iris/tensorflow.tar.gz; needs tensorflow and scikit-learn
"""

import shutil
import sys
import tempfile
from pathlib import Path

import keras
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split


def network() -> keras.Model:
    """Four measurements to three probabilities."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((4,), name="flower"), layers.Dense(16, activation="relu"), layers.Dense(3, activation="softmax")]
    )
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(folder: Path) -> None:
    """Fit, export, and say how good it is on held-out flowers."""
    rows, labels = load_iris(return_X_y=True)
    train_rows, test_rows, train_labels, test_labels = train_test_split(
        rows.astype("float32"), labels, random_state=0, stratify=labels
    )
    model = network()
    model.fit(train_rows, train_labels, epochs=60, verbose=0)
    target = folder / "iris"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as workspace:
        model.export(workspace, verbose=False)
        shutil.make_archive(str(target / "tensorflow"), "gztar", workspace)
    _, score = model.evaluate(test_rows, test_labels, verbose=0)
    print(f"iris tensorflow.tar.gz: accuracy {score:.3f} on {len(test_rows)} held-out flowers")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "models"))
