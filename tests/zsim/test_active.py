"""Rules with a time condition are installed by the time of the packets; pasearch shows them always."""

from __future__ import annotations

from systems import NOW, RAW_IP, policy_system, tcp

import engine
from zsim.clock import SECOND
from zsim.replay import Tally, document, play

MINUTE = 60 * SECOND
POLICY = """\
IpFilterPolicy
{
  IpFilterRuleRef lunch
}
IpFilterRule lunch
{
  IpSourceAddr 10.1.0.2
  IpDestAddr 10.1.1.2
  IpService
  {
    Protocol Tcp
    Direction Inbound
  }
  IpTimeConditionRef noon
  IpGenericFilterActionRef permit
}
IpTimeCondition noon
{
  TimeOfDayRange 14:06-14:08
  DayOfWeekMask 0111110
}
IpGenericFilterAction permit
{
  IpFilterAction Permit
}
"""


def replayed(times: list[int], compiled: bool = False) -> dict:
    """A packet at each time through the policy; NOW is Wednesday 2023-12-13 14:05:31 UTC."""
    system = policy_system(POLICY)
    tally = Tally(system.prepare(compiled))
    packet = tcp("10.1.0.2", "10.1.1.2", 40000, 21, 2)
    play(system, tally, [engine.frames_of([(time, packet) for time in times], RAW_IP, compiled)])
    return document(tally)


def test_replay__by_the_time_of_the_packets() -> None:
    times = [NOW, NOW + 29 * SECOND - 1, NOW + 29 * SECOND, NOW + 2 * MINUTE, NOW + 3 * MINUTE, NOW + MINUTE]
    for compiled in (False, True):
        done = replayed(times, compiled)
        assert (done["permitted"], done["denied"], done["packets"]) == (3, 3, 6)
        assert [(row["name"], row["matches"]) for row in done["filters"] if row["matches"]] == [
            ("lunch", 3),
            ("DenyAllRule_Generated___________Inbnd", 3),
        ]


def test_replay__thousands_of_boundaries_in_one_batch() -> None:
    times = [NOW + day * 86_400 * SECOND + minute * MINUTE for day in range(7) for minute in range(5)]
    done = replayed(times)
    assert (done["permitted"], done["denied"]) == (2 * 5, 35 - 2 * 5)  # two of five minutes, on five of seven days


def test_display__only_what_is_installed() -> None:
    system = policy_system(POLICY)
    assert "lunch" not in system.shell("ipsec -f display").text
    assert "TotAvail: 4" in system.shell("ipsec -f display").text
    system.clock.advance_to(NOW + MINUTE)
    assert "FilterName:                   lunch" in system.shell("ipsec -f display").text
    assert "TotAvail: 5" in system.shell("ipsec -f display").text


def test_pasearch__also_outside_its_time() -> None:
    system = policy_system(POLICY)
    text = system.shell("pasearch -v f").text
    assert "policyRule:             lunch\n" in text
    assert "Status:            Inactive" in text
    assert "   Fr TimeOfDay:        14:06             To TimeOfDay:      14:08\n" in text
    assert "   Day of Week Mask:    0111110  (Sunday - Saturday)\n" in text
    assert system.shell("pasearch -v f -A").text == "No policies retrieved\n"
    system.clock.advance_to(NOW + MINUTE)
    assert "Status:            Active" in system.shell("pasearch -v f -A").text
