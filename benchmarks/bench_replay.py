"""Captures through zsim and through the tools people use instead, in one run: millions of packets a second, and the
ratio of zsim to each.

One core, unless a row says two. `hdr` has frames cut at 96 octets, `mix` half as many of 64 to 1,514. Throughput is
the slope between a capture and its first quarter, so start-up is not in it; rows "whole process" have it. Slow peers
get the first part only. What writes a packet of output for each one gets 400,000, takes turns with its peer, and both
write to /dev/null. What is not installed has no row, which is said on standard error. The first call of the
process, which loads and perhaps compiles kernels, is a row of its own.

Captures are written in pieces of `pieces` octets: a system that can keeps each in memory as it was written, and then a
large one is mapped and copied at a fraction of the cost of many small ones. "5-tuple" reads the fields that the loops
over dpkt and scapy read, "all fields" every one there is.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import IO, Any, NamedTuple

import engine
from benchmarks.workloads import ethernet, packet
from engine import pcapng
from tests.zsim.systems import NOW, ROOT, chain, unstarted
from zsim import captures, outputs, replay
from zsim.rows import Rows
from zsim.system import System

HERE = "10.1.1.2"
POOL = 8192  # different frames; a capture repeats them
PART = 50_000  # packets for slow peers
MIDDLE = 400_000  # packets where each is written
FEW = 1000
PIECES = 1 << 21  # octets; the largest page there is
FIVE = ("version", "src_addr", "dst_addr", "proto", "src_port", "dst_port")
RUNS = 7  # in turns with the others, of which the quickest counts
SECOND = 10**9


class Result(NamedTuple):
    """ratio is zsim's figure to this tool's in the same job; in rows of zsim, to itself as `job` says."""

    capture: str
    job: str
    tool: str
    mpps: float
    ratio: float | None = None


class Capture(NamedTuple):
    name: str
    whole: Path
    quarter: Path
    part: Path
    few: Path
    packets: int


# ---- captures and filters --------------------------------------------------------------------------------------


def make(folder: Path, name: str, packets: int, snap: int | None, pieces: int = PIECES) -> Capture:
    """The capture and its beginnings."""
    random = Random(1)
    records, starts = bytearray(), [0]
    for _ in range(POOL):
        frame = _frame(random, full=snap is None)
        kept = frame[:snap]
        records += struct.pack("<IIII", 0, 0, len(kept), len(frame)) + kept
        starts.append(len(records))
    sizes = {"whole": packets, "quarter": packets // 4, "part": min(PART, packets), "few": min(FEW, packets)}
    made = {size: folder / f"{name}-{size}.pcap" for size in sizes}

    def parts(count: int) -> Iterator[bytes]:
        yield engine.write_pcap([])
        for second in range(-(-count // POOL)):
            for at in range(0, POOL):
                struct.pack_into("<II", records, starts[at], NOW // SECOND + second, at * 100)
            yield bytes(records[: starts[min(POOL, count - second * POOL)]])

    for size, count in sizes.items():
        write(made[size], parts(count), pieces)
    return Capture(name, *(made[size] for size in sizes), packets)


def write(path: Path, parts: Iterable[bytes], pieces: int) -> None:
    """A file of these parts, written so many octets at a time."""
    left = bytearray()
    with open(path, "wb", buffering=0) as file:
        for part in parts:
            left += part
            while len(left) >= pieces:
                file.write(left[:pieces])
                del left[:pieces]
        file.write(left)
    os.utime(path, (0, 0))  # a file that was written just now is read and not mapped


def _frame(random: Random, full: bool) -> bytes:
    """To or from this stack, one in ten forwarded, one in twelve IPv6; some with a VLAN tag."""
    here, there = 0x0A010102, 0x0A000000 | random.randrange(2**16)
    version = 6 if random.random() < 1 / 12 else 4
    if version == 6:
        here, there = (0x20010DB8 << 96) + 2, (0x20010DB8 << 96) + random.randrange(3, 2**16)
    ends = [there if random.random() < 0.1 else here, there ^ random.randrange(1, 9)]
    random.shuffle(ends)
    frame = ethernet(packet(version, *ends, random), tagged=random.random() < 0.05)
    size = random.choice((64, 64, 70, 78, 590, 1514, 1514, random.randrange(64, 1515)))
    return frame + random.randbytes(max(0, size - len(frame)))  # as padding; no tool here minds


class Filter(NamedTuple):
    inbound: bool
    net: int
    bits: int
    tcp: bool
    port: int


def filters(count: int) -> list[Filter]:
    random = Random(7)
    return [
        Filter(random.random() < 0.5, 0x0A000000 | random.randrange(2**16) & -(2 ** (32 - bits)), bits,
               random.random() < 0.7, random.randrange(1, 1024))
        for bits in random.choices(range(20, 27), k=count)
    ]  # fmt: skip


def _net(each: Filter) -> str:
    return ".".join(str(each.net >> shift & 255) for shift in (24, 16, 8, 0)) + f"/{each.bits}"


def bpf(of: list[Filter]) -> str:
    """The filters as tcpdump writes them."""
    return "ip and (" + " or ".join(
        f"({'src' if each.inbound else 'dst'} net {_net(each)} and {'dst' if each.inbound else 'src'} host {HERE} "
        f"and {'tcp' if each.tcp else 'udp'} dst port {each.port})" for each in of) + ")"  # fmt: skip


def policy(of: list[Filter]) -> str:
    """The filters as the Policy Agent reads them."""
    names = "".join(f"  IpFilterRuleRef R{at}\n" for at in range(len(of)))
    blocks = [f"IpFilterPolicy\n{{\n  FilterLogging off\n{names}}}\n"]
    blocks.append("IpGenericFilterAction permit\n{\n  IpFilterAction Permit\n}\n")
    for at, each in enumerate(of):
        ends = (_net(each), HERE) if each.inbound else (HERE, _net(each))
        blocks.append(
            f"IpFilterRule R{at}\n{{\n  IpSourceAddr {ends[0]}\n  IpDestAddr {ends[1]}\n  IpService\n  {{\n"
            f"    Protocol {'Tcp' if each.tcp else 'Udp'}\n    DestinationPortRange {each.port}\n"
            f"    Direction {'Inbound' if each.inbound else 'Outbound'}\n    Routing Either\n  }}\n"
            "  IpGenericFilterActionRef permit\n}\n"
        )
    return "".join(blocks)


def system(count: int) -> System:
    made = unstarted(chain(policy(filters(count))))
    made.start(NOW)
    return made


def _saved(folder: Path) -> str:
    """The system of 200 filters as a folder: adcd with another policy."""
    made = folder / "system"
    if not made.exists():
        shutil.copytree(ROOT / "profiles" / "adcd", made)
        (made / "datasets" / "USER.Z24C.TCPPARMS" / "PAGEIPSE").write_text(policy(filters(200)))
    return str(made)


# ---- clocks ----------------------------------------------------------------------------------------------------


def best(work: Callable[[], object], runs: int = 3) -> float:
    """Seconds of the quickest run."""
    found = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return min(found)


def slopes(capture: Capture, runs: int, *works: Callable[[Path], object]) -> list[float]:
    """Millions of packets a second beyond the first quarter, of several that take turns: a machine with other work is
    then the same for all of them."""
    found = [[float("inf"), float("inf")] for _ in works]
    for _ in range(runs):
        for seconds, work in zip(found, works, strict=True):
            for at, path in enumerate((capture.whole, capture.quarter)):
                seconds[at] = min(seconds[at], best(lambda path=path, work=work: work(path), 1))
    return [(capture.packets - capture.packets // 4) / max(whole - quarter, 1e-9) / 1e6 for whole, quarter in found]


def once(work: Callable[[Path], object], capture: Capture) -> float:
    """Millions of packets a second of the part for slow peers."""
    return min(PART, capture.packets) / best(lambda: work(capture.part), 1) / 1e6


def command(*words: str) -> Callable[[Path], object]:
    """A program that reads a capture, `{}` among its words; Python keeps what it compiles, as for its users."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return lambda path: subprocess.run(
        [word.replace("{}", str(path)) for word in words], env=environment,
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


