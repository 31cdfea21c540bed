"""Every packet logged: a replay that writes a record each through syslogd into a file, beside `tcpdump -nn` text in the
same run.

Throughput is the slope between a capture and its first quarter (for tcpdump: a quarter and its beginning), in seconds
of the clock, the better of two runs; what is written is compared with the plain formatter, octet for octet, at the end
of the large file, and the peak memory of whole processes is that of the small capture and of the large one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import engine
from benchmarks.bench_replay import POOL, Capture, Result, best, make
from tests.zsim.systems import NOW, ROOT, policy, rule
from zsim import captures, profiles, replay, store

EVERYTHING = policy(rule("everything", service="Protocol All;Routing Either"))


def run(packets: int = 5_000_000) -> list[Result]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        capture = make(folder, "hdr", max(1, packets // (4 * POOL)) * 4 * POOL, 96)
        _logged(_system(folder), capture.few)
        return list(_results(folder, capture))


def _results(folder: Path, capture: Capture) -> Iterator[Result]:
    job, count = "a record for every packet", capture.packets
    seconds = {path: [] for path in (capture.quarter, capture.whole)}
    peer: dict[Path, list[float]] = {capture.part: [], capture.quarter: []} if shutil.which("tcpdump") else {}
    for _ in range(2):
        for path in seconds:
            made = _system(folder)  # which removes what was logged before
            begun = time.perf_counter()
            lines, log = _logged(made, path)
            seconds[path].append(time.perf_counter() - begun)
        for path in peer:
            peer[path].append(best(lambda path=path: _printed(folder, path), 1))
    mine = count * 3 / 4e6 / (min(seconds[capture.whole]) - min(seconds[capture.quarter]))
    yield Result(capture.name, f"{job}, to a file", "zsim", mine)
    yield Result(capture.name, "records of it", "zsim", mine * lines / count)
    yield Result(capture.name, "the large file ends with what the plain formatter writes", "zsim",
                 float(_ends_like_plain(folder, capture, log)))  # fmt: skip
    if peer:
        few = 50_000
        its = (count / 4 - few) / 1e6 / (min(peer[capture.quarter]) - min(peer[capture.part]))
        yield Result(capture.name, f"{job}, to a file", "tcpdump -nn", its, mine / its)
    yield Result(capture.name, "text made of columns, nothing else", "zsim", _rendered())
    small, large = (_peak(folder, path) for path in (capture.quarter, capture.whole))
    yield Result(capture.name, "peak memory of the process, MB: first quarter", "zsim", small)
    yield Result(capture.name, "peak memory of the process, MB: all, to first quarter", "zsim", large, large / small)


def _system(folder: Path) -> Path:
    """adcd with a policy that logs everything, as new."""
    made = folder / "system"
    shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(ROOT / "profiles" / "adcd", made)
    (made / "datasets" / "USER.Z24C.TCPPARMS" / "PAGEIPSE").write_text(EVERYTHING)
    return made


def _logged(into: Path, path: Path, compiled: bool = True) -> tuple[int, Path]:
    """Replay into a system: how many records there are, and their file."""
    place = profiles.find(str(into))
    with store.session(place, write=True, now=NOW) as made:
        tally = replay.Tally(made.prepare(compiled))
        replay.play(made, tally, captures.frames(str(path), compiled), flush=partial(profiles.save_files, made, place))
    ((log, lines),) = tally.files.items()
    assert lines == tally.logged
    return lines, place.folder / log.lstrip("/")


def _printed(folder: Path, path: Path) -> None:
    with open(folder / "tcpdump.txt", "wb") as file:
        subprocess.run(["tcpdump", "-nn", "-r", str(path)], stdout=file, stderr=subprocess.DEVNULL, check=True)


def _ends_like_plain(folder: Path, capture: Capture, log: Path) -> bool:
    """The last repetition of the frames, in plain mode, against the end of the file."""
    size = (os.path.getsize(capture.whole) - len(engine.write_pcap([]))) // (capture.packets // POOL)
    with open(log, "rb") as file:
        file.seek(-POOL * 1000, os.SEEK_END)
        end = file.read()
    last = folder / "last.pcap"
    with open(capture.whole, "rb") as whole:
        whole.seek(-size, os.SEEK_END)
        last.write_bytes(engine.write_pcap([]) + whole.read())
    _, plain = _logged(_system(folder), last, compiled=False)
    started, records = plain.read_bytes().split(b"\n", 1)  # first of all TRMD says that it began
    return b"EZZ8495I" in started and end.endswith(records)


def _rendered(rows: int = 16_384) -> float:
    """Millions of lines a second that the kernel makes: the parts of a packet record."""
    from engine.text import Address, Choice, Columns, Fraction, Number, Stamp, Template, write

    template = Template((
        Stamp("time", "%b %e %H:%M:%S", True), " S0W1 TRMD.TCPIP[16842781]: EZD0814I Packet permitted: ",
        Stamp("time", "%m/%d/%Y %H:%M:%S"), ".", Fraction("time", 2), " filter rule= ",
        Choice("rule", tuple(b"Rule_%d ext= 1" % at for at in range(200))), " sipaddr= ", Address("version", "src"),
        " dipaddr= ", Address("version", "dst"), " proto= ", Choice("proto", (b"tcp(6)", b"udp(17)")), " sport= ",
        Number("sport", ("Unknown",)), " dport= ", Number("dport", ("Unknown",)), " -= Interface= 10.1.1.2 ",
        "(I) secclass= 255 dest= local len= ", Number("length"), " vpnaction= N/A tunnelID= N/A ",
        "ifcname= ETH1 fragment= ", Choice("fragment", (b"N", b"Y")), "\n",
    ))  # fmt: skip
    at = range(rows)
    values = {
        "time": [NOW + 20_000 * n for n in at], "rule": [n * 7 % 200 for n in at], "version": [4] * rows,
        "src": [0x0A000000 + n * 7919 % 65536 for n in at], "dst": [0x0A010102] * rows, "proto": [n % 2 for n in at],
        "sport": [1024 + n * 31 % 60000 for n in at], "dport": [(23, 443, 53)[n % 3] for n in at],
        "length": [40 + n * 13 % 1460 for n in at], "fragment": [0] * rows,
    }  # fmt: skip
    columns = Columns.of(template, values, compiled=True)
    write(template, columns)
    return rows / 1e6 / best(lambda: [write(template, columns, 0, n, n + 2048) for n in range(0, rows, 2048)], 30)


def _peak(folder: Path, path: Path) -> float:
    """MB of a zsim process that replays a capture."""
    words = [sys.executable, "-m", "zsim", "replay", "-s", str(_system(folder)), str(path)]
    null = os.open(os.devnull, os.O_WRONLY)
    child = os.posix_spawn(
        sys.executable, words, {**os.environ, "PYTHONPATH": str(ROOT)},
        file_actions=[(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)],
    )  # fmt: skip
    os.close(null)
    _, status, used = os.wait4(child, 0)
    assert status == 0
    return used.ru_maxrss / 1024 if sys.platform != "darwin" else used.ru_maxrss / 2**20
