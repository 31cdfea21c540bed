"""The whole TCPIP profile language: what is read, how it is printed, what it does in an OBEYFILE, what z/OS says.

Golden pairs are tests/golden/profile/lang-*: x.bad -> x.msgs and x.in -> x.ok (what is installed) run in test_golden;
here x.in -> x-canonical.in, the canonical print.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from systems import profile_system, unstarted

from zsim.config import edit, profile
from zsim.config.profile.ipsec import ENTRIES
from zsim.config.profile.reader import Table, spellings, words
from zsim.config.profile.tables import (
    GLOBALCONFIG,
    INTERFACE,
    IPCONFIG,
    IPCONFIG6,
    NETMONITOR,
    NOT_MODELLED,
    PORT_OPTIONS,
    ROUTE_OPTIONS,
    RULE_OPTIONS,
    SWITCHES,
)
from zsim.config.source import Source
from zsim.facts import choosing, fact
from zsim.findings import ERROR, Finding, Where, finding
from zsim.system import Reply, System
from zsim.tcpip.stack import Stack

GOLDEN = Path(__file__).parents[1] / "golden" / "profile"
CANONICAL = "-canonical.in"
PRINTED = sorted(GOLDEN.glob(f"lang-*{CANONICAL}"))
TABLES = {
    "IPCONFIG": IPCONFIG, "IPCONFIG6": IPCONFIG6, "GLOBALCONFIG": GLOBALCONFIG, "NETMONITOR": NETMONITOR,
    "INTERFACE": INTERFACE[4], "INTERFACE6": INTERFACE[6], "ROUTE": ROUTE_OPTIONS, "IPSEC": SWITCHES,
}  # fmt: skip

DEVICE_LINK = "DEVICE PORTA MPCIPA\nLINK ETH1 IPAQENET PORTA\nHOME 10.1.1.2 ETH1\n"
STARTED = f"{DEVICE_LINK}START PORTA\n"
INTERFACE_ETH2 = "INTERFACE ETH2 DEFINE IPAQENET PORTNAME PORTB IPADDR 10.2.1.2/24\n"


def read(text: str, **symbols: str) -> profile.Profile:
    return profile.parse(Source("P", text), symbols)


def bare(value: object) -> object:
    """A statement without places."""
    if isinstance(value, Where) or value is None:
        return None
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        names = [name for name in value._fields if name not in ("where", "places")]
        return type(value).__name__, tuple(bare(getattr(value, name)) for name in names)
    if isinstance(value, tuple):
        return tuple(bare(each) for each in value)
    return value


def errors(findings: tuple[Finding, ...] | list[Finding]) -> list[str]:
    return [f"{each.where.line}:{each.where.column} {each.id}" for each in findings if each.severity == ERROR]


def add(made: System, member: str, text: str) -> str:
    name = f"USER.CONFIG({member})"
    made.files.names[name] = member
    made.files.text[name] = text
    return name


def obey(made: System, text: str) -> Reply:
    """One OBEYFILE."""
    return made.console(f"V TCPIP,,OBEYFILE,{add(made, 'OBEY', text)}")


def said(reply: Reply) -> list[str]:
    return [str(each) for each in reply.messages]


def home(made: System) -> list[str]:
    return [f"{each} {each.interface}" for each in made.stack.interfaces.home if not each.interface.startswith("LOOP")]


# ---- print -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PRINTED, ids=lambda path: path.name.removesuffix(CANONICAL))
def test_print__is_canonical(path: Path) -> None:
    text = path.with_name(path.name.replace(CANONICAL, ".in")).read_text()
    assert f"{read(text)}\n" == path.read_text()


@pytest.mark.parametrize("path", PRINTED, ids=lambda path: path.name.removesuffix(CANONICAL))
def test_print__reads_as_equal_statements(path: Path) -> None:
    once = read(path.with_name(path.name.replace(CANONICAL, ".in")).read_text())
    again = read(str(once))
    assert bare(again.statements) == bare(once.statements)
    assert str(again) == str(once)


def test_print__every_printed_pair_has_its_input() -> None:
    assert len(PRINTED) >= 20
    assert all(path.with_name(path.name.replace(CANONICAL, ".in")).exists() for path in PRINTED)


def test_print__stays_within_72_columns() -> None:
    assert max(len(line) for path in PRINTED for line in path.read_text().split("\n")) <= 72


def test_edit__of_one_word_keeps_comments_and_gaps() -> None:
    source = Source(
        "P", "INTERFACE A DEFINE IPAQENET ; the first\n   PORTNAME   P IPADDR 10.1.1.2 ;old\n  SECCLASS  5\n"
    )
    (word,) = [each for each in words(source, {}) if each.text == "5"]
    assert edit.apply(source, [edit.replace(word, "100")]).text == source.text.replace("SECCLASS  5", "SECCLASS  100")


# ---- words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", TABLES)
def test_keyword__has_its_capitals_as_shortest_form(statement: str) -> None:
    table: Table = TABLES[statement]
    for name in table.rows:
        assert table.names[name] == name
    for spelt, full in table.names.items():
        assert full.startswith(spelt)


def test_keyword__a_full_spelling_wins_over_an_abbreviation() -> None:
    names = spellings(("IPCONFig", "IPCONFIG6", "PORT", "PORTRange"))
    assert (names["IPCONFIG"], names["IPCONF"], names["PORT"], names["PORTR"]) == (
        "IPCONFIG", "IPCONFIG", "PORT", "PORTRANGE",
    )  # fmt: skip
    assert "IPCON" not in names
    assert "PORTRAN" in names


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("IPSECR * * PROTO TCP SRCP 1 DEST 2", "IPSECRULE * * PROTOCOL TCP SRCPORT 1 DESTPORT 2"),
        ("IPSEC6R * * DIREC INB", "IPSEC6RULE * * DIRECTION INBOUND"),
        ("IPSECR * * DIREC BIDI OUTBC PROTO 6", "IPSECRULE * * DIRECTION BIDIRECTIONAL OUTBCONNECT PROTOCOL TCP"),
        ("IPSECR * * ROUTING ROUTED FRAGMENTS", "IPSECRULE * * ROUTING ROUTED FRAGMENTSONLY"),
        ("DVIP LOGEN LOGI", "DVIPSEC LOGENABLE LOGIMPLICIT"),
        ("LOGDIS NOLOGI", "LOGDISABLE NOLOGIMPLICIT"),
    ],
)
def test_ipsec__abbreviations(short: str, long: str) -> None:
    one, other = read(f"IPSEC {short} ENDIPSEC"), read(f"IPSEC {long} ENDIPSEC")
    assert errors(one.findings) == []
    assert bare(one.statements) == bare(other.statements)


def test_symbol__keeps_the_place_it_stands_at() -> None:
    text = "START A&SYSCLONE. ; x\n  INTERFACE &TWO.\nSTOP &NONE.\n"
    found = read(text, SYSCLONE="01", TWO="ETH1 DEFIN")
    first, last = found.statements
    assert (first.name, first.places["name"].column, last.name) == ("A01", 7, "&NONE.")
    assert errors(found.findings) == ["2:13 syntax"]


def test_symbol__may_hide_a_comment() -> None:
    assert read("START ETH1 &NOTE. STOP ETH1", NOTE="; no more").statements == read("START ETH1").statements


def test_comment__glued_to_a_word_is_part_of_it() -> None:
    found = read("START ETH1;note\nSTOP ETH1 ;note\n")
    assert [each.name for each in found.statements] == ["ETH1;NOTE", "ETH1"]
    assert [(each.id, each.where.column) for each in found.findings] == [("glued-comment", 7)]


def test_sequence_numbers__are_words() -> None:
    (found,) = [each for each in read("START ETH1".ljust(72) + "00010000").findings if each.severity == ERROR]
    assert (found.where.column, found.remedy) == (73, "sequence numbers are read as words: remove columns 73 to 80")


def test_statement__a_misspelt_one_ends_the_one_before() -> None:
    for before in (
        "IPCONFIG TTL 5",
        INTERFACE_ETH2,
        "TCPCONFIG NOTTLS",
        DEVICE_LINK,
        "PORT 20 TCP X",
        "DEVICE X LCS 1",
    ):
        found = read(f"{before}\nINTERFCE ETH1 DEFINE IPAQENET\nSTART ETH1\n")
        assert [each.text for each in found.findings if each.severity == ERROR] == [
            "INTERFCE is not a TCPIP profile statement"
        ]
        assert str(found.statements[-1]) == "START ETH1"


def test_kept__is_reported_once_a_name_and_keeps_its_case() -> None:
    found = read("SACONFIG COMMUNITY Secret\nTRANSLATE x\nSACONFIG AGENT 161\nGATEWAY a = b c d\nGATEWAY e = f g h\n")
    assert [(each.where.line, each.id) for each in found.findings] == [
        (1, "kept"), (2, "kept"), (4, "retired"), (4, "not-modelled"), (5, "retired"),
    ]  # fmt: skip
    assert str(found.statements[0]) == "SACONFIG COMMUNITY Secret"


# ---- INCLUDE ---------------------------------------------------------------------------------------------------


def including(files: dict[str, str]) -> profile.Profile:
    """Read the file A."""

    def include(name: str, where: Where) -> Source | Finding:
        if name not in files:
            return finding("missing-file", where, name=name, why="", hint="")
        return Source(name, files[name])

    return profile.parse(Source("A", files["A"]), {}, include)


def test_include__stands_in_place_of_its_text() -> None:
    found = including({"A": "START A1 INCLUDE B START A2\n", "B": "START B1\nINCLUDE C\n", "C": "START C1"})
    assert [each.name for each in found.statements] == ["A1", "B1", "C1", "A2"]
    assert found.sources == ("A", "B", "C")


def test_include__places_are_those_of_the_included_file() -> None:
    found = including({"A": "INCLUDE B\nSTART", "B": "\n  IPCONFIG TTL 999\n"})
    assert [(each.where.source, each.where.line, each.where.column) for each in found.findings] == [
        ("B", 2, 16), ("A", 2, 1),
    ]  # fmt: skip


@pytest.mark.parametrize("loop", [{"A": "INCLUDE A"}, {"A": "INCLUDE B", "B": "INCLUDE C", "C": "\nINCLUDE A"}])
def test_include__of_itself_is_refused(loop: dict[str, str]) -> None:
    assert [each.id for each in including(loop).findings] == ["include-loop"]


def test_include__twice_is_no_loop() -> None:
    assert len(including({"A": "INCLUDE B INCLUDE B", "B": "START X"}).statements) == 2


def test_include__may_be_deep() -> None:
    files = {"A": "INCLUDE F0"} | {f"F{n}": f"INCLUDE F{n + 1}\nSTART X{n}" for n in range(900)} | {"F900": "START END"}
    found = including(files)
    assert (len(found.statements), errors(found.findings)) == (901, [])
    assert found.statements[0].name == "END"


def test_include__that_doubles_comes_to_an_end() -> None:
    files = {"A": "INCLUDE F0"} | {f"F{n}": f"INCLUDE F{n + 1} INCLUDE F{n + 1}" for n in range(40)} | {"F40": ""}
    found = including(files)
    assert {each.id for each in found.findings} == {"too-many"}
    assert len(found.sources) == 1000


def test_include__a_statement_lies_wholly_in_one_file() -> None:
    found = including({"A": "BEGINROUTES\nINCLUDE B\nENDROUTES\nSTART X", "B": "ROUTE DEFAULT 10.1.1.1 ETH1 MTU 1492"})
    assert errors(found.findings) == ["2:1 syntax"]
    assert found.sources == ("A",)
    found = including({"A": "INCLUDE B\nENDROUTES\nSTART X", "B": "BEGINROUTES ROUTE DEFAULT 10.1.1.1 ETH1 MTU 1492"})
    assert [each.id for each in found.findings] == ["missing-end", "unknown-statement"]
    assert len(found.statements[0].routes) == 1


def test_include__without_files_is_kept() -> None:
    found = read("INCLUDE USER.A\nSTART X")
    assert [each.id for each in found.findings] == ["not-modelled"]
    assert str(found) == "INCLUDE USER.A\nSTART X"


def test_ipsec__one_block_in_all_files_together() -> None:
    found = including({"A": "INCLUDE B\nIPSEC\nENDIPSEC\n", "B": "IPSEC IPSECRULE * * ENDIPSEC"})
    assert [(each.id, each.where.source) for each in found.findings] == [("second-ipsec", "A")]
    assert [len(each.rules) for each in found.statements] == [1]


# ---- IPSEC -----------------------------------------------------------------------------------------------------


def rules(text: str) -> tuple[profile.IpsecRule, ...]:
    block = read(f"IPSEC {text} ENDIPSEC").statements[0]
    assert isinstance(block, profile.Ipsec)
    return block.rules


def test_rule__has_the_documented_defaults() -> None:
    (rule,) = rules("IPSECRULE * *")
    assert (rule.log, rule.protocol, rule.secclass) == (False, None, 0)
    assert (rule.routing, rule.fragments_only, rule.direction, rule.connect) == ("LOCAL", False, "BIDIRECTIONAL", None)


def test_rule__a_bad_one_is_left_out_and_does_not_count() -> None:
    found = rules("IPSECRULE * * NOLOG IPSECRULE * 10.1.1.999 IPSECRULE * * LOG BOGUS IPSECRULE * * SECCLASS 5")
    assert [(each.ordinal, each.secclass) for each in found] == [(1, 0), (2, 5)]


def test_rule__families_may_count_apart() -> None:
    text = "IPSECRULE * * IPSEC6RULE * * IPSECRULE * *"
    assert [each.ordinal for each in rules(text)] == [1, 2, 3]
    with choosing({"profile-shared-ordinal": False}):
        assert [each.ordinal for each in rules(text)] == [1, 1, 2]


@pytest.mark.parametrize("option", ["LOG", "PROTOCOL 6", "ROUTING EITHER", "SECCLASS 0", "DIRECTION INBOUND"])
def test_rule__an_option_stands_once(option: str) -> None:
    assert rules(f"IPSECRULE * * {option} {option}") == ()
    assert rules("IPSECRULE * * LOG NOLOG") == ()


def test_ipsec__without_its_end_reads_the_rest_as_its_own() -> None:
    found = read("IPSEC IPSECRULE * *\nSTART ETH1\nIPSECRULE * * LOG\n")
    assert [type(each).__name__ for each in found.statements] == ["Ipsec"]
    assert [each.id for each in found.findings if each.severity == ERROR] == ["syntax", "missing-end"]


def test_ipsec__ten_thousand_rules() -> None:
    text = "IPSEC\n" + "".join(
        f" IPSECRULE 10.{n >> 8}.{n & 255}.0/24 * PROTOCOL TCP DESTPORT {n + 1}\n" for n in range(10_000)
    )
    found = read(f"{text}ENDIPSEC")
    assert found.findings == ()
    assert found.statements[0].rules[-1].ordinal == 10_000


# ---- what an OBEYFILE does -------------------------------------------------------------------------------------


def test_ipconfig__obey_changes_only_what_is_named() -> None:
    made = profile_system("IPCONFIG DATAGRAMFWD TTL 20 SOURCEVIPA IPSECURITY\n")
    assert obey(made, "IPCONFIG NODATAGRAMFWD ARPTO 60\n").done
    assert made.stack.settings["IPCONFIG"] == {
        "TTL": ("20",), "SOURCEVIPA": (), "IPSECURITY": (), "NODATAGRAMFWD": (), "ARPTO": ("60",),
    }  # fmt: skip
    assert made.stack.forwarding == {4: False, 6: True}
    assert made.stack.versions == (4,)


def test_settings__obey_changes_only_what_is_named() -> None:
    made = profile_system("GLOBALCONFIG NOZERT MAXRECS 50\nNETMONITOR PKTTRCSERVICE\n")
    assert obey(made, "GLOBALCONFIG ZERT AGG\nNETMONITOR NOPKTTRCSERVICE ZERTSERVICE\n").done
    assert made.stack.settings == {
        "GLOBALCONFIG": {"MAXRECS": ("50",), "ZERT": ("AGGREGATION",)},
        "NETMONITOR": {"NOPKTTRCSERVICE": (), "ZERTSERVICE": ()},
    }


def test_ipsecurity__obey_does_not_turn_it_on() -> None:
    made = profile_system("IPCONFIG TTL 64\n")
    reply = obey(made, "IPCONFIG TTL 32\n  IPSECURITY\n")
    assert (reply.done, errors(reply.findings), made.stack.versions) == (False, ["2:3 conflict"], ())
    assert made.stack.settings["IPCONFIG"]["TTL"] == ("32",)
    made.facts["ipsecurity-by-obeyfile"] = True
    assert obey(made, "IPCONFIG IPSECURITY\n").done
    assert made.stack.versions == (4,)


def test_ipsecurity__said_again_is_no_error() -> None:
    made = profile_system("IPCONFIG IPSECURITY\n")
    assert obey(made, "IPCONFIG IPSECURITY\n").done


def test_ipsecurity__of_ipv6_needs_that_of_ipv4() -> None:
    made = unstarted({"USER.CONFIG(PROFILE)": "IPCONFIG6 IPSECURITY\n", "/etc/syslog.conf": ""}, tasks="-CPAGENT")
    assert errors(made.start(0)[1]) == ["1:11 conflict"]
    assert made.stack.versions == ()


def test_ipconfig6__on_a_stack_without_ipv6() -> None:
    files = {"USER.CONFIG(PROFILE)": "IPCONFIG IPSECURITY\nIPCONFIG6 IPSECURITY\n", "/etc/syslog.conf": ""}
    made = unstarted(files, tasks="-CPAGENT")
    made.facts["stack-ipv6"] = False
    issued, _ = made.start(0)
    assert "EZZ0695I IPCONFIG6 NOT VALID - IPV6 SUPPORT IS NOT ENABLED" in map(str, issued)
    assert made.stack.versions == (4,)


def test_ipsec__dvipsec_belongs_into_the_initial_profile() -> None:
    made = profile_system("IPCONFIG IPSECURITY\nIPSEC DVIPSEC\nENDIPSEC\n")
    assert made.stack.default is not None
    assert made.stack.default.dvipsec
    reply = obey(made, "IPSEC LOGENABLE DVIPSEC\nIPSECRULE * 10.1.0.2\nENDIPSEC\n")
    assert errors(reply.findings) == ["1:17 conflict"]
    assert made.stack.default.filters[0].name == "SYSDEFAULTRULE.1"
    assert made.stack.default.dvipsec


def test_home__first_of_an_obeyfile_replaces_and_the_next_adds() -> None:
    made = profile_system(f"{DEVICE_LINK}{INTERFACE_ETH2}IPCONFIG DYNAMICXCF 10.9.0.1/24 1\nHOME 127.0.0.9 LOOPBACK\n")
    obey(made, "HOME 10.1.1.3 ETH1\nHOME 10.1.1.4 ETH1\n")
    assert home(made) == ["10.2.1.2 ETH2", "10.9.0.1 EZASAMEMVS", "10.1.1.3 ETH1", "10.1.1.4 ETH1"]
    obey(made, "HOME\n")
    assert home(made) == ["10.2.1.2 ETH2", "10.9.0.1 EZASAMEMVS"]
    assert [str(each) for each in made.stack.interfaces.home if each.interface == "LOOPBACK"] == ["127.0.0.1"]


def test_home__an_undefined_link_may_drop_itself_alone() -> None:
    text = "HOME 10.1.1.9 NOSUCH 10.1.1.3 ETH1\n"
    made = profile_system(DEVICE_LINK)
    obey(made, text)
    assert home(made) == []
    made.facts["home-undefined-drops-rest"] = False
    obey(made, text)
    assert home(made) == ["10.1.1.3 ETH1"]


def test_routes__first_of_an_obeyfile_replaces_and_the_next_adds() -> None:
    made = profile_system(f"{DEVICE_LINK}BEGINROUTES ROUTE DEFAULT 10.1.1.1 ETH1 MTU 1492 ENDROUTES\n")
    block = "BEGINROUTES ROUTE 10.{n}.0.0/16 10.1.1.1 ETH1 MTU 1492 ENDROUTES\n"
    obey(made, block.format(n=5) + block.format(n=6))
    assert [str(each.dest) for each in made.stack.interfaces.routes] == ["10.5.0.0/16", "10.6.0.0/16"]


def test_device__is_removed_step_by_step() -> None:
    """seed: stop the device, empty HOME, delete the link, delete the device, each in a file of its own."""
    made = profile_system(STARTED)
    assert errors(obey(made, "DELETE LINK ETH1\n").findings) == ["1:13 conflict"]
    assert made.console("V TCPIP,TCPIP,STOP,PORTA").done
    assert errors(obey(made, "DELETE LINK ETH1\n").findings) == ["1:13 conflict"]
    assert obey(made, "HOME\n").done
    assert errors(obey(made, "DELETE DEVICE PORTA\n").findings) == ["1:15 conflict"]
    assert errors(obey(made, "DELETE LINK ETH1\nDELETE DEVICE PORTA\n").findings) == ["2:15 conflict"]
    assert obey(made, "DELETE DEVICE PORTA\n").done
    assert (made.stack.interfaces.devices, "ETH1" in made.stack.interfaces.attachments) == ({}, False)
    routes = "BEGINROUTES ROUTE DEFAULT 10.1.1.1 ETH1 MTU 1492 ENDROUTES\n"
    assert obey(made, f"INTERFACE ETH1 DEFINE IPAQENET PORTNAME PORTA IPADDR 10.1.1.2\n{routes}START ETH1\n").done


def test_delete__in_one_file_where_it_is_not_asynchronous() -> None:
    made = profile_system(DEVICE_LINK)
    made.facts["delete-link-asynchronous"] = False
    assert obey(made, "HOME\nDELETE LINK ETH1\nDELETE DEVICE PORTA\n").done


def test_start__is_done_after_everything_else() -> None:
    made = profile_system(f"START PORTA\nSTART ETH2\n{DEVICE_LINK}{INTERFACE_ETH2}")
    assert [each.name for each in made.stack.interfaces.attachments.values() if each.started][2:] == ["ETH1", "ETH2"]
    reply = obey(made, "STOP ETH2\nINTERFACE ETH2 DELETE\n")
    assert errors(reply.findings) == ["2:11 conflict"]


def test_interface__is_redefined_after_its_delete() -> None:
    made = profile_system(INTERFACE_ETH2)
    assert errors(obey(made, INTERFACE_ETH2).findings) == ["1:11 conflict"]
    again = INTERFACE_ETH2.replace("10.2.1.2", "10.2.1.3")
    assert obey(made, f"INTERFACE ETH2 DELETE\n{again}").done
    assert home(made) == ["10.2.1.3 ETH2"]


def test_dynamicxcf__carries_its_class_and_may_be_replaced() -> None:
    made = profile_system("IPCONFIG DYNAMICXCF 10.9.0.1 255.255.255.0 1 SECCLASS 7\n")
    assert made.stack.interfaces.secclass("EZASAMEMVS") == 7
    obey(made, "IPCONFIG DYNAMICXCF 10.9.0.2/24 1\n")
    assert (home(made), made.stack.interfaces.secclass("EZASAMEMVS")) == (["10.9.0.2 EZASAMEMVS"], 255)
    obey(made, "IPCONFIG NODYNAMICXCF\n")
    assert (home(made), "EZASAMEMVS" in made.stack.interfaces.attachments) == ([], False)


def test_osmsecclass__reaches_the_interfaces_of_that_type() -> None:
    made = profile_system("INTERFACE OSM1 DEFINE IPAQENET6 CHPIDTYPE OSM\n")
    assert made.stack.interfaces.secclass("OSM1") == 255
    obey(made, "IPCONFIG6 OSMSECCLASS 9\n")
    assert made.stack.interfaces.secclass("OSM1") == 9
    obey(made, "INTERFACE OSM2 DEFINE IPAQENET6 CHPIDTYPE OSM\n")
    assert made.stack.interfaces.secclass("OSM2") == 9


def test_vlans__ipv4_and_ipv6_do_not_count_together() -> None:
    made = profile_system(
        "INTERFACE A DEFINE IPAQENET PORTNAME PORTA IPADDR 10.1.1.2\nINTERFACE B DEFINE IPAQENET6 PORTNAME PORTA\n"
    )
    assert {"A", "B"} <= set(made.stack.interfaces.attachments)


def test_device__may_share_its_port_with_one_ipv6_interface() -> None:
    six = "INTERFACE {0} DEFINE IPAQENET6 PORTNAME PORTA VLANID {1} VMAC\n"
    assert "ETH1" in profile_system(six.format("A", 1) + DEVICE_LINK).stack.interfaces.attachments
    assert "A" in profile_system(DEVICE_LINK + six.format("A", 1)).stack.interfaces.attachments
    both = profile_system(six.format("A", 1) + six.format("B", 2) + DEVICE_LINK).stack.interfaces
    assert ("B" in both.attachments, both.devices) == (True, {})


def test_interface__may_stand_beside_a_device_if_a_system_says_so() -> None:
    text = "INTERFACE A DEFINE IPAQENET PORTNAME PORTA IPADDR 10.1.1.5\n"
    made = profile_system(DEVICE_LINK)
    assert not obey(made, text).done
    made.facts["interface-beside-device"] = True
    assert obey(made, text).done


# ---- PORT, PORTRANGE -------------------------------------------------------------------------------------------


def ports(made: System) -> list[str]:
    return [str(each).strip() for each in made.stack.ports]


def test_port__obey_adds_and_delete_removes() -> None:
    made = profile_system("PORT 20 TCP FTPD1 21 TCP FTPD1 NOAUTOLOG 21 TCP FTPD2\nPORTRANGE 4000 10 TCP OMVS\n")
    assert obey(made, "PORT 53 UDP NAMED\nDELETE PORT 21 TCP FTPD1 SHAREPORT\nDELETE PORTRANGE 4000 10 TCP OMVS\n").done
    assert ports(made) == ["20 TCP FTPD1", "21 TCP FTPD2", "53 UDP NAMED"]


def test_port__a_second_one_for_the_same_user_replaces_its_options() -> None:
    made = profile_system("PORT 20 TCP A 21 TCP B\n")
    assert obey(made, "PORT 20 TCP A NOAUTOLOG\n").done
    assert ports(made) == ["20 TCP A NOAUTOLOG", "21 TCP B"]


def test_port__the_first_wins_over_a_range_and_the_other_way_round() -> None:
    made = profile_system("PORT 4005 TCP A\nPORTRANGE 5000 10 TCP B\n")
    reply = obey(made, "PORTRANGE 4000 10 TCP C\nPORT 5009 TCP D 5010 TCP D\nPORTRANGE 4000 10 UDP E\n")
    assert errors(reply.findings) == ["1:11 conflict", "2:6 conflict"]
    assert ports(made) == ["4005 TCP A", "5000 10 TCP B", "5010 TCP D", "4000 10 UDP E"]


def test_portrange__beyond_65535_is_cut() -> None:
    (entry,) = profile_system("PORTRANGE 65530 100 TCP OMVS\n").stack.ports
    assert (entry.low, entry.high) == (65530, 65535)


def test_port__deny_for_a_job_spoils_the_whole_statement() -> None:
    made = profile_system("PORT 20 TCP A\nPORT 21 TCP B UNRSV TCP C* DENY 22 TCP D\nPORT 23 TCP E\n")
    assert ports(made) == ["20 TCP A", "23 TCP E"]


@pytest.mark.parametrize(
    "options", ["NOAUTOLOG DELAYACKS SHAREPORT BIND 10.1.1.2 SAF RES NOSMC", "NODELAYACKS SHAREPORTWLM SMC", "SAF X"]
)
def test_port__options_stand_in_their_order(options: str) -> None:
    entry = f"PORT 20 TCP JOB{'{}'}"
    assert errors(read(entry.format(f" {options}")).findings) == []
    words = [option.names[0] for option in PORT_OPTIONS]
    for at, late in enumerate(words[1:], 1):
        value = {"BIND": " 10.1.1.2", "SAF": " RES"}.get(late, "")
        assert errors(read(entry.format(f" {late}{value} {words[at - 1]}")).findings) != []


# ---- the console -----------------------------------------------------------------------------------------------

OPENED = [
    "EZZ0060I PROCESSING COMMAND: VARY TCPIP,,OBEYFILE,USER.CONFIG(OBEY)",
    "EZZ0300I OPENED OBEYFILE FILE 'USER.CONFIG(OBEY)'",
    "EZZ0309I PROFILE PROCESSING BEGINNING FOR 'USER.CONFIG(OBEY)'",
]
COMPLETE = "EZZ0316I PROFILE PROCESSING COMPLETE FOR FILE 'USER.CONFIG(OBEY)'"
FAILED = [COMPLETE, "EZZ0303I OBEYFILE FILE CONTAINS ERRORS"]
REFUSED = "EZZ0059I VARY OBEY COMMAND FAILED: SEE PREVIOUS MESSAGES"


def test_obeyfile__that_is_good() -> None:
    made = profile_system(DEVICE_LINK)
    assert said(obey(made, "START PORTA\n")) == [
        *OPENED, COMPLETE, "EZZ0053I COMMAND VARY OBEYFILE COMPLETED SUCCESSFULLY",
        "EZZ4313I INITIALIZATION COMPLETE FOR DEVICE PORTA",
    ]  # fmt: skip


def test_obeyfile__that_deletes_a_started_device() -> None:
    """A Redbook's dialogue, word for word: STOP is done last, so DELETE finds the link active."""
    made = profile_system(STARTED)
    assert said(obey(made, "STOP PORTA\nDELETE LINK ETH1\nDELETE DEVICE PORTA\nHOME\n")) == [
        *OPENED,
        "EZZ0395I DELETE LINK ETH1 ON LINE 2 FAILED BECAUSE LINK IS ACTIVE",
        "EZZ0395I DELETE DEVICE PORTA ON LINE 3 FAILED BECAUSE DEVICE IS ACTIVE",
        *FAILED,
        "EZZ0331I NO HOME ADDRESS ASSIGNED TO LINK ETH1",
        REFUSED,
        "EZZ4315I DEACTIVATION COMPLETE FOR DEVICE PORTA",
    ]


