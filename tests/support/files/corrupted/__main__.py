"""`python -m support.files.corrupted [--every N] [--turn K] [--only NAME]`: let each model lie in each of its places, and ask it.

It prints what ended its process by a signal and ends with status 1, and with 0 when there was none.
"""

import argparse
import faulthandler
import json
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

from support.files.corrupted.boosted import lying_boosters
from support.files.corrupted.children import outcomes
from support.files.corrupted.models import models
from support.files.corrupted.traced import traced_files


def main(every: int, turn: int, only: str) -> int:
    """Try all models; 1 when one ended its process, or was refused without a reason."""
    warnings.simplefilter("ignore")
    faults, counted = list[str](), Counter[str]()
    for name, model in _models(only):
        lies = [lie for lie in model.lies() if zlib.crc32(f"{name} {lie}".encode()) % every == turn]
        for lie, outcome in zip(lies, outcomes(lies, model.outcome), strict=True):
            counted[outcome.partition(" by ")[0].partition(":")[0]] += 1
            if outcome.startswith(("ended", "failed")):
                faults.append(f"{name}: {model.where(lie)}: {outcome}")
                print(faults[-1], flush=True)
    print(json.dumps(counted))
    return int(bool(faults))


def _models(only: str) -> Iterator[tuple[str, Any]]:
    """Every model in every kind of file, by name."""
    for name, make_model in models().items():
        if only in f"{name} in a pickle" or only in f"{name} in skops":
            for kind, model in traced_files(*make_model()):
                yield f"{name} in {'a pickle' if kind == 'pickle' else kind}", model
    for name, make_file in lying_boosters().items():
        if only in name:
            yield name, make_file()


if __name__ == "__main__":
    faulthandler.enable()
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1, help="try one lie in so many")
    parser.add_argument("--turn", type=int, default=0, help="which of them: from 0 on")
    parser.add_argument("--only", default="", help="models whose name holds this")
    arguments = parser.parse_args()
    sys.exit(main(arguments.every, arguments.turn, arguments.only))
