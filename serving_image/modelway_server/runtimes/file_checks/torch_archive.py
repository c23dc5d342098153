"""Judge the archive of a PyTorch program before PyTorch opens it. Nothing is imported and nothing is built.

A program is code in PyTorch's own languages, as text or as JSON, with tensors beside it. PyTorch also loads compiled
libraries, which run as they are, and pickles, which may name any function of Python. In an exported program it looks up
names and evaluates formulas in Python. All these are refused here.
"""

import io
import json
import lzma
import pickletools
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from modelway_server.errors import InvalidArtifact, UnsafeArtifact, words
from modelway_server.runtimes.trust import Trust

EXPORTED, SCRIPT = "torch.export.load", "torch.jit.load"
"""Names in `trustedTypes` that let a program load without this judgement."""
MAX_PICKLE, MAX_DOCUMENT, MAX_NESTED = 64 << 20, 256 << 20, 2
"""Bytes of a pickle, which names tensors but holds none; bytes of a document; levels of archives in archives."""
_OBJECTS: Final = ("custom_obj_", "opaque_obj_")
"""Prefixes of members that are pickled objects of any class."""
_COMPILED: Final = frozenset({
    ".so", ".a", ".o", ".dll", ".dylib", ".pyd", ".cubin", ".ptx", ".fatbin", ".hsaco", ".spv", ".cpp", ".cu", ".pyc"
})  # fmt: skip
_ARCHIVE, _PICKLE = b"PK\x03\x04", b"\x80"
_SCRIPT_CLASS = re.compile(r"__torch__(\.\w+)*")
_REBUILDERS: Final = frozenset({
    "collections.OrderedDict", "torch.Size", "torch.device", "torch.per_channel_affine", "torch.per_tensor_affine",
    "torch._utils._rebuild_parameter", "torch._utils._rebuild_qtensor", "torch._utils._rebuild_sparse_tensor",
    "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3",
    "torch._tensor._rebuild_from_type_v2", "torch.nn.parameter.Parameter", "torch.Tensor",
    "torch.jit._pickle.build_boollist", "torch.jit._pickle.build_doublelist", "torch.jit._pickle.build_intlist",
    "torch.jit._pickle.build_tensor_from_id", "torch.jit._pickle.build_tensorlist", "torch.jit._pickle.restore_type_tag",
    "torch.serialization._get_layout", "builtins.complex", "__builtin__.complex",
})  # fmt: skip
"""Names that pickles of tensors and of their containers use."""
_STORAGE = re.compile(r"torch(\.storage)?\.(Bool|BFloat16|Byte|Char|ComplexDouble|ComplexFloat|Double|Float|Half|Int|Long|QInt32|QInt8|QUInt8|Short|Typed|Untyped)Storage")  # fmt: skip
_DTYPE = re.compile(r"torch\.(bool|bfloat16|complex(32|64|128)|u?int(8|16|32|64)|float(16|32|64|8_\w+)|strided|sparse_\w+|contiguous_format|preserve_format)")  # fmt: skip
_OTHER_WAYS: Final = frozenset({"STACK_GLOBAL", "INST", "OBJ", "EXT1", "EXT2", "EXT4", "NEWOBJ_EX"})
"""Opcodes that can name things, and that PyTorch never writes."""
_FILES = re.compile(
    r"\b(?:torch|aten|prim)\s*(?:::|\.)\s*(?:from_file|save|load)\b|\bfrom_file\b|\b(?:torch|aten)\b(?!\s*(?:::|\.))|\bgetattr\b"
)
"""Operators of PyTorch that read or write files that the program names, and other ways to call them."""
_NUMBERED = re.compile(r'getattr\([\w.\s]*,\s*"(?:\d[\w.-]*|\w*-[\w.-]*)"\)')
"""How PyTorch writes a part whose name is no identifier."""
_TARGET = re.compile(
    r"torch\.ops\.(?!aten\.(?:from_file|save)\b)\w+\.\w+(\.\w+)?|_operator\.(?!attrgetter|itemgetter|methodcaller|call)\w+|math\.\w+"
    r"|torch\._?sym_\w+|torch\.(?:autograd|_C)\._functions\.\w+"
)
_LEAF = re.compile(r"Symbol\('\w+'(?:, \w+=(?:True|False))*\)|Float\('[\d.eE+-]+', precision=\d+\)")
"""A symbol or a number, as SymPy writes them into a formula."""
_FORMULA = re.compile(r"[\w\s+\-*/%(),.<>=&|~!]*")
_FUNCTIONS: Final = frozenset(
    [
        "Abs",
        "Add",
        "And",
        "CeilDiv",
        "CeilToInt",
        "CleanDiv",
        "Eq",
        "Equality",
        "ExprCondPair",
        "FloatPow",
        "FloatTrueDiv",
        "FloorDiv",
        "FloorToInt",
        "Ge",
        "GreaterThan",
        "Gt",
        "Identity",
        "IntTrueDiv",
        "Integer",
        "LShift",
        "Le",
        "LessThan",
        "Lt",
        "Max",
        "Min",
        "Mod",
        "ModularIndexing",
        "Mul",
        "Ne",
        "Not",
        "Or",
        "Piecewise",
        "Pow",
        "PowByNatural",
        "PythonMod",
        "RShift",
        "Rational",
        "RoundToInt",
        "StrictGreaterThan",
        "StrictLessThan",
        "ToFloat",
        "TruncToInt",
        "Tuple",
        "Unequality",
        "Where",
        "Xor",
        "ceiling",
        "floor",
    ]
)
"""Functions of a formula, of SymPy and of PyTorch's own."""
_CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(")
_ATTRIBUTE = re.compile(r"__|[A-Za-z_)\]]\s*\.|\.\s*[A-Za-z_]")
_REMEDY = "Save the program anew with torch.export.save or torch.jit.save, of tensors and PyTorch's own operators alone"


def judge(path: Path, trusted: Trust) -> None:
    """Check that a program holds nothing but its own code and tensors.

    Args:
        path: the archive.
        trusted: names that the user trusts. EXPORTED or SCRIPT lets everything pass in such a program.

    Raises:
        UnsafeArtifact: the program holds more.
        InvalidArtifact: the archive is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = EXPORTED if is_exported(archive.namelist()) else SCRIPT
            if not trusted.covers(name):
                _Judge(name).check_archive(archive, "")
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, ValueError, RuntimeError, EOFError) as error:
        raise InvalidArtifact(
            f"{path.name} is a PyTorch program that is truncated or damaged ({words(error)})",
            remedy="Compare its size and checksum with the file that was saved, and upload it again.",
        ) from error


def is_exported(members: list[str]) -> bool:
    """Whether an archive with these members is an exported program, and not TorchScript."""
    inner = {name.rpartition("/")[2] for name in members}
    return bool(inner & {"archive_format", "serialized_exported_program.json"})


class _Judge:
    def __init__(self, name: str) -> None:
        self._name = name

    def check_archive(self, archive: zipfile.ZipFile, place: str) -> None:
        if place.count("!") > MAX_NESTED:
            raise self._refusal(place, "an archive in an archive in an archive")
        for member in archive.infolist():
            if member.is_dir():
                continue
            with archive.open(member) as file:
                self._check_member(file, member, f"{place}{member.filename}")

    def _check_member(self, file: IO[bytes], member: zipfile.ZipInfo, place: str) -> None:
        path = PurePosixPath(member.filename)
        if path.is_absolute() or ".." in path.parts:
            raise self._refusal(place, "a file that leads out of the archive")
        if path.suffix.lower() in _COMPILED or "aotinductor" in path.parts:
            raise self._refusal(place, "compiled code, which runs as it is")
        if path.name.startswith(_OBJECTS):
            raise self._refusal(place, "a pickled object of a class that is not PyTorch's")
        head = file.read(4)
        if path.suffix == ".pkl":
            self._check_pickle(head + self._read(file, place, MAX_PICKLE), place)
        elif head == _ARCHIVE:
            with zipfile.ZipFile(io.BytesIO(head + self._read(file, place, MAX_DOCUMENT))) as inner:
                self.check_archive(inner, f"{place}!")
        elif path.suffix in {".pt", ".pth"} and head:
            raise self._refusal(place, "a pickle of an old form")
        elif path.suffix == ".json":
            self._check_document(head + self._read(file, place, MAX_DOCUMENT), place)
        elif path.suffix == ".py":
            self._check_code((head + self._read(file, place, MAX_DOCUMENT)).decode(errors="replace"), place)

    def _read(self, file: IO[bytes], place: str, limit: int) -> bytes:
        content = file.read(limit + 1)
        if len(content) > limit:
            raise self._refusal(place, f"more than {limit >> 20} MiB where PyTorch writes less")
        return content

    def _check_pickle(self, content: bytes, place: str) -> None:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name in _OTHER_WAYS:
                raise self._refusal(place, f"a pickle that PyTorch did not write (opcode {opcode.name})")
            if opcode.name == "GLOBAL" and not _is_known(name := str(argument).replace(" ", ".", 1)):
                raise self._refusal(place, f"a pickle that names {name[:100]}")

    def _check_code(self, text: str, place: str) -> None:
        count = 1
        while count:  # from the innermost outwards
            text, count = _NUMBERED.subn("part", text)
        if match := _FILES.search(text):
            raise self._refusal(place, f"{match[0]}, by which files are read or written")

    def _check_document(self, content: bytes, place: str) -> None:
        for key, value in _entries(json.loads(content)):
            if key == "target" and isinstance(value, str) and "." in value and not _TARGET.fullmatch(value):
                raise self._refusal(place, f"a node that calls {value[:100]}")
            if key == "expr_str" and isinstance(value, str) and not _is_formula(value):
                raise self._refusal(place, f"{value[:100]!r} for a size")
            if key == "use_pickle" and value is True:
                raise self._refusal(place, "weights that are pickled objects")

    def _refusal(self, place: str, what: str) -> UnsafeArtifact:
        return UnsafeArtifact(
            f"the PyTorch program holds {what}, in {place[:200]}",
            remedy=f"{_REMEDY}; if you made it and it needs this, add {self._name} to spec.model.trustedTypes.",
        )


def _is_known(name: str) -> bool:
    return name in _REBUILDERS or any(kind.fullmatch(name) for kind in (_STORAGE, _DTYPE, _SCRIPT_CLASS))


def _is_formula(text: str) -> bool:
    """Whether a size is only arithmetic. PyTorch hands it to SymPy, which evaluates any Python."""
    text = _LEAF.sub("s", text)
    return (
        _FORMULA.fullmatch(text) is not None
        and _ATTRIBUTE.search(text) is None
        and all(name in _FUNCTIONS for name in _CALLED.findall(text))
    )


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield all members of all objects in a document."""
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield from value.items()
            pending += value.values()
        elif isinstance(value, list):
            pending += value
