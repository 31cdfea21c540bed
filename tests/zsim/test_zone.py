"""POSIX time zones: the forms of TZ, and when daylight saving begins and ends."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from systems import chain, icmp, log_of, play, policy, rule, system

from zsim import started, times
from zsim.clock import LATEST, SECOND, east, iso, moment, nanoseconds, next_shift, syslog_time, zone
from zsim.facts import choosing
from zsim.files import Files
from zsim.findings import Where
from zsim.started import Task

PLACES = {
    "EST5EDT": "America/New_York",
    "EST5EDT,M3.2.0,M11.1.0": "America/New_York",
    "<EST>+05:00:00<EDT>4,M3.2.0/02:00,M11.1.0/2": "America/New_York",
    "CET-1CEST,M3.5.0,M10.5.0/3": "Europe/Berlin",
    "AEST-10AEDT,M10.1.0,M4.1.0/3": "Australia/Sydney",
    "LHST-10:30LHDT-11,M10.1.0,M4.1.0": "Australia/Lord_Howe",
    "IST-1GMT0,M10.5.0,M3.5.0/1": "Europe/Dublin",
    "<-03>3": "America/Sao_Paulo",
}


@pytest.mark.parametrize("tz", PLACES)
def test_east__is_that_of_the_time_zone_database(tz) -> None:
    chance, place, known = random.Random(7), ZoneInfo(PLACES[tz]), zone(tz)
    seconds = [chance.randrange(1_577_836_800, 2_000_000_000) for _ in range(500)]
    for second in seconds:
        shift = next_shift(known, second * SECOND)
        seconds[len(seconds) :] = [shift // SECOND - 1, shift // SECOND] if shift and len(seconds) < 1500 else []
    for second in seconds:
        assert east(known, second * SECOND) == datetime.fromtimestamp(second, place).utcoffset().total_seconds()


@pytest.mark.parametrize(
    "tz",
    ["", "EST", "E5", "EST25", "EST5:60", "Europe/Berlin", "EST5EDT,M3.2.0", "EST5EDT,M13.1.0,M1.1.0",
     "EST5EDT,M3.6.0,M11.1.0", "EST5EDT,J0,J1", "EST5EDT,J1,366", "EST5EDT,M3.2.0/25,M11.1.0", "EST5EDT,,"],
)  # fmt: skip
def test_zone__of_another_form_is_none(tz) -> None:
    assert zone(tz) is None


@pytest.mark.parametrize(
    ("rules", "begin", "end"),
    [
        ("J60/0,J300/0", "2024-03-01T05:00:00", "2024-10-27T04:00:00"),  # J60 is March 1 in every year
        ("59/0,299/24", "2024-02-29T05:00:00", "2024-10-27T04:00:00"),
        ("M2.5.4/1:30,M12.5.2/0", "2024-02-29T06:30:00", "2024-12-31T04:00:00"),
    ],
)
def test_zone__rules_of_each_form(rules, begin, end) -> None:
    known = zone(f"EST5EDT,{rules}")
    for at, before, after in ((begin, -18000, -14400), (end, -14400, -18000)):
        assert (east(known, nanoseconds(at) - 1), east(known, nanoseconds(at))) == (before, after)


def test_zone__without_rules_has_those_of_the_fact() -> None:
    with choosing({"tz-daylight-rules": "M4.1.0,M10.5.0"}):
        assert iso(next_shift(zone("EST5EDT"), nanoseconds("2024-01-01T00:00:00"))) == "2024-04-07T07:00:00.000000000Z"
    assert iso(next_shift(zone("EST5EDT"), nanoseconds("2024-01-01T00:00:00"))) == "2024-03-10T07:00:00.000000000Z"


@pytest.mark.parametrize("time", [-(2**63), 0, LATEST, 2**63 - 1])
@pytest.mark.parametrize("tz", PLACES)
def test_zone__ends_of_the_calendar_do_not_crash(tz, time) -> None:
    assert syslog_time(time, zone(tz))
    assert moment(time, zone(tz)).year in (1970, 9999, 2262, 1969)


def test_condition__is_asked_again_when_the_wall_clock_leaps() -> None:
    office, leap = times.TimeCondition(ranges=((8 * 60, 18 * 60),)), nanoseconds("2024-03-10T07:00:00")
    new_york = zone("EST5EDT")
    assert times.next_change(office, nanoseconds("2024-03-10T06:00:00"), new_york) == leap
    assert times.next_change(office, leap, new_york) == nanoseconds("2024-03-10T12:00:00")
    assert times.active(office, nanoseconds("2024-03-10T12:00:00"), new_york)
    assert not times.active(office, nanoseconds("2024-03-10T11:59:59"), new_york)


@pytest.mark.parametrize(
    ("utc", "stamp", "day"),
    [
        ("2024-03-10T06:59:59", "Mar 10 01:59:59", "10"),
        ("2024-03-10T07:00:00", "Mar 10 03:00:00", "10"),
        ("2024-07-01T03:59:59", "Jun 30 23:59:59", "30"),
        ("2024-07-01T04:00:00", "Jul  1 00:00:00", "01"),
        ("2024-11-03T05:59:59", "Nov  3 01:59:59", "03"),
        ("2024-11-03T06:00:00", "Nov  3 01:00:00", "03"),
    ],
)
@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
def test_record__stamp_and_file_of_the_day_follow_daylight_saving(utc, stamp, day, compiled) -> None:
    denied = rule("Denied", service="Protocol All", action="deny-log")
    made = system(chain(policy(denied)), timezone="EST5EDT,M3.2.0,M11.1.0")
    play(made, icmp("10.1.0.2", "10.1.1.2", 8), compiled=compiled, time=nanoseconds(utc))
    at = datetime.fromisoformat(utc).replace(tzinfo=UTC).astimezone(ZoneInfo("America/New_York"))
    assert at.strftime("%d") == day
    (line,) = log_of(made, f"/var/log/TRMD1I.{at:%Y.%m.%d}")
    assert line.startswith(f"{stamp} S0W1 TRMD.TCPIP[")
    assert f": {utc[5:7]}/{utc[8:10]}/2024 {utc[11:]}.00 filter rule=" in line


@pytest.mark.parametrize(("tz", "found"), [("EST5EDT", []), ("", []), ("Europe/Berlin", [(2, 11)])])
def test_trmd__says_where_its_time_zone_is_none(tz, found) -> None:
    files = Files({"/etc/trmd.env": "/etc/trmd.env"}, text={"/etc/trmd.env": f"# ours\nexport TZ={tz}\n"})
    task = Task("TRMD", started.TRMD, "START1", Where("system.yaml", 1, 1), environment="/etc/trmd.env")
    told = started.settle(files, task)
    assert [(each.where.line, each.where.column) for each in told] == found
    assert all(each.id == "not-modelled" and tz in each.text for each in told)