def test_obeyfile__applies_what_is_good_in_it() -> None:
    made = profile_system("IPCONFIG IPSECURITY\n")
    reply = obey(made, "IPCONFIG TTL 0\nIPCONFIG ARPTO 60 DATAGRAMFWD FWDMULTIPATH PERPACKET\nBOGUS\n")
    assert said(reply) == [
        *OPENED,
        "EZZ0641I IP FORWARDING FWDMULTIPATH PERPACKET SUPPORT IS ENABLED",
        "EZZ0318I 0 WAS FOUND ON LINE 1 AND A NUMBER FROM 1 TO 255 WAS EXPECTED",
        "EZZ0318I BOGUS WAS FOUND ON LINE 3 AND A STATEMENT WAS EXPECTED",
        *FAILED,
        REFUSED,
    ]
    assert made.stack.settings["IPCONFIG"]["ARPTO"] == ("60",)


def test_obeyfile__names_the_files_it_includes() -> None:
    made = profile_system("IPCONFIG IPSECURITY\n")
    add(made, "MORE", "IPCONFIG TTL 5\n")
    assert "EZZ0300I OPENED INCLUDE FILE 'USER.CONFIG(MORE)'" in said(obey(made, "INCLUDE USER.CONFIG(MORE)\n"))
    assert made.stack.settings["IPCONFIG"]["TTL"] == ("5",)


