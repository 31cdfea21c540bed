"""DPDK's librte_acl in this process, through a small C face that is compiled where dpdk-dev is installed."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rulesets import bounds
from engine.fields import COLUMN
from engine.headers import Headers
from engine.rules import Rule

HOW = "rte_acl needs a C compiler and DPDK's headers: apt-get install gcc pkg-config dpdk-dev"
ALGORITHMS = {"avx512x32": 7, "avx512x16": 6, "avx2": 3, "sse": 2, "scalar": 1}  # fastest first
FIELDS = ("src_addr", "dst_addr", "src_port", "dst_port", "proto")
KINDS = (np.uint32, np.uint32, np.uint16, np.uint16, np.uint8)
TOPS = (2**32 - 1, 2**32 - 1, 65535, 65535, 255)
BATCH = 256


class NoPeer(Exception):
    """The peer cannot be had, or cannot say what these rules say."""


def _address(array: Any) -> Any:
    return array.ctypes.data_as(ctypes.c_void_p)


def library(megabytes: int = 6000) -> Any:
    """The C face, compiled and started; once a process."""
    if not hasattr(library, "loaded"):
        library.loaded = _load(megabytes)  # type: ignore[attr-defined]
    return library.loaded


def _load(megabytes: int) -> Any:
    if not (shutil.which("cc") and shutil.which("pkg-config")):
        raise NoPeer(HOW)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libdpdk"], capture_output=True, text=True, check=False)
    if flags.returncode:
        raise NoPeer(HOW)
    target = Path(tempfile.mkdtemp(prefix="zsim-peer-")) / "rte_acl.so"
    source = Path(__file__).with_name("rte_acl.c")
    command = ["cc", "-O3", "-march=native", "-shared", "-fPIC", str(source), "-o", str(target), *flags.stdout.split()]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise NoPeer(f"{HOW}\n{made.stderr}")
    face = ctypes.CDLL(str(target))
    face.racl_build.restype = face.racl_trace.restype = ctypes.c_void_p
    face.racl_heap.restype = ctypes.c_long
    if face.racl_init(str(megabytes).encode(), 1) < 0:
        raise NoPeer("DPDK did not start")
    return face


class Peer:
    """librte_acl's table for a set of IPv4 rules on addresses, ports and protocol."""

    made = 0

    def __init__(self, rules: Sequence[Rule]) -> None:
        if any(test.field not in (*FIELDS, "version") for rule in rules for test in rule.tests):
            raise NoPeer("librte_acl's table here tests addresses, ports and protocol only")
        face, of = library(), bounds(rules)
        columns: list[Any] = []
        for field, kind, top in zip(FIELDS, KINDS, TOPS, strict=True):
            low, high = of.get(field, (np.zeros((len(rules), 2), np.uint64), np.full((len(rules), 2), top, np.uint64)))
            columns += [low[:, 1].astype(kind), np.minimum(high[:, 1], np.uint64(top)).astype(kind)]
        Peer.made += 1
        before, start = face.racl_heap(), time.perf_counter()
        self.table = face.racl_build(b"a%d" % Peer.made, len(rules), *map(_address, columns), ctypes.c_uint64(0))
        self.build_s, self.octets = time.perf_counter() - start, face.racl_heap() - before
        if not self.table:
            raise NoPeer("librte_acl cannot build a table of these rules")

    def trace(self, headers: Headers) -> Any:
        """The packets as librte_acl reads them."""
        n, columns = headers.count, []
        for field, kind in zip(FIELDS, KINDS, strict=True):
            at = COLUMN[field] + (3 if field.endswith("addr") else 0)
            columns.append(np.ascontiguousarray(headers.value[at * n : (at + 1) * n].astype(kind)))
        return library().racl_trace(ctypes.c_long(n), *map(_address, columns))

    def run(self, trace: Any, algorithm: str, result: Any) -> None:
        """result[p] = 1 + the first rule that matches, or 0."""
        code = library().racl_classify(
            ctypes.c_void_p(self.table), ctypes.c_void_p(trace), BATCH, ALGORITHMS[algorithm], _address(result)
        )
        if code:
            raise NoPeer(f"librte_acl cannot run {algorithm} here")

    def best(self, trace: Any, result: Any) -> list[str]:
        """The two fastest algorithms this machine can run."""
        able = []
        for algorithm in ALGORITHMS:
            try:
                self.run(trace, algorithm, result)
            except NoPeer:
                continue
            able.append(algorithm)
        return able[:2]

    def free(self, trace: Any) -> None:
        library().racl_trace_free(ctypes.c_void_p(trace))

    def close(self) -> None:
        library().racl_free(ctypes.c_void_p(self.table))
