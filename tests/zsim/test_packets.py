"""Packet expressions are read as data; whatever is no packet ends in PacketError, at once, untried."""

from __future__ import annotations

import ipaddress
import logging
import socket
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zsim.packets import FILLED, LAYERS, LINKTYPES, PacketError, bare, layer_class, packets


@pytest.fixture(autouse=True)
def nothing_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """No expression may ask the network or start anything."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"an expression reached the machine with {args}")

    for name in ("getaddrinfo", "gethostbyname", "gethostbyaddr"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr("os.system", refuse)


def destinations(expression: str) -> list[str]:
    """The destination of each packet, out of its IPv4 header."""
    return [str(ipaddress.IPv4Address(data[16:20])) for data in packets(expression)[1]]


def ports(expression: str) -> list[tuple[str, int]]:
    """The destination and the destination port of each packet with an IPv4 header of 20 octets."""
    made = packets(expression)[1]
    return [(str(ipaddress.IPv4Address(data[16:20])), int.from_bytes(data[22:24], "big")) for data in made]


# --- what can be written

PING = "4500001c00010000400165db0a0100020a0101020800f7ff00000000"

EXAMPLES = (
    ('IP(src="10.1.0.2", dst="10.1.1.2")/ICMP()', 101, PING),
    (' (IP(src="10.1.0.2",\n dst="10.1.1.2") / ICMP()) ', 101, PING),
    ('IP(src="10.1.0.2", dst="10.1.1.2", tos=None)/ICMP(id=False)', 101, PING),
    ('Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")/IP(src="10.1.0.2", dst="10.1.1.2")/ICMP()', 1,
     "020000000002" "020000000001" "0800" + PING),
    ('IP(src="1.2.3.4", dst="1.2.3.5", proto=253)/"é"', 101,
     "4500001600010000" "40fd71de" "0102030401020305" "c3a9"),
    (r'IP(src="1.2.3.4", dst="1.2.3.5", proto=253)/b"\x00\xff"', 101,
     "4500001600010000" "40fd71de" "0102030401020305" "00ff"),
    ('IPv6(src="2001:db8::1", dst="2001:db8::2")/UDP(sport=1, dport=2)', 101,
     "6000000000081140" "20010db8000000000000000000000001" "20010db8000000000000000000000002"
     "000100020008a466"),
    ('Ether()/ARP(pdst="10.1.1.1")', 1,
     "ffffffffffff" "000000000000" "0806" "0001080006040001" "00000000000000000000" "0000000000000a010101"),
)  # fmt: skip


@pytest.mark.parametrize(("expression", "linktype", "data"), EXAMPLES)
def test_packets__examples(expression: str, linktype: int, data: str) -> None:
    made, one = packets(expression)
    assert (made, [data.hex() for data in one]) == (linktype, [data])


@pytest.mark.parametrize("name", LAYERS)
def test_packets__every_layer_is_the_same_twice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing random, no clock, no routing table: the clock moves on and the machine's routes fail."""
    below = 'IPv6(dst="2001:db8::2")' if "v6" in name else 'IP(dst="10.1.1.2")'
    expression = f"{name}()" if name in LINKTYPES else f"{below}/{name}()"
    if name in ("ICMP", "ICMPerror"):
        expression = expression.replace("()", "(type=13)")
    first = packets(expression)
    from scapy.config import conf

    def ask(*args: object, **kwargs: object) -> None:
        raise AssertionError("scapy asked for a route")

    monkeypatch.setattr(type(conf.route), "route", ask, raising=False)
    monkeypatch.setattr(time, "time", lambda: 12345.678)
    assert packets(expression) == first


@pytest.mark.parametrize("name", LAYERS)
def test_packets__what_scapy_would_ask_the_machine_for_is_filled(name: str) -> None:
    asking = ("SourceIPField", "SourceIP6Field", "SourceMACField", "DestMACField", "ICMPTimeStampField")
    fields = {
        field.name
        for field in layer_class(name).fields_desc
        if any(type(one).__name__ in asking for one in bare(field))
    }
    assert fields == set(FILLED.get(name, {}))


