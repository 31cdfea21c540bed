"""Frames -> pcapng bytes, a block at a time: https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/.

What `write_pcap` cannot say: several link types in one capture, and comments. Everything is little-endian and in
nanoseconds. Writing keeps nothing in memory: whoever writes asks for blocks and puts them one after the other.
"""

import struct
from collections.abc import Mapping, Sequence

SECTION, INTERFACE, PACKET = 0x0A0D0D0A, 1, 6
COMMENT, APPLICATION, NAME, RESOLUTION = 1, 4, 2, 9  # options; NAME and RESOLUTION of an interface
END = bytes(4)  # of options
NANOSECONDS = b"\x09"
OFFSET = 14  # seconds to be added to the times of an interface
CUSTOM = (2988, 2989, 19372, 19373)  # of whom the number that they begin with tells
#: Options that hold numbers, in the byte order of the section, as struct has them: if_speed, if_tzone, if_txspeed,
#: if_rxspeed of an interface; epb_flags, epb_dropcount, epb_packetid, epb_queue, epb_processid_threadid of a packet.
INTERFACE_NUMBERS = {8: "Q", 10: "i", 16: "Q", 17: "Q"}
PACKET_NUMBERS = {2: "I", 4: "Q", 5: "Q", 6: "I", 8: "II"}
LATEST = 2**64 - 1
MOST_COMMENT = 65_535  # octets; what an option can hold


Option = tuple[int, bytes]  # code and value


def section(application: str, comment: str = "") -> bytes:
    """The block a capture begins with: who wrote it, and a word about it."""
    options = [(APPLICATION, application.encode()), *([(COMMENT, _text(comment))] if comment else [])]
    return _block(SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _options(options))


def interface(linktype: int, name: str, snap: int = 0, others: Sequence[Option] = ()) -> bytes:
    """An interface; they count from 0 in the order they are described. A name among the other options is its name;
    what they say of its times is left out."""
    named = [] if any(code == NAME for code, _ in others) else [(NAME, name.encode())]
    kept = [(code, value) for code, value in others if code not in (RESOLUTION, OFFSET)]
    options = _options([*named, *kept, (RESOLUTION, NANOSECONDS)])
    return _block(INTERFACE, struct.pack("<HHI", linktype, 0, snap) + options)


def comments(said: Sequence[str]) -> bytes:
    """The options of a packet that are its comments, with the end of options."""
    return _options([(COMMENT, _text(comment)) for comment in said]) if said else b""


def packet(
    number: int, time: int, frame: bytes, length: int, said: Sequence[str] = (), others: Sequence[Option] = ()
) -> bytes:
    """A frame of interface `number` that had `length` octets on the wire, with comments and other options behind. A
    time before 1970 becomes 1970."""
    when = max(0, min(time, LATEST))
    fixed = struct.pack("<IIIII", number, when >> 32, when & 0xFFFFFFFF, len(frame), length)
    options = [*((COMMENT, _text(comment)) for comment in said), *others]
    return _block(PACKET, fixed + frame + bytes(-len(frame) % 4) + (_options(options) if options else b""))


def options(octets: bytes, order: str, numbers: Mapping[int, str]) -> list[Option]:
    """The options of a block of that byte order as far as they are whole, in this one: those that are `numbers`, and
    the enterprise number of those that are nobody's, change theirs."""
    found: list[Option] = []
    at = 0
    while at + 4 <= len(octets):
        code, length = struct.unpack_from(order + "HH", octets, at)
        value = octets[at + 4 : at + 4 + length]
        if code == 0 or len(value) < length:
            break
        form = "I" if code in CUSTOM else numbers.get(code, "")
        if order == ">" and form and length >= struct.calcsize(f">{form}"):
            head = struct.calcsize(f">{form}")
            value = struct.pack(f"<{form}", *struct.unpack(f">{form}", value[:head])) + value[head:]
        found.append((code, value))
        at += 4 + (length + 3) // 4 * 4
    return found


def _text(comment: str) -> bytes:
    return comment.encode()[:MOST_COMMENT].decode(errors="ignore").encode()


def _options(options: Sequence[tuple[int, bytes]]) -> bytes:
    parts = [struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in options]
    return b"".join([*parts, END])


def _block(kind: int, body: bytes) -> bytes:
    octets = 12 + len(body)
    return struct.pack("<II", kind, octets) + body + struct.pack("<I", octets)