@pytest.mark.parametrize(
    "command",
    [
        "V TCPIP,,OBEYFILE,{dsn}", "V TCPIP,TCPIP,O,{dsn}", "vary tcpip,tcpip,obey,'{dsn}'",
        "V TCPIP,,CMD=OBEYFILE,DSN={dsn}", "V TCPIP,,CMD=O,{dsn}", "V TCPIP,,OBEYFILE,DSN={dsn}",
    ],
)  # fmt: skip
def test_obeyfile__forms_of_the_command(command: str) -> None:
    made = profile_system("IPCONFIG IPSECURITY\n")
    reply = made.console(command.format(dsn=add(made, "OBEY", "IPCONFIG TTL 9\n")))
    assert (reply.done, made.stack.settings["IPCONFIG"]["TTL"]) == (True, ("9",))


def test_vary__echoes_what_was_typed() -> None:
    made = profile_system(STARTED)
    for command, echo in (("v tcpip,tcpip,o,x.y", "TCPIP,O,X.Y"), ("V TCPIP,,sta,PORTA", ",STA,PORTA")):
        assert said(made.console(command))[0] == f"EZZ0060I PROCESSING COMMAND: VARY TCPIP,{echo}"


@pytest.mark.parametrize("command", ["V TCPIP,,NOSUCH,X", "V TCPIP,,,X", "V TCPIP,,OBEYFILE", "V TCPIP"])
def test_vary__that_is_unknown(command: str) -> None:
    (line,) = said(profile_system(STARTED).console(command))
    assert (line.split()[0], line.endswith("INVALID PARAMETER")) == ("IEE535I", True)