def test_packets__ether_asks_for_no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    from scapy.config import conf

    monkeypatch.setattr(type(conf.neighbor), "resolve", lambda *args: pytest.fail("scapy asked ARP"))
    assert packets('Ether()/IP(dst="10.1.1.2")/TCP()')[1][0][:12].hex() == "ffffffffffff000000000000"


def test_packets__lists_and_ranges_are_many_packets() -> None:
    assert [port for _, port in ports("IP()/TCP(dport=[21, 23, (1024, 1026), (10, 30, 10)])")] == [
        21, 23, 1024, 1025, 1026, 10, 20, 30,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "address",
    [
        '"10.0.0.2/30"',
        '"10.0.0.0-10.0.0.3"',
        '("10.0.0.0", "10.0.0.3")',
        '["10.0.0.0/31", "10.0.0.2", "10.0.0.3"]',
    ],
)
def test_packets__addresses_by_prefix_and_range(address: str) -> None:
    assert destinations(f"IP(dst={address})") == ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3"]


def test_packets__come_in_the_order_of_scapy() -> None:
    from scapy.layers.inet import IP, TCP

    theirs = IP(src="1.1.1.1", dst=["10.0.0.1", "10.0.0.2"], ttl=(1, 2)) / TCP(sport=[1, 2], dport=(80, 82))
    ours = 'IP(src="1.1.1.1", dst=["10.0.0.1", "10.0.0.2"], ttl=(1, 2))/TCP(sport=[1, 2], dport=(80, 82))'
    assert packets(ours)[1] == [bytes(packet) for packet in theirs]


def test_packets__a_list_field_takes_its_list() -> None:
    assert len(packets('IP()/TCP(options=[("MSS", 1460), ("NOP", None)])')[1]) == 1
    assert len(packets('IP()/OSPF_Hdr()/OSPF_Hello(neighbors=["10.1.1.1", "10.1.1.3"])')[1]) == 1


def test_packets__at_most() -> None:
    assert len(packets('IP(dst="10.0.0.0/30")/TCP(dport=[1, 2])', most=8)[1]) == 8
    with pytest.raises(PacketError, match=r"with TCP\.dport these are 12 packets; at most 8"):
        packets('IP(dst="10.0.0.0/30")/TCP(dport=[1, 2, 3])', most=8)


# --- what cannot

LONG = "x" * 4000

