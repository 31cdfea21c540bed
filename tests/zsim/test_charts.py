"""Bars: what they show adds up, they fit, and nothing of a log becomes markup."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from zsim import charts, logstat
from zsim.cli import main

SVG = "{http://www.w3.org/2000/svg}"
LINE = (
    "Dec {day} {hour:02d}:05:31 S0W1 TRMD.TCPIP[1]: {message} Packet: 12/{day}/2023 {hour:02d}:05:31.00 "
    "filter rule= {rule} ext= 2 sipaddr= {peer} dipaddr= 10.1.1.2 proto= tcp(6) sport= 40000 dport= 21 -= "
    "Interface= 10.1.1.2 (I) secclass= 255 dest= local len= 60 ifcname= ETH1 fragment= N"
)


def line(message: str = "EZD0814I", rule: str = "ftp", peer: str = "10.1.0.2", hour: int = 14, day: int = 13) -> str:
    return LINE.format(message=message, rule=rule, peer=peer, hour=hour, day=day)


LOG = [
    *[line()] * 6, *[line("EZD0815I")] * 3, line("EZD1721I", "STOP"), line("EZD1722I", "STOP", hour=17),
    *[line(peer=f"10.1.0.{at}") for at in range(10, 40)], "rubbish", "Dec 13 14:05:31 S0W1 x: EZZ8495I TRMD STARTED",
]  # fmt: skip


def document(lines=LOG) -> dict:
    summary = logstat.Summary()
    logstat.add(summary, lines)
    return logstat.document(summary, {"ftp": "PAGEIPSE:12"})


def panel(title: str, most: int = 5) -> charts.Panel:
    return next(each for each in charts.panels(document(), most) if each.title.startswith(title))


def test_panels__add_up_to_the_records() -> None:
    for each in charts.panels(document(), 1000):
        assert sum(bar.total for bar in each.bars) == 41


def test_panels__hours_without_records_are_gaps() -> None:
    bars = panel("Records per hour").bars
    assert [(bar.label[11:13], bar.total) for bar in bars] == [("14", 40), ("15", 0), ("16", 0), ("17", 1)]


def test_panels__say_how_many_are_left_out_and_what_is_not_installed() -> None:
    assert (len(panel("Peers").bars), panel("Peers").more) == (5, 26)
    assert {bar.label: bar.note for bar in panel("Filters").bars} == {
        "ftp ext 2": "PAGEIPSE:12", "STOP ext 2": "not installed",
    }  # fmt: skip


@given(st.lists(st.integers(0, 10**9), min_size=4, max_size=4), st.integers(1, 80))
def test_shares__fill_no_more_than_the_width(counts: list[int], width: int) -> None:
    longest = max(sum(counts), 1)
    cells = charts._shares(counts, longest, width)
    assert min(cells) >= 0
    assert sum(cells) <= width
    assert not any(cell and not count for cell, count in zip(cells, counts, strict=True))


def test_terminal__fits_and_tells_outcomes_apart_without_colours() -> None:
    text = charts.terminal(document(), 5).plain
    assert max(map(len, text.splitlines())) <= 80
    assert "█ permitted 36   ▓ denied 3   ▒ blocked 1   ░ simulated 1" in text
    assert all(sign in text.split("Filters")[1] for sign in "█▓▒░")


# ---- SVG and HTML ---------------------------------------------------------------------------------------------


def test_svg__is_well_formed_and_its_bars_are_as_long_as_their_counts() -> None:
    root = ElementTree.fromstring(charts.svg(document(), 5))
    bars = {
        group.find(f"{SVG}title").text: [float(each.get("width")) for each in group.iter(f"{SVG}rect")]
        for group in root.iter(f"{SVG}g")
    }
    (ftp,) = (widths for label, widths in bars.items() if label.startswith("ftp ext 2: 36 permitted, 3 denied"))
    assert ftp[0] / ftp[1] == pytest.approx(12, rel=0.01)


@pytest.mark.parametrize("draw", [charts.svg, charts.page])
def test_drawn__needs_nothing_from_elsewhere(draw) -> None:
    text = draw(document(), 5)
    assert "<script" not in text
    links = re.findall(r"(?:href|src|url|@import)\W[^\s>]*", text)
    assert (
        [each for each in re.findall(r"https?://[^\s\"']+", text) if each != "http://www.w3.org/2000/svg"]
        == links
        == []
    )
    assert "prefers-color-scheme:dark" in text


def test_page__is_balanced_and_has_every_number() -> None:
    text = charts.page(document(), 5)
    for tag in ("html", "body", "svg", "details", "table", "tbody", "tr", "td", "style"):
        assert len(re.findall(rf"<{tag}[ >]", text)) == text.count(f"</{tag}>"), tag
    assert text.count("<tr><td>10.1.0.") == 31
    assert "<td>PAGEIPSE:12</td>" in text


HOSTILE = '</title><script>alert(1)</script>&"\x01\ufffe'


@pytest.mark.parametrize("draw", [charts.svg, charts.page])
def test_drawn__nothing_of_a_log_becomes_markup(draw) -> None:
    rule = "</title><script>x</script>&\"'\x01"
    text = draw(document([line(rule=rule)] * 2), 5, HOSTILE)
    assert "<script" not in text
    assert "\x01" not in text
    ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])


@pytest.mark.parametrize(
    "lines", [[], [line()], ["rubbish"], [line(day=day, hour=hour) for day in range(10, 30) for hour in range(24)]]
)
def test_drawn__of_little_and_of_much(lines) -> None:
    for draw in (charts.svg, charts.page):
        text = draw(document(lines), 5)
        ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])
    charts.terminal(document(lines), 5)


def test_columns__of_years_are_joined() -> None:
    lines = [
        LINE.format(message="EZD0814I", rule="a", peer="10.1.0.2", hour=1, day=13).replace("2023", year)
        for year in ("2023", "9999", "1970")
    ]
    assert len(panel_of(lines)) == 3


def panel_of(lines) -> tuple[charts.Bar, ...]:
    return charts.panels(document(lines), 5)[0].bars


# ---- the command ----------------------------------------------------------------------------------------------


def run(*arguments: str, input: str | None = None):
    return CliRunner().invoke(main, ["logstat", *arguments], input=input)


@pytest.fixture
def log(tmp_path: Path) -> str:
    (tmp_path / "log").write_text("\n".join(LOG))
    return str(tmp_path / "log")


def test_command__plots_and_draws(tmp_path: Path, log: str) -> None:
    done = run("--plot", "--html", str(tmp_path / "x.html"), "--svg", str(tmp_path / "x.svg"), log)
    assert (done.exit_code, "Filters" in done.stdout, "\x1b" in done.stdout) == (0, True, False)
    assert (tmp_path / "x.html").read_text().startswith("<!DOCTYPE html>")
    ElementTree.parse(tmp_path / "x.svg")


def test_command__to_standard_output(log: str) -> None:
    assert run("--html", "-", log).stdout.startswith("<!DOCTYPE html>")
    assert run("--svg", "-", log).stdout.startswith("<svg ")
    assert json.loads(run("--json", "-", input="\n".join(LOG)).stdout)["records"] == 41


@pytest.mark.parametrize(
    "options", [["--json", "--html", "-"], ["--plot", "--svg", "-"], ["--svg", "-", "--html", "-"]]
)
def test_command__has_one_standard_output(log: str, options: list[str]) -> None:
    assert run(*options, log).exit_code == 2


def test_command__spares_its_input_and_says_what_it_cannot_write(tmp_path: Path, log: str) -> None:
    before = Path(log).read_text()
    assert (run("--html", log, log).exit_code, Path(log).read_text()) == (2, before)
    assert run("--html", str(tmp_path / "no" / "x.html"), log).exit_code == 2