# ---- what zsim does --------------------------------------------------------------------------------------------


Recorder = Callable[[engine.Frames, Any], object]


def replayed(
    of: System, recording: Callable[[replay.Tally, IO[bytes]], AbstractContextManager[Recorder]] | None = None
) -> Callable[[Path], object]:
    """Read, decode, judge and count, and write what `recording` does besides."""

    def work(path: Path) -> None:
        tally = replay.Tally(of.prepare(True))  # the tables are made once for a replay, and so are not in the slope
        if recording is None:
            quick = replay.quick_of(tally)
            replay.play(of, tally, captures.frames(str(path), True, quick=quick), quick=quick)
        else:
            with open(os.devnull, "wb", buffering=0) as file, recording(tally, file) as record:
                replay.play(of, tally, captures.frames(str(path), True), record=record)
        assert tally.packets

    return work


def in_threads(count: int, work: Callable[[Path], object]) -> Callable[[Path], object]:
    """The same, with so many threads where it can use them."""

    def timed(path: Path) -> None:
        os.environ["ZSIM_THREADS"] = str(count)
        work(path)
        os.environ["ZSIM_THREADS"] = "1"

    return timed


def decoded(path: Path, fields: Collection[str] = FIVE) -> None:
    for frames in captures.frames(str(path), True, fields=fields):
        engine.decode(frames, fields)