HOSTILE = (
    '__import__("os")',
    '__import__("os").system("true")',
    'IP().__class__.__bases__[0].__subclasses__()',
    "IP.__init__.__globals__",
    'IP(src=__import__("os"))',
    'IP(src=open("/etc/passwd"))',
    'eval("1")',
    "IP()[0]",
    "IP().src",
    "IP",
    "IP/TCP",
    "IP()()",
    "(lambda: IP())()",
    "lambda: IP()",
    "(x := IP())",
    "[IP() for _ in (1, 2)]",
    "IP() if 1 else IP()",
    "IP()*1000000000",
    "IP()/(b'x'*1000000000)",
    "IP()/Raw(load='x'*1000000000)",
    "IP(ttl=2**1000000000)",
    "IP(ttl=1<<1000000000)",
    "IP() and IP()",
    "IP() == IP()",
    "not IP()",
    "-IP()",
    "~1",
    "IP(ttl=~1)",
    "IP(ttl=+1)",
    "IP(ttl=1.5)",
    "IP(ttl=1j)",
    "IP(ttl=...)",
    "IP(ttl={})",
    "IP(ttl={1})",
    "IP(ttl=range(3))",
    "IP(**{'ttl': 1})",
    "IP(*[1])",
    "IP(b'E')",
    "IP(ttl=1, ttl=2)",
    "IP(_pkt=b'x')",
    "IP(_internal=1)",
    "IP(post_transform=None)",
    'f"{IP()}"',
    'IP(src=f"{1}")',
    "IP(); IP()",
    "import os",
    "x = IP()",
    "await IP()",
    "yield",
    "",
    "   ",
    "# nothing",
    "\0",
    "IP(\0)",
    '"\ud800"',
    'IP()/"\ud800"',
    'IP()/"\\ud800"',
    'IP(dst="\\ud800")',
    'IP(dst="www.example.com")',
    'IP(dst="localhost")',
    'IP(dst=b"localhost")',
    'IP(dst="10.1")',
    'IP(dst="10.1.1.2%lo")',
    'IP(dst="010.1.1.2")',
    'IP(dst="::1")',
    'IP(dst=["10.1.1.2", "www.example.com"])',
    'IP(dst=("10.1.1.2", "www.example.com"))',
    'IP(dst=("10.1.1.2", "10.1.1.1"))',
    'IP(dst="www.example.com/24")',
    'IP(dst="10.0.0.0/33")',
    'IP(dst="10.0.0.*")',
    'IP(dst="10.0.0.1-5")',
    "IP(dst=1)",
    'IPv6(dst="www.example.com")',
    'IPv6(dst="fe80::1%eth0")',
    'IPv6(dst="10.1.1.2")',
    'IPv6()/IPv6ExtHdrRouting(addresses=["www.example.com"])',
    'IPv6()/ICMPv6ND_NS(tgt="www.example.com")',
    'IP()/OSPF_Hdr(src="www.example.com")',
    'IP()/OSPF_Hello(neighbors=["www.example.com"])',
    'IP()/IGMP(gaddr="www.example.com")',
    'IP()/ICMP(type=5, gw="www.example.com")',
    'Ether()/ARP(psrc="www.example.com")',
    'Ether()/ARP(hwsrc="www.example.com")',
    'Ether(dst="www.example.com")',
    'Ether(dst="02:00:00:00:00:01-02:00:00:00:00:09")',
    'IP(dst="0.0.0.0/0")',
    'IPv6(dst="::/0")',
    'IPv6(dst="::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")',
    "IP(id=(0, 65535))",
    "IP(id=(0, 99999999999999999999999999999999))",
    "IP(ttl=(0, 255))/TCP(dport=(0, 255))",
    "IP(ttl=(5, 1))",
    "IP(ttl=(1, 5, 0))",
    "IP(ttl=(1, 5, -1))",
    "IP(ttl=())",
    "IP(ttl=[])",
    "IP(ttl=[[1]])",
    'IP(ttl=("a", "b"))',
    "IP(ttl=300)",
    "IP(ttl=-1)",
    'IP(ttl="x")',
    f"IP(ttl=0x{'f' * 4000})",
    f"IP(ttl={'9' * 4000})",
    "IP(ttl=" + "9" * 4080 + ")",
    f"0x{'f' * 4000}",
    "IP(version=99)",
    "IP(frag=8192)",
    'IP(flags="XYZ")',
    'IP()/TCP(dport="http")',
    "IP()/TCP(dport=65536)",
    'IP()/TCP(options=[("Nothing", 1)])',
    "IP()/TCP(options=5)",
    "IP()/TCP(options=(1, 0))",
    "TCP()",
    '"abc"',
    "5",
    "ARP()",
    "None",
    "IP()/None",
    "IP()/5",
    "IP()//TCP()",
    "IP()/",
    "/IP()",
    "IP(" * 1000,
    "(" * 4000,
    "[" * 4000,
    "-" * 4000 + "1",
    "not " * 1000 + "1",
    "IP(ttl=" + "[" * 50 + "]" * 50 + ")",
    "IP()" + "/IP()" * 32,
    "1/" * 2000 + "1",
    "IP(x=" * 90 + "1" + ")" * 90,
    f'IP()/"{LONG}{LONG}"',
    "IP()/Raw('x')",
    "Ipv7()",
    "scapy.all.IP()",
    "send(IP())",
    "sr1(IP())",
)  # fmt: skip


