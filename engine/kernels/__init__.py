"""Every loop over packets, a file a job, and the decorator that gives each of them two lives.

A kernel is written once, in the Python that numba compiles: arrays of one dimension and ints in, output
arrays last, no allocation, no objects. Called with `array.array` and `bytes` it runs as the Python it is;
called with numpy arrays it is compiled, and numba imported, at that moment. The first argument is an array
and decides.

Integers behave alike in both lives as long as no step leaves 64 bits and no two unsigned values are
subtracted: kernels turn what they read into a signed number by arithmetic with one, and mask what they shift.
Index letters: `p` packet, `c` column, `r` rule, `w` word, `i` row of a list.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

from engine.arrays import is_compiled

_told: list[Callable[[str], None]] = []  # who wants to hear of compilations, innermost last


class Kernel:
    """A function over arrays that runs as Python or as machine code, by the make of its first argument."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.plain = function
        self.machine: Any = None
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__

    def __call__(self, *arguments: Any) -> Any:
        if not is_compiled(arguments[0]):
            return self.plain(*arguments)
        return self.compiled()(*arguments)

    def compiled(self) -> Any:
        """numba's dispatcher, which other compiled code may call."""
        if self.machine is None:
            self.machine = _machine(self.plain)
        return self.machine


def kernel(function: Callable[..., Any]) -> Kernel:
    """Make a function over arrays a kernel."""
    return Kernel(function)


@contextmanager
def telling_compilation(callback: Callable[[str], None]) -> Iterator[None]:
    """Call `callback(kernel name)` for every kernel compiled meanwhile; one found on disk is not compiled."""
    _told.append(callback)
    try:
        yield
    finally:
        _told.remove(callback)


def _machine(function: Any) -> Any:
    """numba's dispatcher for a kernel, kept on disk.

    numba compiles the values of globals and the functions of other files into the code and yet notices on disk only
    a change of the file. So both become part of the name under which the code is kept.
    """
    from numba import njit

    _listen()
    function.__qualname__ = f"{function.__name__}_{crc32(repr(_made_of(function)).encode()):08x}"
    return njit(cache=True, nogil=True)(function)


def _made_of(function: Any) -> list[Any]:
    """What the machine code of a function depends on besides its file: constants, and compiled functions it calls."""
    used = sorted((name, function.__globals__.get(name)) for name in function.__code__.co_names)
    called = [value.py_func for _, value in used if hasattr(value, "py_func")]
    return [
        *((name, value) for name, value in used if isinstance(value, int)),
        *((crc32(one.__code__.co_code), one.__code__.co_consts, _made_of(one)) for one in called),
    ]


_listening: list[Any] = []


def _listen() -> None:
    """Pass numba's "numba:compile" events, which it sends for real compilations only, to who was told."""
    if _listening:
        return
    from numba.core import event

    from engine.kernels.ahead import teach

    teach()

    class Listener(event.Listener):  # type: ignore[misc]  # numba has no types
        def on_start(self, event: Any) -> None:
            function = event.data["dispatcher"].py_func
            if isinstance(getattr(sys.modules.get(function.__module__), function.__name__, None), Kernel):
                for callback in tuple(_told):
                    callback(function.__name__)

        def on_end(self, event: Any) -> None:
            pass

    _listening.append(Listener())
    event.register("numba:compile", _listening[0])
