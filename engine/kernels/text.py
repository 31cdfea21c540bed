"""Columns written out as text by a template: octets and where each row ends.

Rows go through in blocks, a part of the template at a time: every row of a block has a slot of `stride` octets, each
part
is added to all of them, and the slots are then put one behind the other. So the parts of a template cost no guessed
branches, and a row need not know its length before it is written.

The layout of a part is that of engine.text: OP numbers (kind, column, base, wide).
"""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives: they are two for every array.

from engine.kernels import kernel
from engine.kernels.ahead import CHUNK, chunk, eight_digits, put

TEXT, CHOICE, NUMBER, ADDRESS, STAMP, FRACTION, BASE64 = range(7)
OP = 4
BLOCK = 64  # rows: their slots stay in the nearest caches
STAMP_ROOM = 64  # octets a date can take
SECOND = 1_000_000_000
DAY = 86_400
# where the pool has JanFeb..., 00 to 99, 0. to 255. in fours, and A to /
POOL_MONTHS, POOL_DECIMALS, POOL_OCTETS, POOL_LETTERS = 0, 48, 248, 1272
MOST_SHORT = 10**8  # a number below it is written in one go


@kernel
def render(cells, n, begin, end, ops, parts, pool, starts, offset, slots, cursor, stamp, stride, out, ends):
    """Write the rows from `begin` to `end` of n; returns how many octets.

    cells   i8[columns*n]    ops  i4[parts*OP]    pool  u1, the texts    starts  i8, where text t begins; it ends where
    the next one does    offset  seconds east of UTC, for stamps that ask for it
    slots   u1[BLOCK*stride + CHUNK]  scratch    cursor  i8[BLOCK]  scratch    stamp  u1[STAMP_ROOM + CHUNK]  scratch
    out     u1[(end - begin)*stride + CHUNK]    ends  i8[end - begin]  results
    """
    total = 0
    for first in range(begin, end, BLOCK):
        rows = min(BLOCK, end - first)
        for i in range(rows):
            cursor[i] = i * stride
        for j in range(parts):
            kind = ops[j * OP]
            at = ops[j * OP + 1] * n + first
            base = ops[j * OP + 2]
            wide = ops[j * OP + 3]
            if kind == TEXT:
                start = starts[base]
                length = starts[base + 1] - start
                for i in range(rows):
                    to = cursor[i]
                    for k in range(0, length, CHUNK):
                        chunk(pool, start + k, slots, to + k)
                    cursor[i] = to + length
            elif kind == CHOICE:
                for i in range(rows):
                    to = cursor[i]
                    text = base + cells[at + i]
                    start = starts[text]
                    length = starts[text + 1] - start
                    for k in range(0, length, CHUNK):
                        chunk(pool, start + k, slots, to + k)
                    cursor[i] = to + length
            elif kind == NUMBER:
                for i in range(rows):
                    to = cursor[i]
                    v = cells[at + i]
                    if v < 0:  # a word instead of a number
                        start = starts[base - 1 - v]
                        length = starts[base - v] - start
                        for k in range(0, length, CHUNK):
                            chunk(pool, start + k, slots, to + k)
                        cursor[i] = to + length
                    elif v < MOST_SHORT and wide <= 8:
                        digits = 1 + (v >= 10) + (v >= 100) + (v >= 1000) + (v >= 10_000) + (v >= 100_000)
                        digits = max(digits + (v >= 1_000_000) + (v >= 10_000_000), wide)
                        put(eight_digits(v) >> 64 - 8 * digits, slots, to)
                        cursor[i] = to + digits
                    else:
                        digits = 1
                        ten = 10
                        while digits < 19 and v >= ten:
                            digits += 1
                            ten = ten * 10 if digits < 19 else ten
                        digits = max(digits, wide)
                        cursor[i] = to + digits
                        while digits:
                            digits -= 1
                            slots[to + digits] = 48 + v % 10
                            v = v // 10
            elif kind == ADDRESS:
                words = base * n + first
                for i in range(rows):
                    to = cursor[i]
                    version = cells[at + i]
                    if version == 4:
                        word = cells[words + 3 * n + i]
                        for shift in range(24, -1, -8):
                            v = word >> shift & 255
                            chunk(pool, POOL_OCTETS + 4 * v, slots, to)
                            to += 2 + (v > 9) + (v > 99)
                        to -= 1
                    elif version == 6:
                        # the longest run of two zero groups or more, the first of equal ones (RFC 5952 section 4.2)
                        best = 1
                        gap = -1
                        run = 0
                        for g in range(8):
                            if cells[words + (g >> 1) * n + i] >> (16 - 16 * (g & 1)) & 0xFFFF:
                                run = 0
                            else:
                                run += 1
                                if run > best:
                                    best = run
                                    gap = g + 1 - run
                        g = 0
                        while g < 8:
                            if g == gap:
                                slots[to] = 58
                                to += 1
                                if g == 0:
                                    slots[to] = 58
                                    to += 1
                                g += best
                                continue
                            v = cells[words + (g >> 1) * n + i] >> (16 - 16 * (g & 1)) & 0xFFFF
                            shift = 12
                            while shift and v >> shift == 0:
                                shift -= 4
                            while shift >= 0:
                                digit = v >> shift & 15
                                slots[to] = 48 + digit + (39 if digit > 9 else 0)
                                to += 1
                                shift -= 4
                            g += 1
                            if g < 8:
                                slots[to] = 58
                                to += 1
                    cursor[i] = to
            elif kind == BASE64:
                words = base * n + first
                for i in range(rows):
                    if not cells[at + i]:
                        continue
                    to = cursor[i]
                    held = bits = 0  # what of the words is not written yet
                    for word in range(5):
                        held = held << 32 | cells[words + word * n + i]
                        bits += 32
                        while bits >= 6:
                            bits -= 6
                            slots[to] = pool[POOL_LETTERS + (held >> bits & 63)]
                            to += 1
                        held &= (1 << bits) - 1
                    slots[to] = pool[POOL_LETTERS + (held << 2 & 63)]  # of five words four bits are left
                    slots[to + 1] = 61
                    cursor[i] = to + 2
            elif kind == FRACTION:
                for i in range(rows):
                    to = cursor[i]
                    v = max(cells[at + i], 0) % SECOND
                    before = v * 3_435_973_837 >> 35  # v // 10
                    put(eight_digits(before), slots, to)
                    slots[to + 8] = 48 + v - 10 * before
                    cursor[i] = to + wide
            else:
                last = -1
                length = 0
                for i in range(rows):
                    second = max(cells[at + i], 0) // SECOND
                    if second != last:  # packets come many to a second
                        last = second
                        shifted = second + (offset if wide else 0)
                        # year, month and day by counting from a 1 March, in cycles of 400 years
                        days = shifted // DAY + 719_468
                        era = days // 146_097
                        doe = days % 146_097
                        yoe = (doe - doe // 1460 + doe // 36_524 - doe // 146_096) // 365
                        doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
                        march = (5 * doy + 2) // 153
                        day = doy - (153 * march + 2) // 5 + 1
                        month = march + 3 if march < 10 else march - 9
                        year = yoe + era * 400 + (1 if month <= 2 else 0)
                        clock = shifted % DAY
                        length = 0
                        k = starts[base]
                        while k < starts[base + 1]:
                            letter = pool[k] + 0
                            if letter != 37 or k + 1 == starts[base + 1]:
                                stamp[length] = letter
                                length += 1
                                k += 1
                                continue
                            letter = pool[k + 1] + 0
                            k += 2
                            if letter == 98:  # %b
                                for c in range(3):
                                    stamp[length + c] = pool[POOL_MONTHS + 3 * (month - 1) + c]
                                length += 3
                                continue
                            if letter == 89:  # %Y
                                stamp[length] = pool[POOL_DECIMALS + 2 * (year // 100)]
                                stamp[length + 1] = pool[POOL_DECIMALS + 2 * (year // 100) + 1]
                                length += 2
                                v = year % 100
                            elif letter == 109:  # %m
                                v = month
                            elif letter == 100 or letter == 101:  # %d, %e
                                v = day
                            elif letter == 72:  # %H
                                v = clock // 3600
                            elif letter == 77:  # %M
                                v = clock // 60 % 60
                            else:  # %S
                                v = clock % 60
                            stamp[length] = pool[POOL_DECIMALS + 2 * v]
                            stamp[length + 1] = pool[POOL_DECIMALS + 2 * v + 1]
                            if letter == 101 and v < 10:
                                stamp[length] = 32
                            length += 2
                    to = cursor[i]
                    for k in range(0, length, CHUNK):
                        chunk(stamp, k, slots, to + k)
                    cursor[i] = to + length
        for i in range(rows):
            start = i * stride
            length = cursor[i] - start
            for k in range(0, length, CHUNK):
                chunk(slots, start + k, out, total + k)
            total += length
            ends[first - begin + i] = total
    return total


@kernel
def run_of(cells, at, first, n, shift, width):
    """The row behind the run of rows, from `first` on, that fall into one bucket: (cell + shift) // width.

    cells  i8, the column begins at `at`; cells below 0 count as 0
    """
    bucket = (max(cells[at + first], 0) + shift) // width
    for i in range(first + 1, n):
        if (max(cells[at + i], 0) + shift) // width != bucket:
            return i
    return n
