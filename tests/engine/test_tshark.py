"""Decoding equals tshark's on every shared capture, but for what OPINIONS lists.

Compared is the outermost IP header of frames in which it directly follows the link header and VLAN tags,
without reassembly. tshark shows a field wherever it meets one, inside tunnels and ICMP errors too; so a field
counts only if its protocol stands where the outermost packet has it.
"""

import shutil
import struct
import subprocess
from collections import Counter
from functools import cache

import made
import pytest
from captures import SHARED, each_capture, octets_of, read, rows
from test_decode import HEADERS, ip, tcp

import engine
from engine.linktypes import LINKTYPES

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

#: What `decap` takes off, and what --decap is not for.
WRAPPERS = {"pppoes", "pppoed", "pppoe", "ppp", "mpls"}

#: (capture, field or "*", reason, frames): where tshark and we differ and neither is wrong.
OPINIONS = (
    (
        "ndpi-fuzz-2006-09-29-28586.pcap",
        "tcp_flags",
        "a TCP data offset below 5: the flags are there all the same",
        1,
    ),
)

#: (what holds, reason): the same for frames that are cut, of (field, our value, tshark's, our status).
CUT = (
    (lambda field, ours, theirs, status: status == "truncated" and ours is None,
     "of an IP header that is cut off tshark shows the beginning; no filter can judge it, so we show the version"),
    (lambda field, ours, theirs, status: status == "partial" and field == "tcp_flags" and theirs is None,
     "tshark shows TCP flags only if the window behind them is there too"),
    (lambda field, ours, theirs, status: field == "version" and theirs is None,
     "tshark opens no raw packet of less than 4 octets, and no NFLOG attribute of which the end is missing"),
)  # fmt: skip

BEFORE_IP = {"eth", "ethertype", "vlan", "ieee8021ad", "sll", "sll2", "null", "loop", "raw"}
BEFORE_IP |= {"radiotap", "wlan_radio", "wlan", "llc", "ppp", "chdlc", "nflog"}
CHAIN = {"ipv6.hopopts", "ipv6.routing", "ipv6.dstopts", "ipv6.fraghdr"}
FIELDS = [
    "frame.time_epoch",
    "frame.len",
    "frame.cap_len",
    "frame.protocols",
    "ip.version",
    "ipv6.version",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "ip.proto",
    "ip.frag_offset",
    "ip.flags.mf",
    "ipv6.fraghdr.offset",
    "ipv6.fraghdr.more",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.flags",
    "udp.srcport",
    "udp.dstport",
    "icmp.type",
    "icmp.code",
    "icmpv6.type",
    "icmpv6.code",
    "sctp.srcport",
    "sctp.dstport",
    "dccp.srcport",
    "dccp.dstport",
]
#: tshark's names of the protocols with ports, and of the fields that hold them.
PORTED = {"tcp": "tcp", "udp": "udp", "udplite": "udp", "sctp": "sctp", "dccp": "dccp"}
PREFERENCES = [
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
    "ip.tso_support:TRUE",
    "ipv6.tso_support:TRUE",
    "tcp.desegment_tcp_streams:FALSE",
    "ip.use_geoip:FALSE",
]


@cache
def tshark(path):
    """What tshark says of each frame, as a dict per frame; a field that is not there is an empty string."""
    command = [
        "tshark",
        "-n",
        "-r",
        str(path),
        "-T",
        "fields",
        "-E",
        "occurrence=f",
        "-E",
        "separator=/t",
    ]
    for preference in PREFERENCES:
        command += ["-o", preference]
    for field in FIELDS:
        command += ["-e", field]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    frames = [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in shown.splitlines()]
    if ".pcapng" in str(path):  # tshark counts custom blocks as frames
        frames = [frame for frame in frames if frame["frame.protocols"] != "data" or frame["frame.time_epoch"]]
    return frames


def outermost(said, opened=BEFORE_IP):
    """The rows `engine.row` should give, of the fields tshark shows; None where it says nothing of use."""
    protocols = said["frame.protocols"].split(":")
    while protocols and protocols[0] in opened:
        protocols.pop(0)
    if not protocols or protocols[0] not in ("ip", "ipv6"):
        return None
    if protocols[0] == "ip":
        later = said["ip.frag_offset"] not in ("", "0")
        row = {
            "version": said["ip.version"],
            "src": said["ip.src"],
            "dst": said["ip.dst"],
            "proto": said["ip.proto"],
            "fragment_offset": said["ip.frag_offset"],
            "more_fragments": said["ip.flags.mf"],
        }
        upper = protocols[1] if len(protocols) > 1 else ""
    else:
        rest = protocols[1:]
        fragmented = False
        while rest and rest[0] in CHAIN:
            fragmented |= rest.pop(0) == "ipv6.fraghdr"
        later = fragmented and said["ipv6.fraghdr.offset"] != "0"
        row = {"version": said["ipv6.version"], "src": said["ipv6.src"], "dst": said["ipv6.dst"]}
        if fragmented:
            row.update(fragment_offset=said["ipv6.fraghdr.offset"], more_fragments=said["ipv6.fraghdr.more"])
        upper = rest[0] if rest else ""
    row.update(dict.fromkeys(("sport", "dport", "icmp_type", "icmp_code", "tcp_flags"), ""))
    if not later:
        if upper in PORTED:
            row.update(sport=said[f"{PORTED[upper]}.srcport"], dport=said[f"{PORTED[upper]}.dstport"])
        if upper == "tcp":
            row["tcp_flags"] = said["tcp.flags"]
        if upper == ("icmp" if protocols[0] == "ip" else "icmpv6"):
            row.update(icmp_type=said[f"{upper}.type"], icmp_code=said[f"{upper}.code"])
    return {key: number(value) for key, value in row.items()}


