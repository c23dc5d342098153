"""What is made of the model server's .proto file: its descriptor, which the server loads, and types for mypy.

`python -m support.make.protobuf` makes both; `--check` says whether they are fresh.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "serving_image"
PROTO = SOURCES / "modelway_server" / "grpc" / "inference.proto"
DESCRIPTOR = PROTO.with_name("inference_pb2.binpb")
TYPES = PROTO.with_name("inference_pb2.pyi")


def generate() -> dict[Path, bytes]:
    """The files and what they should hold.

    Raises:
        ValueError: protoc refuses the .proto file; its complaint is on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        descriptor = Path(folder) / "descriptor"
        arguments = ["protoc", f"-I{SOURCES}", f"--pyi_out={folder}", f"--descriptor_set_out={descriptor}", str(PROTO)]
        if protoc.main(arguments):
            raise ValueError(f"protoc cannot read {PROTO}")
        types = (Path(folder) / TYPES.relative_to(SOURCES)).read_bytes()
        return {DESCRIPTOR: _only_file(descriptor.read_bytes()), TYPES: types}


def _only_file(descriptor_set: bytes) -> bytes:
    """The one descriptor of a set."""
    (only,) = FileDescriptorSet.FromString(descriptor_set).file
    return only.SerializeToString(deterministic=True)


def main() -> int:
    """Write the stale files, or name them with `--check`; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m support.make.protobuf", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file is stale")
    check = parser.parse_args().check
    stale = {
        path: content for path, content in generate().items() if not path.is_file() or path.read_bytes() != content
    }
    for path, content in stale.items():
        if check:
            sys.stderr.write(f"{path} is not what inference.proto says: run `make generate` and commit it\n")
        else:
            path.write_bytes(content)
            sys.stdout.write(f"wrote {path}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
