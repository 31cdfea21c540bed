"""What kernels do that numba has no word for: asking memory for what will be read soon, and copying in one go."""

from typing import Any

CACHE_LINE = 64
CHUNK = 16


def prefetch(data: Any, at: int) -> None:
    """Ask for the cache line of data[at], which need not exist. Changes nothing but the time it takes."""


def chunk(source: Any, start: int, target: Any, to: int) -> None:
    """Copy 16 octets, source[start:] to target[to:], which both arrays must have; they do not overlap."""
    for k in range(CHUNK):
        target[to + k] = source[start + k]


def copy_octets(out: Any, at: int, data: Any, first: int, count: int) -> None:
    """out[at : at + count] = data[first : first + count], of u1; no bounds are checked, and the two never overlap."""
    for j in range(count):
        out[at + j] = data[first + j]


def teach() -> None:
    """Tell numba what these are in machine code."""
    _teach_prefetch()
    _teach_chunk()
    _teach_copy()


def _teach_chunk() -> None:
    """One load and one store, of any alignment."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic, overload

    @intrinsic  # type: ignore[untyped-decorator]
    def machine(context: Any, source: Any, start: Any, target: Any, to: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            sixteen = ir.VectorType(ir.IntType(8), CHUNK).as_pointer()

            def address(array: int, index: int) -> Any:
                made = context.make_array(signature.args[array])(context, builder, arguments[array])
                return builder.bitcast(builder.gep(made.data, [arguments[index]]), sixteen)

            octets = builder.load(address(0, 1), align=1)
            builder.store(octets, address(2, 3), align=1)
            return context.get_dummy_value()

        return types.void(source, types.int64, target, types.int64), code

    @overload(chunk)
    def _(source, start, target, to):  # type: ignore[no-untyped-def]  # numba compares names and annotations
        return lambda source, start, target, to: machine(source, start, target, to)


def _teach_prefetch() -> None:
    """llvm.prefetch, for reading, to be kept in all caches."""
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


def _teach_copy() -> None:
    """memcpy."""
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic, overload

    @intrinsic  # type: ignore[untyped-decorator]
    def moved(context: Any, out: Any, at: Any, data: Any, first: Any, count: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            to, at, data, first, count = arguments
            octets = [context.make_array(kind)(context, builder, array).data
                      for kind, array in ((signature.args[0], to), (signature.args[2], data))]  # fmt: skip
            ends = builder.gep(octets[0], [at]), builder.gep(octets[1], [first])
            cgutils.raw_memcpy(builder, *ends, count, 1)
            return context.get_dummy_value()

        return types.void(out, types.int64, data, types.int64, types.int64), code

    @overload(copy_octets)
    def _copy(out, at, data, first, count):  # type: ignore[no-untyped-def]
        return lambda out, at, data, first, count: moved(out, at, data, first, count)