def test_vary__of_another_stack_changes_nothing() -> None:
    made = profile_system(STARTED)
    dsn = add(made, "OBEY", "STOP PORTA\n")
    for command in (f"OBEYFILE,{dsn}", "STOP,PORTA", f"SYNTAXCHECK,{dsn}"):
        reply = made.console(f"V TCPIP,OTHER,{command}")
        assert (reply.done, said(reply)) == (False, ["IEE341I OTHER NOT ACTIVE"])
    assert made.stack.interfaces.devices == {"PORTA": True}


def test_syntaxcheck__reports_and_changes_nothing() -> None:
    made = profile_system(DEVICE_LINK)
    before = msgspec.json.encode(made.stack)
    name = add(made, "OBEY", f"IPCONFIG TTL 5\n{DEVICE_LINK}START PORTA\n")
    reply = made.console(f"V TCPIP,,SYNTAXCHECK,{name}")
    assert reply.done
    assert said(reply) == [
        OPENED[0].replace("OBEYFILE", "SYNTAXCHECK"),
        "EZZ0061I VARY SYNTAXCHECK COMMAND BEGINNING",
        "EZZ0300I OPENED SYNTAXCHECK FILE 'USER.CONFIG(OBEY)'",
        OPENED[2],
        "EZZ0717I DEVICE STATEMENT ON LINE 2 WILL BE RETIRED IN A FUTURE RELEASE",
        COMPLETE,
        "EZZ0062I VARY SYNTAXCHECK FOUND NO ERRORS",
        "EZZ0065I VARY SYNTAXCHECK COMMAND COMPLETE",
    ]
    assert msgspec.json.encode(made.stack) == before