def decoded_by_reading(path: Path) -> None:
    with open(path, "rb", buffering=0) as file:
        for frames in engine.read_capture(file, "x", True, decoding=FIVE):
            engine.decode(frames, FIVE)


@contextmanager
def _lines(tally: replay.Tally, file: IO[bytes]) -> Iterator[Recorder]:
    rows = Rows(tally.prepared, outputs.Only(), "jsonl")
    yield lambda frames, outcome: [file.write(octets) for octets in rows.of(frames, outcome, "x") or ()]


@contextmanager
def _annotated(tally: replay.Tally, file: IO[bytes]) -> Iterator[Recorder]:
    made = outputs.Annotated(tally.prepared)
    file.write(made.head())
    yield lambda frames, outcome: [file.write(octets) for octets in made.add(frames, outcome)]


@contextmanager
def _parquet(tally: replay.Tally, file: IO[bytes]) -> Iterator[Recorder]:
    from zsim.parquet import Table

    table = Table(tally.prepared, outputs.Only(), file.write)
    yield lambda frames, outcome: table.add(frames, outcome, "x")
    table.close()


def _as_pcapng(path: Path) -> Iterator[bytes]:
    """The same packets."""
    yield pcapng.section("zsim") + pcapng.interface(1, "EN10MB")
    for frames in captures.frames(str(path), False):
        for p in range(frames.count):
            yield pcapng.packet(0, frames.time[p], engine.frame_of(frames, p), frames.length[p])


# ---- what others do --------------------------------------------------------------------------------------------


def dpkt_loop(path: Path) -> None:
    import dpkt

    with open(path, "rb") as file:
        for _, octets in dpkt.pcap.Reader(file):
            with suppress(dpkt.UnpackError):
                ip = dpkt.ethernet.Ethernet(octets).data
                if isinstance(ip, dpkt.ip.IP | dpkt.ip6.IP6):
                    _ = ip.src, ip.dst, getattr(ip.data, "sport", 0), getattr(ip.data, "dport", 0)


def scapy_loop(path: Path) -> None:
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.inet6 import IPv6
    from scapy.utils import PcapReader

    for each in PcapReader(str(path)):
        ip = each.getlayer(IP) or each.getlayer(IPv6)
        if ip is not None:
            upper = ip.getlayer(TCP) or ip.getlayer(UDP)
            _ = (ip.src, ip.dst) if upper is None else (ip.src, ip.dst, upper.sport, upper.dport)


def _pcap_loop(folder: Path) -> str | None:
    """The C loop over libpcap, compiled; None where it cannot be."""
    source, made = Path(__file__).with_name("pcaploop.c"), folder / "pcaploop"
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    words = [compiler, "-O2", str(source), "-lpcap", "-o", str(made)]
    return str(made) if subprocess.run(words, capture_output=True, check=False).returncode == 0 else None


