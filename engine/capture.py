"""pcap and pcapng bytes -> Frames.

Blocks of bytes come in, of any sizes, and batches of frames go out; what is left of a block goes before the
next, so memory stays flat. Records and packet blocks are walked by kernels; file, section and interface
headers, of which there are few, are read here. Damage ends the reading, after everything before it has been
handed out.

pcap: https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/, both byte orders, micro- and nanoseconds, the
swapped lengths of versions before 2.3, and the longer record headers of "modified" pcap. pcapng:
https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/.
"""

import struct
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from engine.arrays import Array, Spare, blank, first_rows, of_octets, zeros
from engine.fields import COLUMNS
from engine.kernels.walk import INTERFACE_WORDS
from engine.kernels.walk import NO_TIME as NO_TIME

if TYPE_CHECKING:
    from engine.quick import Quick

#: Frames handed out at a time: so many that what is done once for all of them costs little. Their columns lie an odd
#: number of cache lines apart, so that those of one packet do not fight for the same place in the cache.
BATCH = 32_752
GATHER = 65_536  # octets to have before looking at them again
ROOM = 3 << 19  # octets to ask a file for at once: many, and yet they stay in the cache
LONG = 256  # octets of a frame from which on it is twice that, lest too few of them are handed out at a time
AHEAD = 8192  # octets memory is asked for before the walk reaches them; 4 to 16 KiB are equally good


class CaptureError(ValueError):
    """Bytes that are no capture, or a damaged one: what, where and why."""

    def __init__(self, name: str, why: str, frame: int | None = None, at: int | None = None) -> None:
        super().__init__(name, why, frame, at)
        self.name, self.why, self.frame, self.at = name, why, frame, at

    def __str__(self) -> str:
        frame = f", frame {self.frame}" if self.frame is not None else ""
        at = f" at byte {self.at}" if self.at is not None else ""
        return f"{self.name}{frame}{at}: {self.why}"


class Frames(NamedTuple):
    """A batch of frames; frame p is data[start[p] : start[p] + captured[p]]."""

    data: Array  # u1, or bytes
    start: Array  # i8[n]
    captured: Array  # u4[n]  octets there are
    length: Array  # u4[n]  octets there were on the wire
    time: Array  # i8[n]  ns since the epoch; NO_TIME where the capture gives none
    linktype: Array  # i4[n]
    number: int  # of the first frame in its capture, from 1
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs
    decoded: "Decoded | None" = None  # what `decode` would have to find out; gone in a part of the batch
    section: "Section | None" = None  # of a pcapng, where they all stand in one


class Decoded(NamedTuple):
    """What the headers of a batch of n frames say, decoded already; see engine.headers."""

    value: Array  # u4[columns*n]  to be used again: besides addresses, and the rows of fragments, nobody writes to it
    status: Array  # u1[n]
    wide: bool  # whether there may be IPv6
    wanted: int  # which fields; see engine.kernels.usual


class Interface(NamedTuple):
    """An interface of a pcapng as it is described; `options` are the octets behind the fixed ones."""

    linktype: int
    snap: int
    options: bytes


class Section(NamedTuple):
    """What a section of a pcapng says of its packets: byte order, "<" or ">", and the interfaces by number."""

    order: str
    interfaces: list[Interface]


class Readable(Protocol):
    def readinto(self, room: memoryview, /) -> int | None: ...


def part(frames: Frames, first: int, last: int) -> Frames:
    """Frames first to last - 1 of a batch."""
    start, captured, length, time, linktype = (column[first:last] for column in frames[1:6])
    return Frames(frames.data, start, captured, length, time, linktype, frames.number + first, last - first,
                  section=frames.section)  # fmt: skip


def within(frames: Frames, low: int, high: int) -> Iterator[Frames]:
    """The frames of a batch with low <= time < high, in runs; those without a time are in none."""
    from engine.kernels.count import inside

    low = max(low, NO_TIME + 1)

    first = 0
    while first < frames.count:
        first, last = inside(frames.time, low, high, first, frames.count)
        if first < last:
            yield part(frames, first, last)
        first = last


