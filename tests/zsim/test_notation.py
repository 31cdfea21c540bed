"""Packets in the short notation: what a line means in octets, what it assumes, and what is wrong with it."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest

import engine
from engine.space import COUPLINGS, DIMENSIONS
from zsim.whatif import notation, words
from zsim.whatif.notation import NotationError, Written, is_expression, read


def decoded(written: Written) -> dict[str, int]:
    headers = engine.decode(engine.frames_of([(0, written.packet)], notation.RAW))
    return {field.name: engine.cell(headers, field.name, 0) for field in engine.FIELDS}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "tcp 10.1.0.2:40000 > 10.1.1.2:21 in ETH1 syn",
            {"version": 4, "proto": 6, "src_port": 40000, "dst_port": 21, "connect": 1, "ip_length": 40},
        ),
        ("tcp 10.1.0.2:40000 -> 10.1.1.2:21 ack", {"dst_port": 21, "connect": 0}),
        ("icmp 10.1.0.2 > 10.1.1.2", {"proto": 1, "type": 8, "code": 0}),
        ("ICMP 10.1.0.2>10.1.1.2 type 3 code 13", {"type": 3, "code": 13}),
        ("udp 10.1.0.2:53->10.1.1.2:99", {"src_port": 53, "dst_port": 99}),
        ("udp [2001:db8::2]:53 > [2001:db8::1]:40000", {"version": 6, "src_port": 53, "dst_port": 40000}),
        ("icmpv6 fe80::1 > ff02::1", {"proto": 58, "type": 128}),
        ("ospf 10.1.1.2 > 224.0.0.5", {"proto": 89, "type": 1}),
        ("47 192.0.2.1 > 10.1.1.2 len 1400", {"proto": 47, "ip_length": 1400}),
        ("proto-47 192.0.2.1 > 10.1.1.2", {"proto": 47}),
        ("tcp 10.1.0.2:9 > 10.1.1.2:21 len 1500", {"ip_length": 1500, "dst_port": 21}),
        ("tcp 10.1.0.2 > 10.1.1.2 fragment", {"fragment": 1, "opaque": 1, "dst_port": 65536}),
        ("tcp 10.1.0.2:1 > 10.1.1.2:2 fragment len 1500", {"fragment": 1, "opaque": 0, "dst_port": 2}),
        ("icmp 10.1.0.2 > 10.1.1.2 type 8 cut", {"type": 8, "code": 256, "opaque": 1}),
        ("ip 2001:db8::2 > 2001:db8::1", {"proto": 256, "opaque": 1}),
        ("1 2001:db8::2 > 2001:db8::1", {"proto": 1, "type": 256}),
    ],
)  # fmt: skip
def test_read__octets_say_what_the_line_says(line: str, expected: dict[str, int]) -> None:
    found = decoded(read(line))
    assert {name: found[name] for name in expected} == expected


def test_read__checksums_are_right_with_data_too() -> None:
    for line in (
        "tcp 10.1.0.2:9 > 10.1.1.2:21 len 101",
        "udp [::1]:5 > [::2]:6 len 99",
        "icmp 1.1.1.1 > 2.2.2.2 len 41",
    ):
        packet = read(line).packet
        version = packet[0] >> 4
        upper = packet[20 if version == 4 else 40 :]
        proto = packet[9] if version == 4 else packet[6]
        ends = packet[12:20] if version == 4 else packet[8:40]
        pseudo = b"" if proto == 1 else ends + len(upper).to_bytes(2, "big") + bytes((0, proto))
        total = pseudo + upper
        total += b"\0" * (len(total) % 2)
        added = sum(int.from_bytes(total[at : at + 2], "big") for at in range(0, len(total), 2))
        assert added % 0xFFFF == 0, line


def test_read__where_it_crosses_and_what_is_assumed() -> None:
    written = read("tcp 10.1.0.2 > 10.1.1.2:21 in eth1 routed")
    assert (written.direction, written.interface, written.routed) == ("in", "ETH1", True)
    assert written.assumed == (
        "source port 40000", "no connection request (write syn for one)", "ttl 64", "len 40",
    )  # fmt: skip
    assert read("icmp 10.1.0.2 > 10.1.1.2 type 8 code 0 ttl 3 len 84").assumed == ()
    assert read("udp [::1]:1 > [::2]:2 in").interface is None


@pytest.mark.parametrize(
    ("line", "column", "what"),
    [
        ("", 0, "the packet is empty"),
        ("tpc 1.1.1.1 > 2.2.2.2", 0, "'tpc' is no protocol; did you mean tcp?"),
        ("tcp 1.1.1.1 2.2.2.2", 12, "SOURCE > DESTINATION is expected"),
        ("tcp 1.1.1 > 2.2.2.2", 4, "'1.1.1' is no IPv4 or IPv6 address"),
        ("tcp 1.1.1.1 > ::1", 14, "different IP versions"),
        ("icmp 1.1.1.1:4 > 2.2.2.2", 5, "icmp has no ports"),
        ("tcp 1.1.1.1 > 2.2.2.2:99999", 14, "99999 is not in 0 to 65535"),
        ("tcp [1.1.1.1]:4 > 2.2.2.2", 4, "brackets are for IPv6; write 1.1.1.1:4"),
        ("udp 1.1.1.1 > 2.2.2.2 syn", 22, "udp has no flags"),
        ("tcp 1.1.1.1 > 2.2.2.2 fragmnt", 22, "did you mean fragment?"),
        ("tcp 1.1.1.1 > 2.2.2.2 syn ack", 26, "syn and ack exclude each other"),
        ("tcp 1.1.1.1 > 2.2.2.2 syn syn", 26, "syn is given twice"),
        ("tcp 1.1.1.1 > 2.2.2.2 len", 25, "len needs a number"),
        ("tcp 1.1.1.1 > 2.2.2.2 len 3", 22, "the headers alone have 40 octets"),
        ("tcp 1.1.1.1:1 > 2.2.2.2:2 fragment len 1501", 35, "write 1500"),
        ("icmp 1.1.1.1 > 2.2.2.2 code 3", 23, "code goes with type"),
        ("1 ::1 > ::2 type 8", 12, "1 has no type"),
        ("icmp ::1 > ::2", 0, "icmp is of IPv4; of IPv6 write icmpv6"),
        ("tcp 1.1.1.1 > 2.2.2.2 fragment syn", 0, "flags of this packet are cut off"),
        ("ip 1.1.1.1 > 2.2.2.2", 0, "for IP in IP write 4"),
        ("x" * 2000, 1000, "at most 1000"),
    ],
)
def test_read__mistakes_have_their_column(line: str, column: int, what: str) -> None:
    with pytest.raises(NotationError) as told:
        read(line)
    assert told.value.column == column
    assert what in told.value.what


def test_read__understands_what_words_writes() -> None:
    """Every packet the answers of zsim show can be asked about again, but for what their line does not tell."""
    random = Random(8)
    same = 0
    for _ in range(1500):
        box = random.choice(COUPLINGS)
        packet = {
            name: random.randint(*span) if isinstance(span := box.get(name, 0), tuple) else span for name in DIMENSIONS
        }
        if packet["proto"] in (1, 58) and packet["proto"] != {4: 1, 6: 58}[packet["version"]]:
            continue
        values = read(words.packet({**packet, "zone": 0})).values
        differs = {name for name, value in values.items() if value != packet[name]}
        assert differs <= ({"opaque", "code"} if packet["fragment"] else set()), words.packet(packet)
        same += not differs
    assert same > 1000


def test_read__rubbish_raises_nothing_else() -> None:
    random = Random(1)
    parts = ["tcp", ">", "1.1.1.1", "[::1]:5", "in", "len", "65535", "fragment", "cut", "[", "]:", ":", "é", "\0", "-1"]
    for _ in range(3000):
        line = " ".join(random.choices(parts, k=random.randint(0, 9)))
        with suppress(NotationError):
            assert len(read(line).packet) >= 20


def test_is_expression__tells_scapy_from_the_notation() -> None:
    assert is_expression('IP(src="10.1.0.2")/TCP()')
    assert is_expression("(IP()/UDP())")
    assert not is_expression("tcp 10.1.0.2 > 10.1.1.2")