def test_syntaxcheck__finds_mistakes() -> None:
    made = profile_system(DEVICE_LINK)
    reply = made.console(f"V TCPIP,TCPIP,SYNTAX,{add(made, 'OBEY', 'IPCONFIG TTL 999')}")
    assert not reply.done
    assert said(reply)[-5:] == [
        "EZZ0318I 999 WAS FOUND ON LINE 1 AND A NUMBER FROM 1 TO 255 WAS EXPECTED",
        COMPLETE,
        "EZZ0303I SYNTAXCHECK FILE CONTAINS ERRORS",
        "EZZ0064I VARY SYNTAXCHECK FOUND ERRORS: SEE PREVIOUS MESSAGES",
        "EZZ0065I VARY SYNTAXCHECK COMMAND COMPLETE",
    ]


def test_syntaxcheck__of_a_file_that_is_not_there() -> None:
    reply = profile_system(DEVICE_LINK).console("V TCPIP,,SYNTAXCHECK,USER.CONFIG(NOSUCH)")
    assert [each.id for each in reply.findings] == ["missing-file"]
    assert [each.split()[0] for each in said(reply)] == ["EZZ0060I", "EZZ0061I", "EZZ0064I", "EZZ0065I"]


@pytest.mark.parametrize(
    ("operands", "last"),
    [
        ("STOP,PORTA", "EZZ4315I DEACTIVATION COMPLETE FOR DEVICE PORTA"),
        ("STA,PORTA", "EZZ4313I INITIALIZATION COMPLETE FOR DEVICE PORTA"),
        ("START,ETH2", "EZZ4340I INITIALIZATION COMPLETE FOR INTERFACE ETH2"),
        ("STOP,ETH2", "EZZ4341I DEACTIVATION COMPLETE FOR INTERFACE ETH2"),
    ],
)
def test_start_stop__say_when_they_are_done(operands: str, last: str) -> None:
    reply = profile_system(STARTED + INTERFACE_ETH2).console(f"V TCPIP,TCPIP,{operands}")
    action = "STOP" if operands.startswith("STOP") else "START"
    assert said(reply)[1:] == [f"EZZ0053I COMMAND VARY {action} COMPLETED SUCCESSFULLY", last]