@pytest.mark.parametrize("expression", HOSTILE, ids=range(len(HOSTILE)))
def test_packets__refuses_what_is_no_packet(expression: str) -> None:
    packets("IP()/TCP()")  # scapy's own import is not what is timed
    start = time.perf_counter()
    with pytest.raises(PacketError) as caught:
        packets(expression)
    assert time.perf_counter() - start < 0.5
    first, excerpt, caret = str(caught.value).rsplit("\n", 2)
    assert first.startswith("packet expression, column ")
    assert ";" in first, "what is wrong; what to write instead"
    assert "\n" not in first
    assert len(excerpt) < 80
    assert caret.strip() == "^"
    assert 0 <= caught.value.column <= len(expression)


MESSAGES = (
    ('IP(sr="10.1.0.2")', 3, "IP has no field sr; did you mean src?"),
    ("IP()/Tpc()", 5, "there is no layer Tpc; did you mean TCP?"),
    ('IP()/"é"/ICMP(tpye=8)', 14, "ICMP has no field tpye; did you mean type?"),
    ('  IP(\n dst="host")', 11, "IP.dst is 'host', which is no IPv4 address; write one out, as names are not "
     "looked up"),
    ("IP", 0, "IP is a layer without its parentheses; write IP()"),
    ("IP()/Raw('x')", 9, 'Raw has a value without a field name; write load="..."'),
    ("IP(version=4, frag=9000)", 19, "9000 does not fit into IP.frag; write a number the field has room for"),
    ("IP()/TCP(sport=1, dport=70000)", 24, None),
)  # fmt: skip


@pytest.mark.parametrize(("expression", "column", "what"), MESSAGES)
def test_packets__says_what_and_where(expression: str, column: int, what: str | None) -> None:
    with pytest.raises(PacketError) as caught:
        packets(expression)
    assert caught.value.column == column
    assert what is None or caught.value.what == what


def test_packets__the_caret_stands_below_the_mistake() -> None:
    with pytest.raises(PacketError) as caught:
        packets('IP(src="10.1.0.2")/' + '"x"/' * 10 + "TCP(dprt=23)")
    _, excerpt, caret = str(caught.value).split("\n")
    assert excerpt[caret.index("^") :].startswith("dprt=23")


def test_packets__scapy_prints_nothing_and_keeps_its_loggers(capfd: pytest.CaptureFixture[str]) -> None:
    before = {
        name: list(logging.getLogger(name).filters) for name in ("scapy", "scapy.runtime", "scapy.loading")
    }
    for _ in range(4):  # scapy falls silent itself when it says the same too often
        with pytest.raises(PacketError, match="Nothing"):
            packets('IP()/TCP(options=[("Nothing", 1)])')
    assert {name: logging.getLogger(name).filters for name in before} == before
    assert capfd.readouterr() == ("", "")


# --- rubbish

WORDS = st.sampled_from(
    [*LAYERS, "(", ")", "/", "[", "]", ",", "=", '"', "src", "dst", "dport", "ttl", "flags", "options",
     "type", '"10.1.1.2"', '"10.0.0.0/29"', '"::1"', "None", "True", "-1", "0", "7", "70000", 'b"x"',
     "(1, 3)", "lambda", ":", "IP()", "/TCP(", ".", "**", "*", "\n", " "]
)  # fmt: skip
LITERALS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.binary(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.tuples(inner, inner)),
    max_leaves=5,
)


def survives(expression: str) -> None:
    """The expression is packets, or a PacketError, and never anything else."""
    try:
        linktype, made = packets(expression, most=200)
    except PacketError:
        return
    assert linktype in (1, 101)
    assert 1 <= len(made) <= 200


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(
        st.text(), st.lists(WORDS, max_size=25).map("".join), st.lists(WORDS, max_size=25).map(" ".join)
    )
)
def test_packets__rubbish_never_crashes(expression: str) -> None:
    survives(expression)


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_packets__any_literal_in_any_field_never_crashes(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(LAYERS)))
    fields = [field.name for field in layer_class(name).fields_desc]
    chosen = data.draw(st.lists(st.sampled_from(fields), max_size=3, unique=True)) if fields else []
    given = ", ".join(f"{field}={data.draw(LITERALS)!r}" for field in chosen)
    survives(f"{name}({given})" if name in LINKTYPES else f"IP()/{name}({given})")
