"""Names of flows by the kernel: those of the specification."""

import base64
import hashlib
from random import Random

import made
import pytest

import engine
from engine.arrays import as_array, zeros
from engine.kernels.community import SCRATCH, WORDS, name_flows

ANSWERS = {8: 0, 0: 8, 256 + 128: 129, 256 + 129: 128}


def names(headers):
    n, compiled = headers.count, True
    cells = zeros("i8", WORDS * n, compiled)
    hashed = as_array([proto in (1, 6, 17, 58, 132) for proto in range(256)], "u1", compiled)
    answer = as_array([ANSWERS.get(type, -1) for type in range(512)], "i4", compiled)
    rows, has = as_array(range(n), "i4", compiled), as_array([1] * n, "u1", compiled)
    name_flows(headers.value, rows, n, n, hashed, answer, has, zeros("u4", SCRATCH, compiled), cells, 0)
    hashes = [b"".join(int(cells[word * n + p]).to_bytes(4, "big") for word in range(WORDS)) for p in range(n)]
    return [base64.b64encode(each).decode() for each in hashes]


def expected(headers, p):
    """As the specification has it, with hashlib."""
    version, proto = (engine.cell(headers, name, p) for name in ("version", "proto"))
    octets = 4 if version == 4 else 16
    src, dst = (engine.cell(headers, name, p).to_bytes(octets, "big") for name in ("src_addr", "dst_addr"))
    icmp = (version, proto) in ((4, 1), (6, 58))
    fields = ("type", "code") if icmp else ("src_port", "dst_port")
    sport, dport = (engine.cell(headers, name, p) for name in fields)
    known = [port if port <= (255 if icmp else 65535) else 0 for port in (sport, dport)]
    ports = known if icmp or proto in (6, 17, 132) else [0, 0]
    one_way = False
    if proto in (1, 58):
        answer = ANSWERS.get((256 if proto == 58 else 0) + ports[0])
        one_way, ports[1] = answer is None, ports[1] if answer is None else answer
    ends = [(src, ports[0]), (dst, ports[1])]
    if not one_way:
        ends.sort()
    said = b"\0\0" + ends[0][0] + ends[1][0] + bytes((proto, 0))
    if proto in (1, 6, 17, 58, 132):
        said += ends[0][1].to_bytes(2, "big") + ends[1][1].to_bytes(2, "big")
    return base64.b64encode(hashlib.sha1(said).digest()).decode()


@pytest.mark.parametrize("seed", range(3))
def test_name_flows__as_the_specification_says(seed):
    random = Random(seed)
    packets = [bytearray(packet) for packet in made.packets() if len(packet) < 2000]
    for packet in packets if seed else ():
        at = 12 if packet[0] >> 4 == 4 else 8
        packet[at : at + 2 * at - 8] = random.randbytes(2 * at - 8)  # IPv4: 16 octets, IPv6: 8
    frames = engine.frames_of([(0, bytes(packet)) for packet in 3 * packets], 101, True)
    headers = engine.decode(frames)
    judged = [
        p
        for p in range(headers.count)
        if headers.status[p] <= engine.PARTIAL and engine.cell(headers, "proto", p) < 256
    ]
    found = names(headers)
    assert len(judged) > 90
    assert [found[p] for p in judged] == [expected(headers, p) for p in judged]