def test_stop__of_a_link_is_refused() -> None:
    reply = profile_system(STARTED).console("V TCPIP,TCPIP,STOP,ETH1")
    assert said(reply) == [
        "EZZ0060I PROCESSING COMMAND: VARY TCPIP,TCPIP,STOP,ETH1",
        "DEVICE ETH1 NOT FOUND",
        "EZZ0059I VARY STOP COMMAND FAILED: SEE PREVIOUS MESSAGES",
    ]
    assert "PORTA" in reply.findings[0].remedy


# ---- messages (2.14) -------------------------------------------------------------------------------------------

OSA = "INTERFACE {} DEFINE IPAQENET PORTNAME PORTA IPADDR 10.1.{}.2\n"
ISSUED = {
    "PORT UNRSV TCP A* DENY\n":
        "EZZ0146I PORT STATEMENT KEYWORD DENY ON LINE 1 CAN ONLY BE USED WITH A JOBNAME OF *",
    "PORT UNRSV TCP A* WHENBIND\nPORT UNRSV TCP B*\n":
        "EZZ0147I PORT STATEMENT KEYWORD WHENLISTEN CONFLICTS WITH CURRENT ACCESS CONTROL OF WHENBIND",
    "\nSTART\n": "EZZ0318I THE END OF THE FILE WAS FOUND ON LINE 3 AND A DEVICE OR INTERFACE NAME WAS EXPECTED",
    "PORTRANGE 20 5 TCP A\nPORT 22 TCP B\n": "EZZ0326I PORT conflicts with PORTRANGE value 22 used on line 1",
    "IPCONFIG SOURCEVIPA\n NOSOURCEVIPA\n":
        "EZZ0356I NOSOURCEVIPA and SOURCEVIPA are mutually exclusive: NOSOURCEVIPA on line 2 ignored",
    "DELETE LINK X\n": "EZZ0395I DELETE LINK X ON LINE 1 FAILED BECAUSE LINK IS NOT DEFINED",
    f"{DEVICE_LINK}HOME 0.0.0.0 ETH1\n":
        "EZZ0617I HOME ADDRESS 0.0.0.0 FOR ETH1 ON LINE 4 IS A RESERVED IP ADDRESS",
    f"{DEVICE_LINK}HOME 10.1.1.2 ETH1\n": "EZZ0619I ETH1 USES DUPLICATE HOME ADDRESS 10.1.1.2",
    OSA.format("A", 1) + OSA.format("B", 2):
        "EZZ0618I THE DEFINITION OF INTERFACE B ON LINE 2 DOES NOT CONFORM TO THE RULES FOR MULTIPLE VLANS\n"
        "EZD0044I INTERFACE B NOT ALLOWED - NO VLAN ID",
    "IPCONFIG IQDIOROUTING QDIOACCELERATOR\n":
        "EZZ0707I IQDIOROUTING AND QDIOACCELERATOR ARE MUTUALLY EXCLUSIVE ON SAME IPCONFIG STATEMENT - STATEMENT IS "
        "IGNORED",
    "INTERFACE A DEFINE IPAQENET6 PORTNAME P IPADDR ::10.1.1.2\n":
        "EZZ0714I IPV4-COMPATIBLE IPV6 ADDRESS OF ::a01:102 ON LINE 1 CANNOT BE SPECIFIED",
    "BEGINROUTES\nROUTE 2001:db8::1 255.0.0.0 = A MTU 1492\nENDROUTES\n":
        "EZZ0737I 255.0.0.0 OPTION IN ROUTE STATEMENT ON LINE 2 IS NOT SUPPORTED FOR IPV6 ADDRESSES",
    "IPSEC\nENDIPSEC\nIPSEC\nENDIPSEC\n":
        "EZZ0757I IPSEC STATEMENT ON LINE 3 IS IGNORED BECAUSE IPSEC WAS ALREADY SPECIFIED",
}  # fmt: skip


