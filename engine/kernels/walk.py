"""From the bytes of a capture to a row per frame. A walk stops where it cannot go on and says why."""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives: they are two for every array.

from engine.kernels import inner, kernel
from engine.kernels.ahead import CACHE_LINE, prefetch, read, row, word

#: The most octets of one frame a capture holds, as libpcap and Wireshark have it (MAXIMUM_SNAPLEN).
MOST_CAPTURED = 262_144
#: The longest pcapng block read, as Wireshark has it; more is taken for damage.
MOST_BLOCK = 16 * 1024 * 1024

# why a walk stopped
MORE = 0  # the bytes end, inside a record or exactly after one
FULL = 1  # the output arrays are full
SECTION = 2  # a pcapng section header: for the caller
INTERFACE = 3  # a pcapng interface description, whole: for the caller
CAPTURED = 4  # captured length beyond MOST_CAPTURED
BLOCK_LENGTH = 5  # block length below 12, beyond MOST_BLOCK or no multiple of 4
BLOCK_TRAILER = 6  # block lengths before and after a block differ
BLOCK_SHORT = 7  # block too short for what it says it holds
NO_INTERFACE = 8  # packet of an interface nobody described
UNTIMED = 9  # a frame without a time, where every frame must have one

WINDOW = 1 << 16  # octets; what Linux maps of a file when a page of it is missed (fault_around_bytes)
INTERFACE_WORDS = 7  # of a row of `interface`: linktype, snap length, ticks a second, and see walk_pcapng

NO_TIME = -(2**63)  # of a frame whose capture gives it none
FIRST_SECOND, LAST_SECOND = -9_223_372_036, 9_223_372_035  # what 64 bits of nanoseconds can hold


@inner
def ask(data, asked, until):
    """Ask memory for what lies before `until`, from `asked` on; returns how far it has been asked for.

    Asking does nothing where a page of a file is not mapped yet, and the system maps WINDOW octets at a time: so an
    octet of each window is read. Short records need two lines at most: these are asked for in any case, for a loop's
    end is foreseen wrongly where each needs one or two.
    """
    if until - asked <= 2 * CACHE_LINE:
        if (asked - 1) // WINDOW != (until - 1) // WINDOW:  # one begins here
            read(data, (until - 1) // WINDOW * WINDOW)
        prefetch(data, asked)
        prefetch(data, asked + CACHE_LINE)
        return until
    while asked < until:
        if asked % WINDOW < CACHE_LINE:
            read(data, asked)
        prefetch(data, asked)
        asked += CACHE_LINE
    return asked


@kernel
def walk_pcap(data, at, big, swapped, scale, header, fcs, carries, ahead, n, start, captured, length, time, linktype):
    """A row per record of a pcap from byte `at`, at most n. Returns (rows, stopped at, why).

    data      u1[b]   bytes of the file
    big       0 or 1  byte order of the file
    swapped   0, 1 never, always captured length and length on the wire change places; 2 where it must be so
    scale     nanoseconds in a unit of the fraction
    header    octets of a record header
    fcs       octets of frame check sequence that end each frame on the wire
    carries   the link type of every frame, for linktype  i4[n]
    ahead     how many octets before they are reached to ask memory for them; 0 not at all. Where the next
              record is stands in this one, so a walk over long frames otherwise waits for each of them
    start     i8[n]   offset of the frame in data      captured  u4[n]   octets of it
    length    u4[n]   octets it had on the wire        time      i8[n]   ns since the epoch
    """
    end = len(data)
    asked = at
    rows, why = n, FULL
    for p in range(n):
        if at + header > end:
            rows, why = p, MORE
            break
        if ahead:
            asked = ask(data, asked, min(at + ahead, end))
        second = word(data, at, big)
        fraction = word(data, at + 4, big)
        have = word(data, at + 8, big)
        wire = word(data, at + 12, big)
        if swapped == 1 or (swapped == 2 and have > wire):
            have, wire = wire, have
        if have > MOST_CAPTURED:
            rows, why = p, CAPTURED
            break
        if at + header + have > end:
            rows, why = p, MORE
            break
        start[p] = at + header
        at += header + have
        if fcs:
            wire = wire - fcs if wire > fcs else 0
            have = min(have, wire)
        captured[p] = have
        length[p] = wire
        time[p] = second * 1_000_000_000 + fraction * scale
    for p in range(rows):  # many at a time
        linktype[p] = carries
    return rows, at, why


@kernel
def walk_pcapng(data, at, big, interface, interfaces, ahead, p, n, start, captured, length, time, linktype):
    """A row, from row p on, per packet block of a pcapng from byte `at`. Returns (rows, stopped at, why).

    Other blocks are skipped by their length, but for those the caller must read.
    data       u1[b]        bytes of the file
    big        0 or 1       byte order of the section
    interface  i8[7*...]    rows of linktype, snap length, ticks a second; what turns the rest of a second
                            into ns: ticks // word 3 * 10**9 // word 4; word 5 is added to the seconds;
                            word 6: ns a tick, 0 where that is no integer or seconds are added
    interfaces              how many are described
    ahead                   as in walk_pcap
    start, captured, length, time as in walk_pcap, linktype i4[n]
    """
    end = len(data)
    asked = at
    while at + 12 <= end:
        if ahead:
            asked = ask(data, asked, min(at + ahead, end))
        kind = word(data, at, big)
        if kind == 0x0A0D0D0A:
            return p, at, SECTION
        octets = word(data, at + 4, big)
        if octets < 12 or octets > MOST_BLOCK or octets % 4:
            return p, at, BLOCK_LENGTH
        if at + octets > end:
            return p, at, MORE
        if word(data, at + octets - 4, big) != octets:
            return p, at, BLOCK_TRAILER
        if kind == 1:
            return p, at, INTERFACE
        if kind == 2 or kind == 3 or kind == 6:
            if p == n:
                return p, at, FULL
            if octets < (16 if kind == 3 else 32):
                return p, at, BLOCK_SHORT
            described = 0
            first = word(data, at + 8, big)
            if kind == 6:
                described = first
            elif kind == 2:  # a 16-bit number, whichever half comes first
                described = first // 65536 if big else first % 65536
            if described >= interfaces:
                return p, at, NO_INTERFACE
            described *= INTERFACE_WORDS
            when = NO_TIME
            if kind == 3:  # cut at the snap length, which the block does not repeat; it has no time either
                wire = first
                have = min(first, octets - 16)
                if interface[described + 1] > 0:
                    have = min(have, interface[described + 1])
                o = at + 12
            else:
                high = word(data, at + 12, big)
                low = word(data, at + 16, big)
                have = word(data, at + 20, big)
                wire = word(data, at + 24, big)
                if have > octets - 32:
                    return p, at, BLOCK_SHORT
                unit, tick = interface[described + 2], interface[described + 6]
                ticks = min(high, 2**31 - 1) * 2**32 + low
                if tick and high * tick < 2**30:  # nearly always, and nothing is to be divided or cut
                    when = ticks * tick
                else:
                    second = min(ticks // unit, 10**11) + interface[described + 5]
                    when = ticks % unit // interface[described + 3] * 1_000_000_000 // interface[described + 4]
                    when += min(max(second, FIRST_SECOND), LAST_SECOND) * 1_000_000_000
                o = at + 28
            if have > MOST_CAPTURED:
                return p, at, CAPTURED
            here = row(p)
            start[here] = o
            captured[here] = have
            length[here] = wire
            time[here] = when
            linktype[here] = interface[described]
            p += 1
        at += octets
    return p, at, MORE
