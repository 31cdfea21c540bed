"""What kernels do that numba has no word for: asking memory for what will be read soon, copying in one go, and reading
words of several octets."""

from typing import Any

CACHE_LINE = 64
CHUNK = 32


def prefetch(data: Any, at: int) -> None:
    """Ask for the cache line of data[at], which need not exist. Changes nothing but the time it takes."""


def read(data: Any, at: int) -> None:
    """Read data[at], which must exist, and do nothing with it."""


def chunk(source: Any, start: int, target: Any, to: int) -> None:
    """Copy 32 octets, source[start:] to target[to:], which both arrays must have; they do not overlap."""
    for k in range(CHUNK):
        target[to + k] = source[start + k]


def copy_octets(out: Any, at: int, data: Any, first: int, count: int) -> None:
    """out[at : at + count] = data[first : first + count], of u1; no bounds are checked, and the two never overlap."""
    for j in range(count):
        out[at + j] = data[first + j]


def put(octets: int, target: Any, to: int) -> None:
    """The 8 octets of a number, least significant first, to target[to:]; no bounds are checked."""
    for k in range(8):
        target[to + k] = octets >> 8 * k & 255


def eight_digits(v: int) -> int:
    """The decimal digits of 0 <= v < 10**8, zeros in front, as octets for `put`.

    Halves, quarters and eighths of the number are made side by side in one word; x // 100 is x * 10486 >> 20 below
    10,000 and x // 10 is x * 103 >> 10 below 100.
    """
    high = v * 3_518_437_209 >> 45  # v // 10,000
    halves = high | (v - 10_000 * high) << 32
    tens = halves * 10_486 >> 20 & 0x7F_0000_007F
    quarters = tens | (halves - 100 * tens) << 16
    tens = quarters * 103 >> 10 & 0x000F_000F_000F_000F
    return (tens | (quarters - 10 * tens) << 8) + 0x3030_3030_3030_3030


def row(p: int) -> int:
    """p, of which machine code need not test whether it is negative and so counts from the end."""
    return p


def word(data: Any, at: int, big: int) -> int:
    """The 32-bit word at data[at], most significant octet first if `big`; a single load in machine code."""
    return int.from_bytes(data[at : at + 4], "big" if big else "little")


def filled(data: Any, at: int) -> int:
    """Which of 64 octets from data[at] on, all of them there, are not 0: as bits, the first octet's the lowest."""
    return sum(1 << k for k in range(64) if data[at + k])


def lowest(bits: int) -> int:
    """The place of the lowest bit that is set, of bits that are not 0."""
    return (bits & -bits).bit_length() - 1


def teach() -> None:
    """Tell numba what these are in machine code."""
    _teach_prefetch()
    _teach_read()
    _teach_chunk()
    _teach_copy()
    _teach_word()
    _teach_put()
    _teach_digits()
    _teach_filled()
    _teach_lowest()
    _teach_row()


def _teach_chunk() -> None:
    """One load and one store, of any alignment."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic, overload

    @intrinsic  # type: ignore[untyped-decorator]
    def machine(context: Any, source: Any, start: Any, target: Any, to: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            vector = ir.VectorType(ir.IntType(8), CHUNK).as_pointer()

            def address(array: int, index: int) -> Any:
                made = context.make_array(signature.args[array])(context, builder, arguments[array])
                return builder.bitcast(builder.gep(made.data, [arguments[index]]), vector)

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


def _teach_read() -> None:
    """A load into a register of which the compiler cannot know that nobody wants it."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic, overload

    @intrinsic  # type: ignore[untyped-decorator]
    def machine(context: Any, data: Any, at: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            octet = builder.load(builder.gep(array.data, [arguments[1]]))
            nothing = ir.FunctionType(ir.VoidType(), [ir.IntType(64)])
            builder.asm(nothing, "", "r", [builder.zext(octet, ir.IntType(64))], side_effect=True)
            return context.get_dummy_value()

        return types.void(data, types.int64), code

    @overload(read)
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


def _teach_word() -> None:
    """One load, of any alignment, whose octets change places if `big`."""
    import sys

    import numpy as np
    from llvmlite import ir
    from numba import types
    from numba.core import config
    from numba.extending import intrinsic, overload

    @intrinsic  # type: ignore[untyped-decorator]
    def machine(context: Any, data: Any, at: Any, big: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            kind = ir.IntType(32)
            address = builder.bitcast(builder.gep(array.data, [arguments[1]]), kind.as_pointer())
            here = builder.load(address, align=1)
            turned = builder.bswap(here)
            is_big = builder.icmp_signed("!=", arguments[2], ir.Constant(arguments[2].type, 0))
            first, second = (here, turned) if sys.byteorder == "big" else (turned, here)
            return builder.zext(builder.select(is_big, first, second), ir.IntType(64))

        return types.int64(data, types.int64, types.int64), code

    @overload(word)
    def _(data, at, big):  # type: ignore[no-untyped-def]
        def checked(data, at, big):  # type: ignore[no-untyped-def]
            a, b, c, d = np.int64(data[at]), np.int64(data[at + 1]), np.int64(data[at + 2]), np.int64(data[at + 3])
            return a << 24 | b << 16 | c << 8 | d if big else d << 24 | c << 16 | b << 8 | a

        return checked if config.BOUNDSCHECK else lambda data, at, big: machine(data, at, big)


def _teach_put() -> None:
    """One store, of any alignment."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic, overload

    @intrinsic  # type: ignore[untyped-decorator]
    def stored(context: Any, octets: Any, target: Any, to: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            octets, target, to = arguments
            made = context.make_array(signature.args[1])(context, builder, target)
            address = builder.bitcast(builder.gep(made.data, [to]), ir.IntType(64).as_pointer())
            builder.store(octets, address, align=1)
            return context.get_dummy_value()

        return types.void(types.int64, target, types.int64), code

    @overload(put)
    def _(octets, target, to):  # type: ignore[no-untyped-def]
        return lambda octets, target, to: stored(octets, target, to)


def _teach_digits() -> None:
    from numba.extending import overload

    @overload(eight_digits)  # type: ignore[untyped-decorator]
    def _(v: int) -> Any:  # numba compares names and annotations of arguments
        return eight_digits


def _teach_filled() -> None:
    """One comparison of a line of octets."""
    import sys

    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic, overload

    @intrinsic  # type: ignore[untyped-decorator]
    def machine(context: Any, data: Any, at: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            line, bits = ir.VectorType(ir.IntType(8), 64), ir.IntType(64)
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            address = builder.bitcast(builder.gep(array.data, [arguments[1]]), line.as_pointer())
            found = builder.icmp_unsigned("!=", builder.load(address, align=1), ir.Constant(line, None))
            bits = builder.bitcast(found, bits)
            return builder.bitreverse(bits) if sys.byteorder == "big" else bits

        return types.uint64(data, types.int64), code

    @overload(filled)
    def _(data, at):  # type: ignore[no-untyped-def]
        return lambda data, at: machine(data, at)


def _teach_lowest() -> None:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic, overload

    @intrinsic  # type: ignore[untyped-decorator]
    def machine(context: Any, bits: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

        return types.int64(types.uint64), code

    @overload(lowest)
    def _(bits):  # type: ignore[no-untyped-def]
        return lambda bits: machine(bits)


def _teach_row() -> None:
    import numpy as np
    from numba.extending import overload

    unsigned = np.uint64

    @overload(row)
    def _(p):  # type: ignore[no-untyped-def]
        return lambda p: unsigned(p)
