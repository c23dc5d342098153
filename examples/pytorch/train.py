"""Train a small network on iris flowers with PyTorch, and export it as a program.

Usage: python examples/pytorch/train.py [folder]   writes <folder>/iris/model.pt2; needs torch and scikit-learn
"""

import sys
from pathlib import Path

import torch
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

STEPS = 300


def network() -> torch.nn.Sequential:
    """Four measurements to three probabilities."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3), torch.nn.Softmax(dim=1))


def fit(model: torch.nn.Module, rows: torch.Tensor, labels: torch.Tensor) -> None:
    """Minimize the negative log-likelihood of all rows at once."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(STEPS):
        optimizer.zero_grad()
        torch.nn.functional.nll_loss(torch.log(model(rows) + 1e-9), labels).backward()
        optimizer.step()


def main(folder: Path) -> None:
    """Fit, export with any number of rows, and say how good it is on held-out flowers."""
    rows, labels = load_iris(return_X_y=True)
    parts = train_test_split(rows.astype("float32"), labels, random_state=0, stratify=labels)
    train_rows, test_rows, train_labels, test_labels = map(torch.from_numpy, parts)
    model = network()
    fit(model, train_rows, train_labels)
    program = torch.export.export(model.eval(), (test_rows[:2],), dynamic_shapes=({0: torch.export.Dim("rows")},))
    target = folder / "iris" / "model.pt2"
    target.parent.mkdir(parents=True, exist_ok=True)
    torch.export.save(program, target)
    score = (model(test_rows).argmax(dim=1) == test_labels).float().mean().item()
    print(f"iris model.pt2: accuracy {score:.3f} on {len(test_rows)} held-out flowers")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "models"))