def read_capture(
    blocks: "Iterable[bytes] | Readable",
    name: str,
    compiled: bool = False,
    quick: "Quick | None" = None,
    decoding: Collection[str] = (),
) -> Iterator[Frames]:
    """The frames of a capture, in batches; errors call it `name` and come as it is read.

    Frames look into the blocks, which must not change while they are in use. An empty block says that for now there
    are no more: what is there is handed out. Blocks may also be a file with `readinto`. With `quick` only those that it
    does not settle are handed out, and batches may be empty. `decoding`, in compiled mode, reads headers while they are
    in the cache, of the fields it names; `decode` is still to be called, once, and for others reads them again.
    """
    stream = _Stream(blocks, name, compiled, quick, decoding if compiled else ())
    try:
        yield from _read(stream)
    except CaptureError as error:
        damage: CaptureError | None = error
    else:
        damage = None
    if quick is not None:
        yield from quick.flush(stream)
    if damage is not None:
        raise damage


def _read(stream: "_Stream") -> Iterator[Frames]:
    """The frames of whatever kind of capture it is."""
    stream.need(4)
    magic = bytes(stream.octets[:4])
    if magic == _SECTION:
        yield from _read_pcapng(stream)
        return
    for known in _PCAP:
        for order in "<>":
            if magic == struct.pack(order + "I", known.magic):
                yield from _read_pcap(stream, order, known)
                return
    if not magic:
        raise stream.error("the file is empty")
    raise stream.error(f"starts with the octets {magic.hex(' ')}; pcap and pcapng are read", at=0)


class _Stream:
    """The bytes at hand: `data` from file offset `base` on, of which all before `at` is done with."""

    def __init__(
        self, blocks: Any, name: str, compiled: bool, quick: "Quick | None", decoding: Collection[str]
    ) -> None:
        self.source = blocks if hasattr(blocks, "readinto") else None
        self.blocks = iter(()) if self.source else iter(blocks)
        self.name, self.compiled, self.quick, self.decoding = name, compiled, quick, decoding
        self.ahead = AHEAD if compiled else 0
        self.spare = Spare()
        self.octets: Any = b""
        self.data: Array = b""
        self.at = self.base = self.count = 0
        self.section: Section | None = None
        self.tables: tuple[Any, ...] | None = None

    def more(self) -> bool:
        """Let go of what is done, and add at least as much as is left; False at the end of the file."""
        if self.source is not None:
            return self._refill(self.source)
        rest = bytes(self.octets[self.at :])
        parts, got = [rest], 0
        for block in self.blocks:
            parts.append(block)
            got += len(block)
            if not block and got:
                break
            if got >= max(GATHER, len(rest)):
                break
        self.base += self.at
        self.at = 0
        self.octets = b"".join(parts) if rest or len(parts) != 2 else parts[1]
        self.data = of_octets(self.octets, self.compiled)
        return got > 0

    def _refill(self, source: Readable) -> bool:
        """The same from a file: into memory nobody looks at any more, behind what is left."""
        rest = memoryview(self.octets)[self.at :]
        end = len(rest)
        octets = ROOM if self.base < LONG * self.count else 2 * ROOM
        while octets < 2 * end + GATHER:
            octets *= 2
        room = memoryview(self.spare.blank("u1", octets) if self.compiled else bytearray(octets))
        room[:end] = rest
        while end < octets and (got := source.readinto(room[end:])):
            end += got
        self.base += self.at
        self.at = 0
        self.octets = room[:end].toreadonly()
        self.data = of_octets(self.octets, self.compiled)
        return end > len(rest)

    def rooms(self) -> tuple[Any, ...]:
        """The tables of the kernels that decode, and room for them to work in."""
        from engine.headers import decoder, others, turning

        if self.tables is None:
            self.tables = decoder(self.decoding), turning(), others(BATCH)
        return self.tables

    def need(self, octets: int) -> bool:
        """Whether that many octets are there, at the start of the file."""
        while len(self.octets) < octets and self.more():
            pass
        return len(self.octets) >= octets

    def word(self, order: str, offset: int) -> int:
        """The 32-bit word so far behind the place reached."""
        value: int = struct.unpack_from(order + "I", self.octets, self.at + offset)[0]
        return value

    def error(self, why: str, frame: bool = False, at: int | None = None) -> CaptureError:
        return CaptureError(self.name, why, self.count + 1 if frame else None, at)

    def here(self, why: str, frame: bool = True) -> CaptureError:
        """Damage at the place reached; in a frame, unless it is no frame."""
        return self.error(why, frame, self.base + self.at)


