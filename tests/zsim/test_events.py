"""Events: every one fits the schema that is published for its format, and says what the record says."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from systems import (
    ACK,
    NOW,
    PCAPS,
    PROFILE,
    RAW_IP,
    SYN,
    chain,
    icmp,
    igmp,
    ip4,
    log_of,
    ospf,
    policy,
    rule,
    tcp,
    udp,
    unstarted,
)

import engine
from zsim import eventrows, events
from zsim.cli import main
from zsim.eventrows import EventRows
from zsim.findings import Where
from zsim.system import System, Task
from zsim.tcpip.defensive import Change

ROOT = Path(__file__).parents[2]
CAPTURES = sorted((ROOT / "profiles/adcd/captures").glob("*.pcap"))
SHARED = ("tcpdump-IGMP_V2.pcap", "tcpdump-OSPFv2_Capture_FINAL.pcapng", "snabb-v6.pcap", "ndpi-nfsv2.pcap",
          "ndpi-synscan.pcap", "tcpdump-02-sunrise-sunset-esp.pcap", "ndpi-dns_fragmented.pcap")  # fmt: skip
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in (ROOT / "zsim/schemas").glob("*.json")}
VALIDATORS = {
    name: jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    for name, schema in SCHEMAS.items()
}

POLICY = policy(
    rule(
        "no-telnet",
        dest="10.1.1.2",
        service="Protocol TCP;DestinationPortRange 23;Direction Inbound",
        action="deny-log",
    ),
    rule(
        'odd"]\\name',
        dest="10.1.1.2",
        service="Protocol TCP;DestinationPortRange 24;Direction Inbound",
        action="deny-quiet-log",
    ),
    rule("everything", service="Protocol All;Routing either"),
)
POLICY += "IpGenericFilterAction deny-quiet-log\n{\n  IpFilterAction Deny\n  IpFilterLogging Yes\n}\n"
DMD = "DmStackConfig TCPIP\n{\n  Mode Active\n}\n"
PACKETS = (
    icmp("10.1.0.2", "10.1.1.2", 8), icmp("10.1.1.2", "10.1.0.2", 0), tcp("10.1.0.2", "10.1.1.2", 40000, 21, SYN),
    tcp("10.1.1.2", "10.1.0.2", 21, 40000, SYN | ACK), tcp("10.1.0.2", "10.1.1.2", 40001, 23, SYN),
    tcp("10.1.0.2", "10.1.1.2", 40001, 24, SYN), udp("10.1.0.2", "10.1.1.2", 0, 65535), ospf("10.1.0.1", "224.0.0.5"),
    igmp("192.168.1.254", "224.0.0.1"), ip4("10.1.0.2", "10.1.1.2", 50, bytes(40)), ip4("10.1.0.2", "10.1.1.2", 255),
    udp("10.1.0.2", "10.9.9.9", 53, 53), ip4("10.1.0.2", "10.9.9.9", 17, bytes(40), offset=10),
    tcp("2001:db8::9", "2001:db8::2", 1, 2), icmp("2001:db8::9", "2001:db8::2", 128),
    icmp("10.1.0.66", "10.1.1.2", 8), tcp("10.1.0.66", "10.1.1.2", 7, 8),
)  # fmt: skip


def made() -> System:
    """A system that logs everything, denies two services, blocks one ping and simulates blocking the rest."""
    named = chain(POLICY, PROFILE, DMD=DMD, DMDENV="DMD_FILE=//'USER.CONFIG(DMD)'\n")
    system = unstarted(named)
    system.tasks["DMD"] = Task("DMD", "DMD", "START1", Where("x", 1, 1), environment="//'USER.CONFIG(DMDENV)'")
    system.start(NOW)
    assert system.stack.policy is not None, [str(each) for each in system.doubts]
    for words in (
        "prot icmp dir inbound mode block loglimit 100 -N STOP",
        "prot tcp dir inbound mode simulate loglimit 100 -N WOULD",
    ):
        answer = system.shell(f"ipsec -F add srcip 10.1.0.66 destip all {words}")
        assert answer.code == 0, answer
    return system


def seen(system: System, batches) -> list:
    prepared = system.prepare(compiled=False)
    found = []
    for frames in batches:
        for part, tables in system.parts(frames, prepared):
            outcome, _ = system.receive(part, None, tables)
            found += [each for each in outcome.events if not isinstance(each, Change)]
    return found


OBSERVER = events.Observer("S0W1", "V2R4", "TCPIP", "START1", "TRMD1", "0.1.0")


@pytest.fixture(scope="module")
def logged() -> list:
    given = [(NOW + at * 1_234_567_890, packet) for at, packet in enumerate(PACKETS)]
    return seen(made(), [engine.frames_of(given, RAW_IP)])


SD = re.compile(r'\[([^ \]]+)((?: [^ =]+="(?:[^"\\\]]|\\["\\\]])*")*)\]')
PARAMETER = re.compile(r' ([^ =]+)="((?:[^"\\\]]|\\["\\\]])*)"')
HEAD = re.compile(r"<(\d{1,3})>(\d) (\S+) (\S+) (\S+) (\S+) (\S+) ")


def taken_apart(line: str) -> dict:
    """A message of RFC 5424 by its ABNF (section 6)."""
    head = HEAD.match(line)
    assert head, line
    at, data = head.end(), {}
    while line[at] == "[":
        element = SD.match(line, at)
        assert element, line[at:]
        pairs = PARAMETER.findall(element[2])
        data[element[1]] = {name: re.sub(r"\\(.)", r"\1", value) for name, value in pairs}
        at = element.end()
    assert line[at] == " "
    names = ("pri", "version", "timestamp", "hostname", "app_name", "procid", "msgid")
    fields = dict(zip(names, head.groups(), strict=True))
    return {**fields, "pri": int(head[1]), "version": int(head[2]), "structured_data": data, "msg": line[at + 1 :]}


def read(octets: bytes, form: str) -> dict:
    text = octets.decode()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    return taken_apart(text[:-1]) if form == "rfc5424" else json.loads(text)


def wrong(form: str, event: dict) -> list[str]:
    return [f"{'/'.join(map(str, each.path))}: {each.message}" for each in VALIDATORS[form].iter_errors(event)]


# ---- schemas --------------------------------------------------------------------------------------------------


def test_schemas__are_there_for_each_format_and_are_schemas() -> None:
    assert sorted(SCHEMAS) == sorted([*events.FORMATS, "scenario"])
    for schema in SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("form", events.FORMATS)
def test_events__fit(form: str, logged) -> None:
    assert len(logged) >= 15
    for line in events.lines(logged, OBSERVER, form):
        assert wrong(form, read(line, form)) == [], line


@pytest.mark.parametrize("form", events.FORMATS)
@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_events__of_a_capture_fit(form: str, capture: Path) -> None:
    from zsim import captures

    found = seen(made(), captures.frames(str(capture), compiled=False))
    assert found
    for line in events.lines(found, OBSERVER, form):
        assert wrong(form, read(line, form)) == []


@pytest.mark.parametrize("name", SHARED)
def test_events__of_real_traffic_fit(name: str) -> None:
    from zsim import captures

    if not (PCAPS / name).exists():
        pytest.skip(f"{PCAPS} is not there")
    found = seen(made(), captures.frames(str(PCAPS / name), compiled=False))[:400]
    assert found
    for form in events.FORMATS:
        for line in events.lines(found, OBSERVER, form):
            assert wrong(form, read(line, form)) == []


def leaves(event: object, path: tuple = ()):
    if isinstance(event, dict):
        for name, value in event.items():
            yield from leaves(value, (*path, name))
    else:
        yield path, event


def at(event: dict, path: tuple) -> dict:
    for name in path[:-1]:
        event = event[name]
    return event


@pytest.mark.parametrize("form", events.FORMATS)
def test_schema__a_wrong_type_a_missing_and_an_unknown_field_fail(form: str, logged) -> None:
    (line,) = events.lines(logged[2:3], OBSERVER, form)
    event = read(line, form)
    for path, value in leaves(event):
        for other in ("?!", -1, 1.5, [], {}, True if not isinstance(value, bool) else 0):
            changed = copy.deepcopy(event)
            at(changed, path)[path[-1]] = other
            free_text = other == "?!" and (value is None or isinstance(value, str))
            assert wrong(form, changed) or free_text, (path, other)
    for path, _ in leaves(event):
        changed = copy.deepcopy(event)
        at(changed, path)["nosuchfield"] = 1
        assert wrong(form, changed), path
    for name in event:
        assert wrong(form, {key: value for key, value in event.items() if key != name}), name


@pytest.mark.parametrize(("form", "table"), [("ecs", events.ECS), ("ocsf", events.OCSF)])
def test_schema__names_what_the_table_writes_and_nothing_else(form: str, table) -> None:
    def places(schema: dict, path: str = ""):
        for name, inner in schema["properties"].items():
            yield from places(inner, f"{path}{name}.") if "properties" in inner else [path + name]

    assert sorted(places(SCHEMAS[form])) == sorted(place for place, _ in table)


# ---- at speed ---------------------------------------------------------------------------------------------------


def at_speed(system: System, batches, form: str) -> tuple[list[bytes], list[bytes]]:
    """The lines of a replay in compiled mode, and those of the plain formatter."""
    prepared = system.prepare(compiled=True)
    rows, fast, plain = EventRows(prepared, OBSERVER, form), [], []
    for frames in batches:
        for part, tables in system.parts(frames, prepared):
            outcome, _ = system.receive(part, None, tables)
            told = [each for each in outcome.events if not isinstance(each, Change)]
            made_at_once = rows.lines(outcome.events, len(plain))
            single = list(events.lines(told, OBSERVER, form, len(plain)))
            plain += single
            fast += single if made_at_once is None else made_at_once
    return fast, plain


@pytest.mark.parametrize("form", events.FORMATS)
def test_rows__are_the_lines_of_the_plain_formatter(form: str) -> None:
    given = [(NOW + at * 1_234_567_890, packet) for at, packet in enumerate(PACKETS * 12)]
    prepared = made().prepare(compiled=True)
    fast, plain = at_speed(made(), [engine.frames_of(given, RAW_IP, compiled=True)], form)
    assert prepared.compiled
    assert len(fast) >= 12 * 15
    assert fast == plain


@pytest.mark.parametrize("form", events.FORMATS)
def test_rows__are_made_at_once(form: str) -> None:
    system = made()
    prepared = system.prepare(compiled=True)
    given = [(NOW + at, packet) for at, packet in enumerate(PACKETS[:4] * 40)]
    outcome, _ = system.receive(engine.frames_of(given, RAW_IP, compiled=True), None, prepared)
    assert len(EventRows(prepared, OBSERVER, form).lines(outcome.events, 0) or ()) == 160


def test_rows__of_a_name_with_a_mark_in_it_are_made_singly() -> None:
    odd = policy(rule("a\ufdd0src\ufdd1", service="Protocol All;Routing either"), logging="on")
    system = unstarted(chain(odd, PROFILE))
    system.start(NOW)
    prepared = system.prepare(compiled=True)
    given = [(NOW, PACKETS[0])] * 20
    outcome, _ = system.receive(engine.frames_of(given, RAW_IP, compiled=True), None, prepared)
    assert len(outcome.events) == 20
    assert EventRows(prepared, OBSERVER, "event").lines(outcome.events, 0) is None


@pytest.mark.parametrize("form", events.FORMATS)
@pytest.mark.parametrize("path", sorted(PCAPS.glob("*.pcap*"))[::3], ids=lambda path: path.name)
def test_rows__of_real_traffic_are_those_of_the_plain_formatter(path: Path, form: str, monkeypatch) -> None:
    from contextlib import suppress

    monkeypatch.setattr(eventrows, "LEAST_OF_A_KIND", 0)  # at once, even where that does not pay

    from zsim import captures

    def some(frames):
        with suppress(engine.CaptureError):
            for batch in frames:
                yield engine.dated(batch, NOW)[0]

    fast, plain = at_speed(made(), some(captures.frames(str(path), compiled=True)), form)
    assert fast == plain


# ---- values ---------------------------------------------------------------------------------------------------


def one(form: str, logged, which) -> dict:
    found = [each for each in logged if which(each)]
    (line,) = events.lines(found[:1], OBSERVER, form)
    return read(line, form)


WHICH = {
    "permitted": lambda e: e.rule.name == "everything" and e.dest_port == 21,
    "rejected": lambda e: e.rule.name == "no-telnet",
    "dropped": lambda e: e.dest_port == 24,
    "blocked": lambda e: e.rule.defence is not None and not e.simulated,
    "simulated": lambda e: e.simulated,
}


@pytest.mark.parametrize(
    ("which", "activity", "action", "disposition", "status", "severity"),
    [
        ("permitted", 6, 1, 1, 1, 1), ("rejected", 5, 2, 25, 2, 2), ("dropped", 5, 2, 6, 2, 2),
        ("blocked", 5, 2, 6, 2, 2), ("simulated", 6, 1, 15, 1, 2),
    ],
)  # fmt: skip
def test_ocsf__numbers(which, activity, action, disposition, status, severity, logged) -> None:
    """OCSF 1.3.0: 1 Allowed, 2 Denied; 1 Allowed, 6 Dropped, 15 Detected, 25 Rejected; 1 Success, 2 Failure."""
    event = one("ocsf", logged, WHICH[which])
    assert (event["activity_id"], event["action_id"], event["disposition_id"]) == (activity, action, disposition)
    assert (event["status_id"], event["severity_id"], event["type_uid"]) == (status, severity, 400100 + activity)
    assert (event["class_uid"], event["category_uid"]) == (4001, 4)


def test_ocsf__ends_and_direction(logged) -> None:
    event = one("ocsf", logged, lambda e: e.source_port == 21)
    assert event["src_endpoint"] == {"ip": "10.1.1.2", "port": 21, "interface_name": "ETH1"}
    assert event["dst_endpoint"] == {"ip": "10.1.0.2", "port": 40000}
    assert event["connection_info"]["direction_id"] == 2
    assert event["connection_info"]["protocol_num"] == 6
    assert event["time"] == (NOW + 3 * 1_234_567_890) // 1_000_000


@pytest.mark.parametrize(
    ("which", "types", "outcome"),
    [
        ("permitted", ["connection", "allowed"], "success"), ("rejected", ["connection", "denied"], "failure"),
        ("blocked", ["connection", "denied"], "failure"), ("simulated", ["connection", "allowed"], "success"),
    ],
)  # fmt: skip
def test_ecs__categories(which, types, outcome, logged) -> None:
    event = one("ecs", logged, WHICH[which])
    assert (event["event"]["kind"], event["event"]["category"]) == ("event", ["network"])
    assert (event["event"]["type"], event["event"]["outcome"]) == (types, outcome)


def test_ecs__a_record_in_its_fields(logged) -> None:
    event = one("ecs", logged, WHICH["permitted"])
    assert event["@timestamp"] == "2023-12-13T14:05:33.469135780Z"
    assert (event["source"]["ip"], event["source"]["port"]) == ("10.1.0.2", 40000)
    assert event["network"] == {
        "type": "ipv4", "iana_number": "6", "transport": "tcp", "direction": "ingress", "bytes": 40, "packets": 1,
        "community_id": event["network"]["community_id"],
    }  # fmt: skip
    assert event["observer"]["ingress"] == {"interface": {"name": "ETH1"}}
    assert event["rule"] == {"name": "everything", "id": "everything ext 2", "ruleset": "policy", "category": "Permit"}
    assert event["log"]["syslog"]["priority"] == 166


def test_event__is_the_record_in_fields(logged) -> None:
    """The message of each event is the text in the log file."""
    system = made()
    given = [(NOW + at * 1_234_567_890, packet) for at, packet in enumerate(PACKETS)]
    seen(system, [engine.frames_of(given, RAW_IP)])
    texts = [line.split("]: ", 1)[1] for line in log_of(system) if " EZD17" not in line or " Packet " in line]
    shown = [json.loads(line) for line in events.lines(logged, OBSERVER, "event")]
    assert [each["text"] for each in shown] == texts
    assert all(each["text"].startswith(each["message"]) for each in shown)
    assert {each["verdict"] for each in shown} == {"permitted", "denied", "blocked", "simulated"}
    assert {each["rule"] for each in shown if each["filter"] == "no-telnet"} == {"USER.CONFIG(IPSTACK):8"}


def test_event__community_id_is_that_of_other_tools(logged) -> None:
    """Both ways of a connection have one name."""
    there, back = one("event", logged, WHICH["permitted"]), one("event", logged, lambda e: e.source_port == 21)
    assert there["community_id"] == back["community_id"]


def test_event__what_a_fragment_does_not_show_is_null(logged) -> None:
    event = one("event", logged, lambda e: e.fragment)
    assert (event["sport"], event["dport"], event["routed"], event["proto"]) == (None, None, True, 17)


def test_rfc5424__escapes_and_counts(logged) -> None:
    lines = [read(line, "rfc5424") for line in events.lines(logged, OBSERVER, "rfc5424", 2**31 - 3)]
    numbers = [each["structured_data"]["meta"]["sequenceId"] for each in lines]
    assert numbers[:3] == ["2147483646", "2147483647", "1"]
    names = {each["structured_data"]["zsim@32473"]["filter"] for each in lines}
    assert 'odd"]\\name' in names


def test_rfc5424__escapes_three_characters() -> None:
    """RFC 5424 section 6.3.3."""
    assert events._escaped('a"b\\c]d') == 'a\\"b\\\\c\\]d'


# ---- the command ----------------------------------------------------------------------------------------------


def run(*arguments: str):
    return CliRunner().invoke(main, arguments, env={"ZSIM_NOW": "2023-12-13T14:05:31"})


FTP = str(ROOT / "profiles/adcd/captures/ftp.pcap")


@pytest.mark.parametrize(
    ("name", "form"),
    [("x.jsonl", "event"), ("x.ndjson", "event"), ("x.json", "event"), ("x.ECS.jsonl", "ecs"), ("x.ecs", "ecs"),
     ("x.ocsf.json", "ocsf"), ("a.ocsf.b.jsonl", "event"), ("x.rfc5424", "rfc5424"), ("x.log", "rfc5424"),
     ("x.syslog", "rfc5424"), ("x", None), ("x.csv", None), ("-", None)],
)  # fmt: skip
def test_format_of(name: str, form: str | None) -> None:
    assert events.format_of(name) == form


def test_replay__writes_events_beside_the_log(tmp_path: Path) -> None:
    for name, form in (
        ("e.jsonl", "event"),
        ("e.rfc5424", "rfc5424"),
        ("e.ecs.jsonl", "ecs"),
        ("e.ocsf.jsonl", "ocsf"),
    ):
        done = run("replay", "--events", str(tmp_path / name), FTP)
        assert (done.exit_code, "51 records to /var/log/TRMD1I.2023.12.13" in done.stdout) == (0, True)
        lines = (tmp_path / name).read_bytes().splitlines(keepends=True)
        assert len(lines) == 51
        assert [wrong(form, read(line, form)) for line in lines] == [[]] * 51


def test_replay__events_to_standard_output() -> None:
    done = run("replay", "--events", "-", "--events-as", "ecs", FTP)
    assert (done.exit_code, len([json.loads(line) for line in done.stdout.splitlines()])) == (0, 51)


@pytest.mark.parametrize(
    "arguments",
    [["--events", "x"], ["--events", "-"], ["--events", "-", "--events-as", "ecs", "--json"],
     ["--events", "-", "--events-as", "ecs", "--each", "packet"], ["--events", "x.jsonl", "--events-as", "csv"]],
)  # fmt: skip
def test_replay__events_that_cannot_be(arguments: list[str], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("replay", *arguments, FTP).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_schema__is_printed() -> None:
    assert json.loads(run("schema", "ocsf").stdout) == SCHEMAS["ocsf"]
    assert [line.split()[0] for line in run("schema").stdout.splitlines()] == sorted(SCHEMAS)
    done = run("schema", "ocfs")
    assert (done.exit_code, "did you mean ocsf?" in done.stderr) == (2, True)
