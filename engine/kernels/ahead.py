"""Asking memory for what will be read soon. Changes nothing but the time it takes; plain Python has no use for it."""

from typing import Any

CACHE_LINE = 64


def prefetch(data: Any, at: int) -> None:
    """Ask for the cache line of data[at], which need not exist."""


def teach() -> None:
    """Tell numba what `prefetch` is in machine code: llvm.prefetch, for reading, to be kept in all caches."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic, overload

    @intrinsic  # type: ignore[untyped-decorator]
    def machine(context: Any, data: Any, at: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            octet, word = ir.IntType(8).as_pointer(), ir.IntType(32)
            address = builder.bitcast(builder.gep(array.data, [arguments[1]]), octet)
            kind = ir.FunctionType(ir.VoidType(), [octet, word, word, word])
            function = builder.module.declare_intrinsic("llvm.prefetch", [octet], kind)
            builder.call(function, [address, word(0), word(3), word(1)])
            return context.get_dummy_value()

        return types.void(data, types.int64), code

    @overload(prefetch)
    def _(data, at):  # type: ignore[no-untyped-def]  # numba compares names and annotations
        return lambda data, at: machine(data, at)
