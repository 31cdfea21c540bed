"""Kernels compiled before, loaded from disk without numba.

To import numba and let it find a kernel in its own cache takes a third of a second and ten milliseconds a kernel, for
machine code that is there already. So what it has compiled is kept here once more, as the object file it is, and loaded
by llvmlite, which numba stands on. What a function of numba's takes is flat: of an array seven words, of a tuple its
members, before them where the result goes and where an error would (numba.core.callconv, CPUCallConv). Beside it
stands an entry, which takes that from memory, and what there is to know of an array from the array itself.

Anything that is not quite as expected is left to numba: an argument of another kind, a platform without ELF, a folder
that cannot be written. A process that has imported numba uses numba: its calls are quicker.
"""

import ctypes
import json
import os
import struct
import sys
from array import array
from ast import literal_eval
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

from numpy import dtype, ndarray, zeros

FORM = 3  # of what stands in a file; another one is not read
_INT, _POINTER = ctypes.c_int64, ctypes.c_void_p
_INTS = {f"{'|' if bits == 8 else '<'}{sign}{bits // 8}": getattr(ctypes, f"c_{'u' * (sign == 'u')}int{bits}")
         for bits in (8, 16, 32, 64) for sign in "iu"} | {"|b1": ctypes.c_bool}  # fmt: skip
_WITHOUT_RESULT = -2  # a status of CPUCallConv that is no error, as 0 is

Call = Callable[[Any], Any]  # takes a row of words
_loading = Lock()  # threads may be the first to call a kernel


class Objects:
    """The machine code of one kernel, by the kinds of its arguments."""

    def __init__(self, name: str, made_of: Callable[[], object]) -> None:
        self.name, self.made_of = name, made_of
        self.loaded: dict[object, Call | None] = {}
        self.digest = ""

    def call(self, arguments: tuple[Any, ...]) -> tuple[Any] | None:
        """What it gives, as the one member of a tuple; None where it is for numba."""
        if sys.modules.get("numba") or not _as_expected:
            return None
        kinds: list[object] = []
        words: list[int] = [0, 0]
        _take_apart(arguments, kinds, words)
        key = tuple(kinds)
        if key not in self.loaded:
            with _loading:
                self.loaded[key] = self.loaded.get(key) or self._find(tuple(map(_kind, arguments)))
        call = self.loaded[key]
        return None if call is None else (call(array("q", words)),)

    def _find(self, kinds: tuple[object, ...]) -> Call | None:
        with suppress(OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError):
            return _load(self._path(kinds).read_bytes()) if None not in kinds else None
        return None

    def keep(self, made: Any) -> None:
        """Keep what numba has just compiled, if that can be."""
        with suppress(Exception):  # numba's insides may change; then nothing is kept, and nothing is lost
            path = self._path(tuple(map(_kind_of_type, made.signature.args)))
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(f".{os.getpid()}")
            draft.write_bytes(_file(made))
            draft.replace(path)

    def _path(self, kinds: object) -> Path:
        if not self.digest:
            self.digest = repr((FORM, self.made_of(), _surroundings()))
        name = blake2b(repr((self.digest, kinds)).encode(), digest_size=16).hexdigest()
        return _folder() / f"{self.name}-{name}.obj"


@cache
def _folder() -> Path:
    """Where numba keeps what it compiles; beside the kernels, or where that cannot be written, the user's own."""
    told = os.environ.get("NUMBA_CACHE_DIR")
    here = Path(__file__).parent / "__pycache__"
    if told:
        return Path(told)
    return here if os.access(here if here.exists() else here.parent, os.W_OK) else Path.home() / ".cache" / "zsim"


@cache
def lessons() -> str:
    """What numba is taught, and where the constants in it stand: kernels change with it."""
    names = ("ahead.py", "taught.py", "turn.py", "vectors.py", "passes.py")
    texts = [(Path(__file__).parent / name).read_bytes() for name in names]
    return blake2b(b"".join(texts), digest_size=16).hexdigest()


@cache
def has(feature: str) -> bool:
    """Whether what numba compiles may use a feature of this machine, by the name LLVM gives it."""
    if os.environ.get("NUMBA_CPU_NAME") or os.environ.get("NUMBA_CPU_FEATURES"):
        return False  # numba is told to forget some
    from llvmlite import binding

    return bool(binding.get_host_cpu_features().get(feature))


