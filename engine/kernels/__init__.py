"""Every loop over packets, a file a job, and the decorator that gives each of them two lives.

A kernel is written once, in the Python that numba compiles: arrays of one dimension and ints in, output
arrays last, no allocation, no objects. Called with `array.array` and `bytes` it runs as the Python it is;
called with numpy arrays it is machine code: from disk without numba, if it was compiled before (see objects.py),
or else compiled, and numba imported, at that moment. The first argument is an array and decides.

Integers behave alike in both lives as long as no step leaves 64 bits and no two unsigned values are
subtracted: kernels turn what they read into a signed number by arithmetic with one, and mask what they shift.
Index letters: `p` packet, `c` column, `r` rule, `w` word, `i` row of a list.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any
from zlib import crc32

from engine.arrays import is_compiled

if TYPE_CHECKING:
    from engine.kernels.objects import Objects

_told: list[Callable[[str], None]] = []  # who wants to hear of compilations, innermost last


class Inner:
    """A function that machine code calls; called from Python, it is compiled as well."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.plain = function
        self.machine: Any = None
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__

    def __call__(self, *arguments: Any) -> Any:
        return self.compiled()(*arguments)

    def compiled(self) -> Any:
        """numba's dispatcher, which other compiled code may call."""
        if self.machine is None:
            self.machine = self._compiled()
        return self.machine

    @cached_property
    def made_of(self) -> str:
        """A digest of what its machine code depends on: its code, constants, and the functions it calls."""
        from hashlib import blake2b

        code = self.plain.__code__
        found: list[Any] = [code.co_code, _constants(code)]
        for name in sorted(_names(code)):
            value = self.plain.__globals__.get(name)
            if isinstance(value, int | tuple | str):
                found += [name, value]
            elif isinstance(value, Inner):
                found += [name, value.made_of]
        return blake2b(repr(found).encode(), digest_size=16).hexdigest()

    def _compiled(self) -> Any:
        from numba import njit

        _listen()
        return njit(nogil=True)(_linked(self.plain))


class Kernel(Inner):
    """A function over arrays that runs as Python or as machine code, by the make of its first argument."""

    @cached_property
    def objects(self) -> "Objects":
        """Its machine code on disk."""
        from engine.kernels.objects import Objects

        return Objects(self.__name__, lambda: self.made_of)

    def __call__(self, *arguments: Any) -> Any:
        if not is_compiled(arguments[0]):
            return self.plain(*arguments)
        if self.machine is not None:
            return self.machine(*arguments)
        found = self.objects.call(arguments)
        return found[0] if found is not None else self.compiled()(*arguments)

    def _compiled(self) -> Any:
        """The same, kept on disk: numba compiles the values of globals and the functions of other files into the code
        and yet notices on disk only a change of the file. So both become part of the name under which it is kept."""
        from numba import njit

        from engine.kernels.objects import FORM, lessons

        _listen()
        linked = _linked(self.plain)
        linked.__qualname__ = f"{self.__name__}_{crc32(repr((FORM, self.made_of, lessons())).encode()):08x}"
        return njit(cache=True, nogil=True)(linked)


def kernel(function: Callable[..., Any]) -> Kernel:
    """Make a function over arrays a kernel."""
    return Kernel(function)


def inner(function: Callable[..., Any]) -> Inner:
    """Make a function part of kernels; for compiled mode only."""
    return Inner(function)


@contextmanager
def telling_compilation(callback: Callable[[str], None]) -> Iterator[None]:
    """Call `callback(kernel name)` for every kernel compiled meanwhile; one found on disk is not compiled."""
    _told.append(callback)
    try:
        yield
    finally:
        _told.remove(callback)


def _names(code: CodeType) -> set[str]:
    """The globals a function may use."""
    inside = (_names(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*inside)


def _linked(function: Any) -> Any:
    """The function with dispatchers in the place of kernels and inner functions."""
    globals_ = function.__globals__
    called = {name: of.compiled() for name in _names(function.__code__) if isinstance(of := globals_.get(name), Inner)}
    made = FunctionType(function.__code__, {**globals_, **called}, function.__name__, function.__defaults__)
    made.__doc__ = function.__doc__
    return made


def _constants(code: CodeType) -> list[Any]:
    """The constants of a function; of functions within it, their code and constants."""
    return [[one.co_code, _constants(one)] if isinstance(one, CodeType) else one for one in code.co_consts]


_listening: list[Any] = []


def _listen() -> None:
    """Teach numba what kernels need, and pass its "numba:compile" events, which it sends for real compilations only, to
    who was told."""
    if _listening:
        return
    from numba.core import event

    from engine.kernels import ahead

    ahead.teach()
    import_module("engine.kernels.taught")

    class Listener(event.Listener):  # type: ignore[misc]  # numba has no types
        def on_start(self, event: Any) -> None:
            if of := self.kernel(event):
                for callback in tuple(_told):
                    callback(of.__name__)

        def on_end(self, event: Any) -> None:
            made = event.data["dispatcher"].overloads.get(tuple(event.data["args"]))
            if (of := self.kernel(event)) and made is not None:
                of.objects.keep(made)

        def kernel(self, event: Any) -> Kernel | None:
            function = event.data["dispatcher"].py_func
            found = getattr(sys.modules.get(function.__module__), function.__name__, None)
            return found if isinstance(found, Kernel) else None

    _listening.append(Listener())
    event.register("numba:compile", _listening[0])