@pytest.mark.parametrize("text", ISSUED, ids=lambda text: ISSUED[text].split()[0])
def test_message__is_issued_with_its_finding_and_on_the_console(text: str) -> None:
    made = unstarted({"USER.CONFIG(PROFILE)": text, "/etc/syslog.conf": ""}, tasks="-CPAGENT")
    issued, findings = made.start(0)
    assert [each.issued for each in findings if each.severity == ERROR] == [ISSUED[text]]
    assert [str(each) for each in issued if str(each) in ISSUED[text].split("\n")] == ISSUED[text].split("\n")


def test_message__retired_statements_are_a_fact() -> None:
    assert [each.issued for each in read(DEVICE_LINK).findings] == [
        "EZZ0717I DEVICE STATEMENT ON LINE 1 WILL BE RETIRED IN A FUTURE RELEASE"
    ]
    with choosing({"retired-statements": ""}):
        assert [(each.id, each.issued) for each in read(DEVICE_LINK).findings] == [("retired", "")]


def test_ranges__are_a_fact() -> None:
    ranges = fact("profile-ranges")
    assert errors(read("IPCONFIG TTL 256").findings) == ["1:14 syntax"]
    with choosing({"profile-ranges": {**ranges, "ttl": (1, 300)}}):
        assert errors(read("IPCONFIG TTL 256").findings) == []