def number(text):
    """tshark's text as `engine.row` has it."""
    if text in ("True", "False"):
        return int(text == "True")
    if text.startswith("0x"):
        return int(text, 16)
    return int(text) if text.isdigit() else text or None


def differences(path, octets, decap=False):
    """(frame, field, ours, tshark's, our status) of every difference in a capture."""
    batches, _ = read([octets], path.name)
    opened = BEFORE_IP | (WRAPPERS if decap else set())
    read_as = (engine.decap(frames) if decap else frames for frames in batches)
    ours = [engine.row(headers, p) for headers in map(engine.decode, read_as) for p in range(headers.count)]
    for row, (frame, octets, wire, time, linktype), said in zip(ours, rows(batches), tshark(path), strict=True):
        seconds, _, fraction = said["frame.time_epoch"].partition(".")
        theirs = {
            "captured": int(said["frame.cap_len"]),
            "length": int(said["frame.len"]),
            "time": int(seconds) * 10**9 + int(fraction.ljust(9, "0")) if seconds else engine.NO_TIME,
        }
        status = row["status"]
        mine = {"captured": len(octets), "length": wire, "time": time}
        expected = outermost(said, opened) if linktype in LINKTYPES else None
        if expected is None:
            expected, row = {"version": None}, {"version": row["version"]}
        for field, value in (theirs | expected).items():
            if (mine | row)[field] != value:
                yield frame, field, (mine | row)[field], value, status


@pytest.mark.parametrize("decap", [False, True], ids=["closed", "opened"])
@each_capture
def test_decode__equals_tshark(name, decap):
    found = list(differences(SHARED / name, octets_of(name), decap))
    unexplained = [difference for difference in found if not explained(name, difference)]
    assert unexplained == []
    counted = Counter()
    for difference in found:
        counted[explained(name, difference)] += 1
    assert dict(counted) == {opinion: opinion[3] for opinion in OPINIONS if opinion[0] == name}


def _made(tmp_path, linktype, frame_of):
    """A capture of every packet behind one link header, some of them cut: its path."""
    frames = made.frames(frame_of)
    snapped = [(frame[:cut], len(frame)) for frame in frames[:4] for cut in range(0, len(frame), 3)]
    path = tmp_path / "made.pcap"
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, linktype)]
    for number, (frame, wire) in enumerate([*((frame, len(frame)) for frame in frames), *snapped]):
        parts.append(struct.pack("<IIII", number, 0, len(frame), wire) + frame)
    path.write_bytes(b"".join(parts))
    return path


@pytest.mark.parametrize("link", made.LINKS)
def test_decode__equals_tshark_behind_every_link_header(link, tmp_path):
    path = _made(tmp_path, *made.LINKS[link])
    assert [each for each in differences(path, path.read_bytes()) if not cut(each)] == []


@pytest.mark.parametrize("decap", [False, True], ids=["closed", "opened"])
@pytest.mark.parametrize("link", made.WRAPPED)
def test_decap__equals_tshark(link, decap, tmp_path):
    path = _made(tmp_path, *made.WRAPPED[link])
    assert [each for each in differences(path, path.read_bytes(), decap) if not cut(each)] == []


def cut(difference):
    """Whether a row of CUT covers it."""
    return any(holds(*difference[1:]) for holds, _ in CUT)


def explained(name, difference):
    """The row of OPINIONS that covers a difference, or None."""
    for opinion in OPINIONS:
        if opinion[0] == name and opinion[1] in ("*", difference[1]):
            return opinion
    return None


@pytest.mark.parametrize("name", HEADERS)
def test_decode__link_headers_as_tshark_reads_them(name, tmp_path):
    linktype, header, found = HEADERS[name]
    path = tmp_path / "x.pcap"
    path.write_bytes(engine.write_pcap([(0, header + ip(tcp(), 6))], linktype))
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "tcp.dstport"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert said == ("23" if found else "")
