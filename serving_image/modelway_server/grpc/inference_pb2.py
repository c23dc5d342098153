"""The messages of inference.proto, as inference_pb2.pyi types them.

They live in a pool of their own and not in protobuf's default one, so that a model's own code may bring another library
that speaks this protocol (tritonclient, kserve, mlserver: each registers the same names). For the same reason they are
made from the descriptor and not by protoc's Python code, which refuses every protobuf older than its own.
"""

from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

DESCRIPTOR: Final = DescriptorPool().AddSerializedFile(Path(__file__).with_suffix(".binpb").read_bytes())

globals().update({name: GetMessageClass(message) for name, message in DESCRIPTOR.message_types_by_name.items()})