@cache
def _surroundings() -> object:
    """What else machine code depends on: the machine, how numba is told to compile, and what it is taught."""
    from llvmlite import binding

    told = sorted((name, value) for name, value in os.environ.items() if name.startswith("NUMBA_"))
    return (binding.llvm_version_info, binding.get_host_cpu_name(), sorted(binding.get_host_cpu_features().items()),
            [each for each in told if each[0] != "NUMBA_CACHE_DIR"], lessons())  # fmt: skip


_CONTIGUOUS, _ALIGNED, _WRITABLE = 0x1, 0x100, 0x400  # flags of an array (numpy/ndarraytypes.h)
_FLAGS = _CONTIGUOUS | _ALIGNED | _WRITABLE


def _take_apart(arguments: tuple[Any, ...], kinds: list[object], words: list[int]) -> None:
    """What tells the kinds of arguments apart, soon found, and a word for each: a number, or where an array is."""
    for each in arguments:
        kind = type(each)
        if kind is ndarray:
            kinds += (each.dtype.char, each.flags.num & _FLAGS, each.ndim)
            words.append(id(each))
        elif kind is tuple:
            kinds.append(len(each))
            _take_apart(each, kinds, words)
        else:
            kinds.append(kind)
            words.append(each if kind is int else _signed(each))


def _signed(number: Any) -> int:
    """The word that a number of numpy's is; 0 for what is none, and no kernel takes."""
    with suppress(TypeError, ValueError):
        return (int(number) + (1 << 63)) % (1 << 64) - (1 << 63)
    return 0


def _kind(argument: Any) -> object:
    """What numba would tell apart, as `_kind_of_type` has it; None for what it must be asked about."""
    if type(argument) is int:
        return "<i8"
    if type(argument) is tuple:
        kinds = tuple(map(_kind, argument))
        return None if None in kinds else kinds
    if getattr(argument, "ndim", None) == 1:
        flags = argument.flags
        return repr([argument.dtype.str, flags.c_contiguous, flags.writeable, flags.aligned])
    if getattr(argument, "ndim", None) == 0 and argument.dtype.kind in "iu":
        return argument.dtype.str
    return None


def _kind_of_type(of: Any) -> object:
    """The same of a type of numba's. Raises ValueError for those there is no kind of."""
    from numba import types
    from numba.np.numpy_support import as_dtype

    if isinstance(of, types.BaseTuple):
        return tuple(map(_kind_of_type, of.types))
    if isinstance(of, types.Array) and of.ndim == 1:
        return repr([as_dtype(of.dtype).str, of.layout == "C", of.mutable, of.aligned])
    if isinstance(of, types.Integer | types.Boolean):
        return as_dtype(of).str
    raise ValueError(of)


# Where an array of numpy's has the address of its data, of its shape and of its strides (numpy/ndarraytypes.h).
_DATA = object.__basicsize__
_SHAPE, _STRIDES = _DATA + 2 * ctypes.sizeof(_POINTER), _DATA + 3 * ctypes.sizeof(_POINTER)


def _agrees(sample: Any) -> bool:
    """Whether that is where these are."""
    data, shape, strides = (_INT.from_address(id(sample) + at).value for at in (_DATA, _SHAPE, _STRIDES))
    if data != sample.ctypes.data or not shape or not strides:
        return False
    return (_INT.from_address(shape).value, _INT.from_address(strides).value) == (*sample.shape, *sample.strides)


_as_expected = ctypes.sizeof(_POINTER) == 8 and _agrees(zeros(6, "u4")[1::2])


def _each(kinds: Any) -> Iterator[str]:
    """The kinds of arguments, of which those in tuples have words of their own."""
    for kind in kinds:
        if isinstance(kind, tuple):
            yield from _each(kind)
        else:
            yield kind