class _Batch:
    """Columns to be filled with at most `most` frames."""

    def __init__(self, stream: _Stream, smallest: int) -> None:
        self.most = min(BATCH, (len(stream.data) - stream.at) // smallest + 1)
        kinds = ("i8", "u4", "u4", "i8", "i4")  # start, captured, length, time, linktype
        fresh = stream.spare.blank if stream.compiled else partial(blank, compiled=False)
        self.columns = tuple(fresh(kind, self.most) for kind in kinds)
        self.count = 0

    def pcap(self, stream: _Stream, *way: int) -> tuple[int, int]:
        """Fill it from a pcap; where the walk stopped, and why."""
        from engine.kernels.walk import walk_pcap

        self.count, at, why = walk_pcap(stream.data, stream.at, *way, self.most, *self.columns)
        return at, why

    def pcapng(self, stream: _Stream, *way: Any) -> tuple[int, int]:
        """Fill it, behind what is there, from a pcapng; where the walk stopped, and why."""
        from engine.kernels.walk import walk_pcapng

        self.count, at, why = walk_pcapng(stream.data, stream.at, *way, self.count, self.most, *self.columns)
        return at, why

    def frames(self, stream: _Stream) -> Iterator[Frames]:
        """What has been filled in, if anything."""
        if self.count:
            start, captured, length, time, linktype = (column[: self.count] for column in self.columns)
            number, stream.count = stream.count + 1, stream.count + self.count
            yield Frames(
                stream.data, start, captured, length, time, linktype, number, self.count, section=stream.section
            )


class _DecodedBatch(_Batch):
    """The same with what Decoded says."""

    def __init__(self, stream: _Stream, smallest: int) -> None:
        super().__init__(stream, smallest)
        fresh = stream.spare.blank
        self.value, noted = stream.spare.cells(COLUMNS, self.most)
        self.status, self.wide = fresh("u1", self.most), 0
        self.rows = self.most  # of a column of `value`
        decoder, *rooms = stream.rooms()
        self.wanted = decoder[3]
        self.given = decoder, *rooms, self.columns, self.value, noted, self.status

    def pcap(self, stream: _Stream, *way: int) -> tuple[int, int]:
        from engine.kernels.quick import decode_pcap

        filled = decode_pcap(stream.data, stream.at, *way, self.most, *self.given)
        self.count, at, why, self.rows, self.wide = filled
        return at, why

    def pcapng(self, stream: _Stream, *way: Any) -> tuple[int, int]:
        from engine.kernels.quick import decode_pcapng

        self.count, at, why, wide = decode_pcapng(stream.data, stream.at, *way, self.count, self.most, *self.given)
        self.wide |= wide
        return at, why

    def frames(self, stream: _Stream) -> Iterator[Frames]:
        value = self.value[: COLUMNS * self.rows]
        if self.count < self.rows:
            value = first_rows(value, self.count, self.rows)
        decoded = Decoded(value, self.status[: self.count], bool(self.wide), self.wanted)
        for frames in super().frames(stream):
            yield frames._replace(decoded=decoded)


def _batch(stream: _Stream, smallest: int) -> Any:
    """What is to be filled next; a frame takes `smallest` octets of the capture or more."""
    if stream.quick is not None:
        return stream.quick.batch()
    return _DecodedBatch(stream, smallest) if stream.decoding else _Batch(stream, smallest)


class _Pcap(NamedTuple):
    magic: int
    scale: int  # nanoseconds in a unit of the fraction
    header: int  # octets before each frame


_PCAP = (_Pcap(0xA1B2C3D4, 1000, 16), _Pcap(0xA1B23C4D, 1, 16), _Pcap(0xA1B2CD34, 1000, 24))


def _read_pcap(stream: _Stream, order: str, known: _Pcap) -> Iterator[Frames]:
    from engine.kernels import walk

    if not stream.need(24):
        raise stream.error(f"the file ends inside its header, after {len(stream.octets)} of 24 octets")
    major, minor, _, _, _, network = struct.unpack_from(order + "HHiIII", stream.octets, 4)
    if major != 2:
        raise stream.error(f"pcap version {major}.{minor}; only 2.x is read", at=4)
    swapped = 1 if minor < 3 else 2 if minor == 3 else 0
    fcs = (network >> 28) * 2 if network & 0x0400_0000 else 0  # 16-bit words, and whether the field says so
    way = int(order == ">"), swapped, known.scale, known.header, fcs, network & 0xFFFF, stream.ahead
    stream.at = 24
    if stream.quick is not None and stream.quick.submit is not None and not swapped:
        from engine.ranges import LEAST, settle_ranges

        if len(stream.data) >= LEAST:
            yield from settle_ranges(stream, way)
    while True:
        batch = _batch(stream, known.header)
        at, why = batch.pcap(stream, *way)
        yield from batch.frames(stream)
        stream.at = at
        if why == walk.CAPTURED:
            lengths = struct.unpack_from(order + "II", stream.octets, at + 8)
            have = lengths[1] if swapped == 1 else min(lengths) if swapped else lengths[0]
            raise stream.here(f"captured length {have} is more than {walk.MOST_CAPTURED}, the most possible")
        if why == walk.MORE and not stream.more():
            left = len(stream.octets) - stream.at
            if left == 0:
                return
            if left < known.header:
                raise stream.here(f"the file ends inside the record header, {left} of {known.header} octets")
            raise stream.here(f"the frame is longer than the file; {left - known.header} octets are left")


_SECTION = b"\x0a\x0d\x0d\x0a"  # the same in both byte orders
#: What a capture begins with.
MAGICS = (_SECTION, *(struct.pack(order + "I", known.magic) for known in _PCAP for order in "<>"))
_ORDER = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}