FIELDS = ("ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "ip.proto", "tcp.srcport", "tcp.dstport", "udp.srcport")


#: Peers beside the C loop over libpcap: programs, and packages of Python.
PROGRAMS, PACKAGES = ("tcpdump", "tshark", "editcap", "cc"), ("dpkt", "scapy", "pyarrow")


def missing() -> list[str]:
    """Which of them are not installed."""
    programs = [name for name in PROGRAMS if shutil.which(name) is None]
    return programs + [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def run(packets: int = 2_000_000, pieces: int = PIECES) -> list[Result]:
    os.environ["ZSIM_THREADS"] = "1"
    for name in missing():
        print(f"{name} is not installed: what needs it has no row", file=sys.stderr)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        some, many = system(200), system(1000)
        first = best(lambda: replayed(some)(make(folder, "first", POOL, 96).few), 1)
        rows = [Result("hdr", "first call, seconds", "zsim", round(first, 3))]
        for name, count, snap in (("hdr", packets, 96), ("mix", packets // 2, None)):
            rows += _results(folder, make(folder, name, count, snap, pieces), some, many, pieces)
            rows += _written(make(folder, name, min(MIDDLE, count), snap, pieces), some)
        return rows


def _results(folder: Path, capture: Capture, some: System, many: System, pieces: int) -> Iterator[Result]:
    def against(job: str, mine: float, **peers: float) -> Iterator[Result]:
        yield Result(capture.name, job, "zsim", mine)
        for tool, its in peers.items():
            yield Result(capture.name, job, tool, its, mine / its)

    def have(*programs: str) -> bool:
        return all(map(shutil.which, programs))

    terms = folder / "terms"
    terms.write_text(bpf(filters(200)))
    filtering = command("tcpdump", "-r", "{}", "-w", "/dev/null", "-F", str(terms))
    loop = _pcap_loop(folder)
    works = {"one": replayed(some), "two": in_threads(2, replayed(some)), "many": replayed(many),
             "decoded": decoded, "read": decoded_by_reading,
             "all": partial(decoded, fields=engine.FIELD)}  # fmt: skip
    works |= {"tcpdump": filtering} if have("tcpdump") else {}
    works |= {"libpcap": command(loop, "{}")} if loop else {}
    rates = dict(zip(works, slopes(capture, RUNS, *works.values()), strict=True))
    tcpdump, libpcap = ({name: rates[name]} if name in rates else {} for name in ("tcpdump", "libpcap"))
    mine, rate = rates["one"], rates["decoded"]
    yield from against("replay, 200 filters", mine, **tcpdump)
    if (os.cpu_count() or 1) > 1:
        yield Result(
            capture.name, "replay, 200 filters, two cores to one", "zsim", rates["two"], rates["two"] / mine
        )
    yield Result(
        capture.name, "replay, 1,000 filters, times the time of 200", "zsim", rates["many"], mine / rates["many"]
    )
    yield from against("decode, 5-tuple, mapped", rate, **libpcap)
    yield from against("decode, 5-tuple, read()", rates["read"], **libpcap)
    yield from against("decode, all fields, mapped", rates["all"], **libpcap)
    peers = {"tshark": once(command("tshark", "-r", "{}", "-T", "fields", *(f"-e{each}" for each in FIELDS)), capture)
             } if have("tshark") else {}  # fmt: skip
    for tool, work in (("dpkt", dpkt_loop), ("scapy", scapy_loop)):
        if importlib.util.find_spec(tool):
            peers[tool] = once(work, capture)
    yield from against("decode, 5-tuple", rate, **peers)
    same = folder / "same.pcapng"
    write(same, _as_pcapng(capture.quarter), pieces)
    for job, work in (("decode pcapng, to pcap", decoded), ("replay pcapng, to pcap", replayed(some))):
        pairs = [[best(lambda path=path, work=work: work(path), 1) for path in (capture.quarter, same)]
                 for _ in range(2 * RUNS)]  # fmt: skip
        pcap, ng = map(min, zip(*pairs, strict=True))
        yield Result(capture.name, job, "zsim", capture.packets / 4e6 / ng, pcap / ng)
    script = Path(sys.executable).with_name("zsim")
    begun = (str(script),) if script.exists() else (sys.executable, "-m", "zsim.cli")
    zsim = command(*begun, "replay", "-s", _saved(folder), "{}")
    yield Result(capture.name, "whole process, 1,000 packets, seconds", "zsim", best(lambda: zsim(capture.few), 9))
    whole = capture.packets / best(lambda: zsim(capture.whole), RUNS) / 1e6
    its = {"tcpdump": capture.packets / best(lambda: filtering(capture.whole), RUNS) / 1e6} if have("tcpdump") else {}
    yield from against("whole process, 200 filters", whole, **its)


def _written(capture: Capture, of: System) -> Iterator[Result]:
    """What writes something for each packet, beside what others write of it."""
    jobs = (
        ("a JSON line for every packet", 3, _lines, ("tcpdump", "-nn", "-r", "{}")),
        ("annotated pcapng", 15, _annotated, ("editcap", "-F", "pcapng", "{}", "/dev/null")),
        ("Parquet, a row a packet", 9, _parquet, ()),
    )
    for job, runs, recording, words in jobs:
        if recording is _parquet and not importlib.util.find_spec("pyarrow"):
            continue
        peers = [words] if words and shutil.which(words[0]) else []
        mine, *its = slopes(capture, runs, replayed(of, recording), *(command(*each) for each in peers))
        yield Result(capture.name, job, "zsim", mine)
        for (tool, *_), rate in zip(peers, its, strict=True):
            yield Result(capture.name, job, tool, rate, mine / rate)


def table(rows: list[Result]) -> str:
    """The figures as a Markdown table."""
    lines = ["| capture | job | tool | M packets/s | ratio |", "|---|---|---|---:|---:|"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:,.2f}"
        lines.append(f"| {row.capture} | {row.job} | {row.tool} | {row.mpps:,.3f} | {ratio} |")
    return "\n".join(lines) + "\n"