def test_interface__order_is_enforced_where_the_fact_says_so() -> None:
    text = "INTERFACE A DEFINE IPAQENET IPADDR 10.1.1.2 PORTNAME P"
    assert errors(read(text).findings) == []
    with choosing({"interface-order-enforced": "IPAQENET"}):
        assert errors(read(text).findings) == ["1:29 syntax"]
        assert errors(read("INTERFACE A DEFINE IPAQENET CHPIDTYPE OSD PORTNAME P IPADDR 10.1.1.2").findings) == []


# ---- the state, and anything at all ----------------------------------------------------------------------------


def test_state__is_stored_and_restored() -> None:
    every = [path.read_text() for path in sorted(GOLDEN.glob("lang-*.in")) if CANONICAL not in path.name]
    for text in every:
        stack = profile_system(text).stack
        assert msgspec.json.decode(msgspec.json.encode(stack), type=Stack) == stack


WORDS = [
    *(name for table in TABLES.values() for name in table.rows), *ENTRIES, *RULE_OPTIONS, *NOT_MODELLED,
    "IPCONFIG", "IPCONFIG6", "GLOBALCONFIG", "NETMONITOR", "IPSEC", "INTERFACE", "DEVICE", "LINK", "HOME",
    "BEGINROUTES", "ROUTE", "ENDROUTES", "START", "STOP", "DELETE", "PORT", "PORTRANGE", "INCLUDE", "UNRSV", "TCP",
    "UDP", "DENY", "SAF", "DEFINE", "IPAQENET", "IPAQENET6", "IPAQIDIO", "VIRTUAL6", "MPCIPA", "VIRTUAL", "ETH1",
    "PORTA", "LOOPBACK", "HOST", "DEFAULT", "DEFAULT6", "=", "*", "-", "0", "1", "22", "65535",
    "99999999999999999999999", "10.1.1.2", "10.1.0.0/16", "255.255.0.0", "2001:db8::2", "2001:db8::/32",
    "::10.1.1.2", "fe80::1", "10.1.1.2;x", "; comment", "&SYSNAME.", "\n", "10K", "²", "\x00", "\u2003", "{}", "%s",
]  # fmt: skip
TEXTS = st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=5)), max_size=40).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example("PORT PORT PORT")
@example("INTERFACE A DEFINE IPAQENET6 PORTNAME P TEMPPREFIX ALL START X")
@example("GLOBALCONFIG SMCPERMIT 10.1.1.2 ENDSMCPERMIT SMCR SMCEID x ENDSMCEID")
@example("IPSEC IPSECRULE * * PROTOCOL TCP SRCPORT * * ENDIPSEC")
def test_anything__is_read_and_its_print_means_the_same(text: str) -> None:
    once = read(text, SYSNAME="S0W1 X")
    for each in once.findings:
        assert 1 <= each.where.line <= text.count("\n") + 1
        assert 1 <= each.where.column <= max(1, len(text.split("\n")[each.where.line - 1]))
    again = read(str(once))
    assert bare(again.statements) == bare(once.statements)
    assert str(again) == str(once)


@settings(max_examples=100, deadline=None)
@given(TEXTS, TEXTS)
def test_anything__is_started_obeyed_and_stored(first: str, second: str) -> None:
    made = unstarted({"USER.CONFIG(PROFILE)": first, "/etc/syslog.conf": ""}, tasks="-CPAGENT")
    made.start(0)
    reply = obey(made, second)
    assert reply.done == all(each.severity != ERROR for each in reply.findings)
    assert made.console("V TCPIP,,SYNTAXCHECK,USER.CONFIG(OBEY)").messages
    assert msgspec.json.decode(msgspec.json.encode(made.stack), type=Stack) == made.stack


def test_golden__profile_language_has_its_pairs() -> None:
    assert len(list(GOLDEN.glob("lang-*.bad"))) + len(list(GOLDEN.glob("lang-*.in"))) >= 45
