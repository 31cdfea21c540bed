"""Small pairs of text and what becomes of it: x.in -> x.ok (what is installed), x.bad -> x.msgs (what is said).

A line of x.msgs is `line:column severity id text`; notes are left out of x.ok. `pytest --accept` rewrites them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "zsim"))

from systems import NOW, SYSLOGCONF, chain, source, unstarted

from zsim.config import dmd, pagentconf, syslogconf
from zsim.findings import NOTE, Finding
from zsim.system import System

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path for path in GOLDEN.glob("*/*") if path.suffix in (".in", ".bad"))


def span(value: tuple[int, int] | None) -> str:
    return "*" if value is None else "-".join(str(each) for each in dict.fromkeys(value))


def filters(system: System) -> list[str]:
    """A line for each visible filter: what it tests, in the words of the reports."""
    lines = []
    for each in system.stack.in_force.filters if system.stack.in_force else ():
        if each.hidden or each.implicit:
            continue
        service = each.service
        proto = {None: "*", -1: "opaque"}.get(service.protocol, str(service.protocol))
        parts = [
            f"{each.name}.{each.extension}", each.direction.lower()[:3], each.action, f"{each.source} > {each.dest}",
            f"proto {proto}",
        ]  # fmt: skip
        extras = {
            "group": each.group, "ports": _pair(service.source_port, service.dest_port),
            "type": _pair(service.type, service.code), "connect": service.connect,
            "scope": service.scope if service.scope != "Local" else "", "class": service.secclass or "",
            "fragments": "only" if service.fragments_only else "",
            "logging": each.logging if each.logging != "None" else "",
            "discard": each.discard if each.discard != "Silent" else "", "vpn": each.vpn_action,
        }  # fmt: skip
        lines.append(", ".join([*parts, *(f"{name} {value}" for name, value in extras.items() if value)]))
    return lines


def _pair(one: tuple[int, int] | None, two: tuple[int, int] | None) -> str:
    return f"{span(one)} {span(two)}" if one or two else ""


def network(system: System) -> list[str]:
    """The home list, routes and what is started."""
    here = system.stack.interfaces
    lines = [f"home {each} {each.interface}" for each in here.home if not each.interface.startswith("LOOP")]
    lines += [f"route {each.dest} {each.link}" for each in here.routes]
    lines += [f"{'started' if each.started else 'stopped'} {each.name} class {each.secclass}"
              for each in here.attachments.values() if each.type != "LOOPBACK"]  # fmt: skip
    lines += [f"ipsecurity {version}" for version in system.stack.versions]
    return lines


def run_profile(text: str) -> tuple[list[str], list[Finding]]:
    made = unstarted({"USER.CONFIG(PROFILE)": text, "/etc/syslog.conf": SYSLOGCONF}, tasks="-CPAGENT")
    _, findings = made.start(NOW)
    return network(made) + filters(made), findings


def run_policy(text: str) -> tuple[list[str], list[Finding]]:
    made = unstarted(chain(text))
    _, findings = made.start(NOW)
    installed = filters(made) if made.stack.policy else ["nothing is installed"]
    return installed, [each for each in findings if each.where.source == "USER.CONFIG(IPSTACK)"]


def run_syslogconf(text: str) -> tuple[list[str], list[Finding]]:
    read = syslogconf.parse(source(text))
    return [str(rule) for rule in read.rules], list(read.findings)


def run_pagentconf(text: str) -> tuple[list[str], list[Finding]]:
    main, image = pagentconf.main_file(source(text)), pagentconf.image_file(source(text))
    if "# image" in text:
        return [f"IpSecConfig {image.ipsec.text!r}" if image.ipsec else "no IpSecConfig"], list(image.findings)
    lines = [f"TcpImage {each.stack} {each.file.text if each.file else '(this file)'} {each.interval}"
             for each in main.images]  # fmt: skip
    lines += [f"CommonIpSecConfig {main.common.text}"] if main.common else []
    lines += [f"LogLevel {main.loglevel}"] if main.loglevel is not None else []
    return lines, list(main.findings)


def run_dmd(text: str) -> tuple[list[str], list[Finding]]:
    read = dmd.parse(source(text))
    return str(read.config).splitlines(), list(read.findings)


RUN = {"profile": run_profile, "policy": run_policy, "syslogconf": run_syslogconf, "pagentconf": run_pagentconf,
       "dmd": run_dmd}  # fmt: skip


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_golden__pair(path: Path, accept: bool) -> None:
    lines, findings = RUN[path.parent.name](path.read_text())
    if path.suffix == ".bad":
        lines = [
            f"{f.where.line}:{f.where.column} {f.severity} {f.id} {f.text}" for f in findings if f.severity != NOTE
        ]
    else:
        assert [each for each in findings if each.severity != NOTE] == []
    expected = path.with_suffix(".ok" if path.suffix == ".in" else ".msgs")
    if accept:
        expected.write_text("".join(f"{line}\n" for line in lines))
    assert expected.read_text().splitlines() == lines


def test_golden__has_no_lonely_file() -> None:
    known = {
        path.with_suffix(suffix)
        for path in CASES
        for suffix in (path.suffix, ".ok" if path.suffix == ".in" else ".msgs")
    }
    assert set(GOLDEN.glob("*/*")) == known