def _read_pcapng(stream: _Stream) -> Iterator[Frames]:
    from engine.kernels import walk

    order, interfaces = "<", _Interfaces(stream.compiled)
    stream.section = Section(order, [])
    while True:
        batch = _batch(stream, 16)
        damage = None
        while damage is None:
            big = int(order == ">")
            stream.at, why = batch.pcapng(stream, big, interfaces.rows, interfaces.count, stream.ahead)
            if why == walk.SECTION and batch.count:  # a batch is of one section
                why = walk.FULL
                break
            try:
                if why == walk.SECTION and (section := _section(stream)):
                    order, octets = section
                    interfaces.count = interfaces.kept = 0
                    stream.section = Section(order, [])
                elif why == walk.INTERFACE:
                    octets = interfaces.describe(stream, order)
                else:
                    break
                stream.at += octets
            except CaptureError as error:
                damage = error
        yield from batch.frames(stream)
        if why == walk.UNTIMED and stream.quick is not None:  # its time is that of the frame before: no sum tells that
            yield from stream.quick.flush(stream)
            stream.quick.last = None
            stream.quick = None
            continue
        if damage is None and why not in (walk.MORE, walk.SECTION, walk.FULL):
            damage = _damage(stream, order, why)
        if damage is None and why != walk.FULL and not stream.more():
            if stream.at == len(stream.octets):
                return
            damage = _damage(stream, order, walk.MORE)
        if damage is not None:
            raise damage


def _section(stream: _Stream) -> tuple[str, int] | None:
    """Byte order and length of the section header reached, or None if it is not all there yet."""
    from engine.kernels.walk import MOST_BLOCK

    mark = bytes(stream.octets[stream.at + 8 : stream.at + 12])
    if mark not in _ORDER:
        raise stream.here(f"the byte-order magic of a section is {mark.hex(' ')}", frame=False)
    order = _ORDER[mark]
    octets = stream.word(order, 4)
    if octets < 28 or octets % 4 or octets > MOST_BLOCK:
        raise stream.here(f"a section header cannot be {octets} octets long", frame=False)
    if stream.at + octets > len(stream.octets):
        return None
    if stream.word(order, octets - 4) != octets:
        again = stream.word(order, octets - 4)
        raise stream.here(f"the section header is {octets} octets long and ends saying {again}", frame=False)
    major, minor = struct.unpack_from(order + "HH", stream.octets, stream.at + 12)
    if major != 1:
        raise stream.here(f"pcapng version {major}.{minor}; only 1.x is read", frame=False)
    return order, octets


