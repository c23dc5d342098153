"""The list of TensorFlow's operations that only compute, runtimes/file_checks/tensorflow_operations.txt, made from its registry.

`python -m frameworks.operations` asks TensorFlow in its environment, and writes the list anew: look at what it adds before
you commit it. `make test-frameworks` fails where the registry has an operation that is neither listed nor refused here.
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

LIST: Final = (
    Path(__file__).resolve().parents[2] / "serving_image/modelway_server/runtimes/file_checks/tensorflow_operations.txt"
)
_FAMILIES: Final = re.compile(
    "^_|Dataset|Iterator|TPU|Tpu|Xla|(^|[a-z])Reader|Queue|^Barrier|Summary|PyFunc|File|(Send|Recv)$|SessionHandle|SessionTensor"
    "|Proto|^(Save|Restore|Rpc|DeleteRpc|Collective|Nccl|Debug|Experimental|Outfeed|Infeed|Stage|MapStage|OrderedMapStage|Copy|Print|Shard|Snapshot)"
)
"""Operations on files, data sets, queues, summaries, connections, Python, other devices and other processes, and those that
TensorFlow alone puts into a graph."""
_SINGLE: Final = frozenset(
    [
        "Abort",
        "AccumulatorSetGlobalStep",
        "BatchNormWithGlobalNormalization",
        "BatchNormWithGlobalNormalizationGrad",
        "BoostedTreesExampleDebugOutputs",
        "CalibrationStatisticsSaver",
        "CustomAggregator",
        "DTensorRestoreV2",
        "DTensorSetGlobalTPUArray",
        "DistributedSave",
        "FixedUnigramCandidateSampler",
        "GenerateVocabRemapping",
        "GlobalIterId",
        "ImmutableConst",
        "ImportEvent",
        "LoadAndRemapMatrix",
        "MergeV2Checkpoints",
        "MlirPassthroughOp",
        "QuantizedBatchNormWithGlobalNormalization",
        "RecordInput",
        "RemoteCall",
        "InitializeTableFromTextFile",
        "InitializeTableFromTextFileV2",
        "LMDBReader",
        "ResourceAccumulatorSetGlobalStep",
        "Skipgram",
        "StatsAggregatorSetSummaryWriter",
        "SymbolicGradient",
        "UpdateTaskIdAndGlobalCoreArray",
        "WorkerHeartbeat",
    ]
)
"""Others that read or write files, end the process, call what is named elsewhere, or are long gone from its Python."""


def computing(registered: Iterable[str]) -> list[str]:
    """Those of some operations that only compute, in order."""
    return sorted(name for name in registered if name not in _SINGLE and not _FAMILIES.search(name))


def list_operations() -> list[str]:
    """The operations that TensorFlow has, where it is installed."""
    from tensorflow.core.framework import op_def_pb2  # noqa: PLC0415  (in its own environment alone)
    from tensorflow.python.client import pywrap_tf_session  # noqa: PLC0415  (as above)

    operations = op_def_pb2.OpList()
    operations.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    return [operation.name for operation in operations.op]


def main() -> int:
    """Write the list; the exit code."""
    from support.make.environments import environment  # noqa: PLC0415  (not where TensorFlow is)

    python = environment("frameworks-tensorflow", lambda line: sys.stderr.write(f"{line}\n"))
    ask = "from frameworks.operations import *; print(*computing(list_operations()), sep='\\n')"
    tests = Path(__file__).resolve().parents[1]
    answer = subprocess.run([python, "-c", ask], cwd=tests, check=True, stdout=subprocess.PIPE, text=True)
    LIST.write_text(answer.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