def _entry(kinds: Any) -> bytes:
    """The object file of a function of two addresses: of a function of numba's that takes arguments of these kinds,
    and of the words it is called with."""
    from llvmlite import binding, ir

    word, octets = ir.IntType(64), ir.IntType(8).as_pointer()
    module = ir.Module()
    module.triple = binding.get_process_triple()
    function = ir.Function(module, ir.FunctionType(ir.IntType(32), [word, word.as_pointer()]), "entry")
    builder = ir.IRBuilder(function.append_basic_block())

    def load(address: Any) -> Any:
        return builder.load(builder.inttoptr(address, word.as_pointer()))

    given = builder.ptrtoint(function.args[1], word)
    words = (load(builder.add(given, word(8 * at))) for at in count())
    arguments = [builder.inttoptr(next(words), octets) for _ in range(2)]  # for the result and an error
    for kind in _each(kinds):
        value = next(words)
        if kind.startswith("["):  # owner, parent, items, octets of an item, data, shape, stride
            size, stride = (load(load(builder.add(value, word(at)))) for at in (_SHAPE, _STRIDES))
            nobody, data = octets(None), builder.inttoptr(load(builder.add(value, word(_DATA))), octets)
            arguments += nobody, nobody, size, word(dtype(literal_eval(kind)[0]).itemsize), data, size, stride
        else:
            wanted = ir.IntType(8 * ctypes.sizeof(_INTS[kind]))
            arguments.append(value if wanted == word else builder.trunc(value, wanted))
    kernel = ir.FunctionType(ir.IntType(32), [each.type for each in arguments]).as_pointer()
    builder.ret(builder.call(builder.inttoptr(function.args[0], kernel), arguments))
    return bytes(_machine().emit_object(binding.parse_assembly(str(module))))


def _machine() -> Any:
    """This machine, as llvmlite compiles and loads for it."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.Target.from_default_triple().create_target_machine(jit=True)


def _file(made: Any) -> bytes:
    """What is kept of a compilation of numba's. Raises ValueError where that is nothing this can load."""
    from numba import types

    result = made.signature.return_type
    members = () if result is types.none else tuple(getattr(result, "types", None) or (result,))
    code: bytes = made.library._get_compiled_object()
    entry = _entry(tuple(map(_kind_of_type, made.signature.args)))
    head = {
        "symbol": made.fndesc.llvm_func_name,
        "result": [_kind_of_type(each) for each in members],
        "single": bool(members) and not isinstance(result, types.BaseTuple),
        "unresolved": [name for name in _undefined(code) if name.startswith(("NRT_", "numba_"))],
        "entry": len(code),
        "digest": blake2b(code + entry).hexdigest(),
    }
    return json.dumps(head).encode() + b"\n" + code + entry


def _undefined(code: bytes) -> Iterator[str]:
    """The symbols an ELF object needs from elsewhere (System V ABI, chapter 4). Raises ValueError for other files."""
    if code[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no ELF object of 64 bits, little-endian")
    (at,) = struct.unpack_from("<Q", code, 0x28)
    size, count = struct.unpack_from("<HH", code, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", code, at + row * size) for row in range(count)]
    for _, kind, _, _, begin, octets, link, *_ in sections:
        if kind == 2:  # a symbol table, whose names are in section `link`
            names = sections[link][4]
            for entry in range(begin, begin + octets, 24):
                name, _, _, section = struct.unpack_from("<IBBH", code, entry)
                if name and not section:
                    yield code[names + name : code.index(b"\0", names + name)].decode()


_engines: list[Any] = []  # for ever, for their code may be running


def _load(octets: bytes) -> Call:
    """A function that calls what a file holds. Raises ValueError for one that is damaged."""
    line, _, code = octets.partition(b"\n")
    head = json.loads(line)
    if head["digest"] != blake2b(code).hexdigest():
        raise ValueError("damaged")
    from llvmlite import binding

    machine = _machine()
    for name in head["unresolved"]:  # what counts references to arrays that have none, or tells of errors
        if not binding.address_of_symbol(name):
            binding.add_symbol(name, ctypes.cast(ctypes.CDLL(None).abort, _POINTER).value)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    for each in (code[: head["entry"]], code[head["entry"] :]):
        engine.add_object_file(binding.ObjectFileRef.from_data(each))
    engine.finalize_object()
    _engines.append(engine)
    address = engine.get_function_address(head["symbol"])
    enter = ctypes.CFUNCTYPE(ctypes.c_int32, _INT, _INT)(engine.get_function_address("entry"))
    fields = [(f"r{at}", _INTS[kind]) for at, kind in enumerate(head["result"])] or [("r0", _POINTER)]
    result = type("Result", (ctypes.Structure,), {"_fields_": fields})
    names, single, nothing = [name for name, _ in fields], head["single"], not head["result"]
    addressof = ctypes.addressof

    def call(words: Any) -> Any:
        out, error = result(), _INT()
        words[0], words[1] = addressof(out), addressof(error)
        status = enter(address, words.buffer_info()[0])
        if status not in (0, _WITHOUT_RESULT):
            raise RuntimeError(f"a kernel has failed, with status {status}")
        if nothing:
            return None
        return out.r0 if single else tuple([getattr(out, name) for name in names])

    return call