_TSRESOL, _TSOFFSET = 9, 14  # options of an interface
_LATEST = 10**11  # seconds; what 64 bits of nanoseconds cannot hold is clamped in the kernel


MOST_DESCRIBED = 1 << 20  # octets of interface descriptions kept of a section; of those behind only what is read


class _Interfaces:
    """The interfaces described so far in a section, as rows for walk_pcapng."""

    def __init__(self, compiled: bool) -> None:
        self.compiled = compiled
        self.rows: Array = zeros("i8", INTERFACE_WORDS * 8, compiled)
        self.count = self.kept = 0

    def describe(self, stream: _Stream, order: str) -> int:
        """Add the interface described by the block reached; returns the length of the block."""
        octets = stream.word(order, 4)
        if octets < 20:
            raise stream.here(f"an interface description cannot be {octets} octets long", frame=False)
        block = bytes(stream.octets[stream.at : stream.at + octets])
        linktype, _, snap = struct.unpack_from(order + "HHI", block, 8)
        options = dict(_options(block[16:-4], order))
        resolution = options.get(_TSRESOL, b"\x06")[:1] or b"\x06"
        finer = resolution[0] & 0x7F
        base, most, keeps = (2, 62, 30) if resolution[0] & 0x80 else (10, 18, 9)
        if finer > most:
            raise stream.here(f"time stamps in units of {base}**-{finer} s are not read", frame=False)
        offset = options.get(_TSOFFSET, b"")
        seconds = struct.unpack(order + "q", offset)[0] if len(offset) == 8 else 0
        down = base ** max(finer - keeps, 0)  # so that the rest of a second times 10**9 stays within 64 bits
        per = base ** min(finer, keeps)
        unit = base**finer
        tick = 0 if seconds or 10**9 % unit else 10**9 // unit
        row = linktype, snap, unit, down, per, max(min(seconds, _LATEST), -_LATEST), tick
        if len(row) * self.count == len(self.rows):
            wider = zeros("i8", 2 * len(self.rows), self.compiled)
            wider[: len(self.rows)] = self.rows
            self.rows = wider
        for word, value in enumerate(row):
            self.rows[len(row) * self.count + word] = value
        self.count += 1
        if stream.section is not None:
            self.kept += octets
            whole = self.kept <= MOST_DESCRIBED
            stream.section.interfaces.append(Interface(linktype, snap, block[16:-4] if whole else b""))
        return octets


def _options(octets: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """The options of a block, as far as they are whole."""
    at = 0
    while at + 4 <= len(octets):
        code, length = struct.unpack_from(order + "HH", octets, at)
        if code == 0:
            return
        yield code, octets[at + 4 : at + 4 + length]
        at += 4 + (length + 3) // 4 * 4


def _damage(stream: _Stream, order: str, why: int) -> CaptureError:
    """What is wrong with the block reached, in words."""
    from engine.kernels import walk

    left = len(stream.octets) - stream.at
    if left < 12:
        return stream.here(f"the file ends inside a block, after {left} octets", frame=False)
    kind, octets = stream.word(order, 0), stream.word(order, 4)
    packet = kind in (2, 3, 6)
    if why == walk.MORE:
        return stream.here(f"the block of {octets} octets is longer than the file; {left} are left", packet)
    if why == walk.BLOCK_LENGTH:
        return stream.here(f"a block cannot be {octets} octets long", packet)
    if why == walk.BLOCK_TRAILER:
        again = stream.word(order, octets - 4)
        return stream.here(f"the block is {octets} octets long and ends saying {again}", packet)
    if why == walk.NO_INTERFACE:
        return stream.here("the frame was captured on an interface that is not described")
    if octets < 32:
        return stream.here(f"a packet block cannot be {octets} octets long")
    have = stream.word(order, 20 if kind != 3 else 8)
    if why == walk.BLOCK_SHORT:
        return stream.here(f"captured length {have} is longer than its block of {octets} octets")
    return stream.here(f"captured length {have} is more than {walk.MOST_CAPTURED}, the most possible")
