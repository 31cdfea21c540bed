"""The Policy Agent: its chain of files, references and groups -> the filter set of each stack.

    environment -> main file -> image file -> IP security file (+ the common one) -> blocks -> filters

It passes rules to the stack and processes no packet. An error in an IP security file keeps the policy the stack
has; without an IpSecConfig the default rules of the profile are in force. (halz002 ipsecurity_modify_pol_ag_cfg_files)
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from zsim import messages
from zsim.addresses import AddressRange
from zsim.config import pagentconf, policy
from zsim.config.policy import Block, Checked
from zsim.config.source import Source, Token
from zsim.facts import fact
from zsim.files import Files
from zsim.findings import ERROR, Finding, Where, did_you_mean, finding
from zsim.messages import IssuedMessage
from zsim.tcpip import filters
from zsim.tcpip.filters import Alternatives, FilterRule, FilterSet, Service
from zsim.times import TimeCondition

INSTALL, KEEP, REMOVE = "install", "keep", "remove"


class Configured(NamedTuple):
    """One IpFilterRule as the agent holds it: resolved, not expanded."""

    name: str
    group: str
    action: str  # the IpGenericFilterAction's name
    verdict: str
    logging: str  # as coded: No, Yes, LogPermit, LogDeny
    discard: str
    sources: tuple[AddressRange, ...]
    dests: tuple[AddressRange, ...]
    services: tuple[tuple[str, Service], ...]
    times: tuple[TimeCondition, ...]


class Built(NamedTuple):
    filters: FilterSet
    rules: tuple[Configured, ...]


class Result(NamedTuple):
    """What one stack is to do: INSTALL what was built, KEEP the policy it has (after an error), or REMOVE it."""

    effect: str
    built: Built | None
    findings: tuple[Finding, ...]
    why: str  # in words
    loglevel: int | None = None  # of the main file


class Reading(NamedTuple):
    """One reading of all files: its result, what the console is told, and what the agent's log gets."""

    result: Result
    issued: tuple[IssuedMessage, ...]
    environment: dict[str, str]
    interval: int = 0  # seconds until the files are looked at again


def read(
    files: Files, options: str, environment: str, named_at: Where, stack: str, versions: tuple[int, ...], now: int
) -> Reading:
    """Read everything for one stack. `options` are the PARM of the task, `environment` its STDENV file, which
    `named_at` names."""
    variables: dict[str, str] = {}
    findings: tuple[Finding, ...] = ()
    if not versions:
        why = "the stack is not enabled for IP security"
        found = finding("no-policy", named_at, why=why, hint="code IPCONFIG IPSECURITY in the profile")
        return Reading(Result(REMOVE, None, (found,), why), (), variables)
    if environment:
        source = files.read(environment, named_at)
        if isinstance(source, Finding):
            findings = (source,)
        else:
            variables = pagentconf.environment(source)
            named_at = pagentconf.place_of(source, "PAGENT_CONFIG_FILE") or named_at
    main = main_file_name(options, variables)
    result = _chain(files, main, stack, versions, now, named_at)
    result = result._replace(findings=(*findings, *result.findings))
    return Reading(result, _issued(result, stack), variables, _interval(files, main, named_at))


def _interval(files: Files, main: str, named_at: Where) -> int:
    """The smallest interval of all TcpImage statements governs the main file. (tcpimage)"""
    source = files.read(main, named_at)
    images = () if isinstance(source, Finding) else pagentconf.main_file(source).images
    return min((image.interval for image in images), default=pagentconf.INTERVAL)


def at_once(options: str) -> bool:
    """Start option -i: changed z/OS UNIX files are read at once; data sets are not. (paenv)"""
    return "-i" in options.lower().split()


def _issued(result: Result, stack: str) -> tuple[IssuedMessage, ...]:
    """The console shows the outcome, never the line at fault. (ezz8771i, ezz8438i, n6135933)"""
    if result.effect == KEEP:
        return (messages.EZZ8438I(image=stack, type="IPSEC"),)
    done = messages.EZZ8771I(image=stack, type="IPSEC")
    return (*((done,) if result.effect == INSTALL else ()), messages.EZD1586I(image=stack))


def policy_file(files: Files, options: str, environment: str, named_at: Where, stack: str) -> str | None:
    """The name of the stack's IP security file, else of the common one; None where the chain names neither."""
    variables: dict[str, str] = {}
    if environment:
        source = files.read(environment, named_at)
        variables = {} if isinstance(source, Finding) else pagentconf.environment(source)
    main = files.read(main_file_name(options, variables), named_at)
    if isinstance(main, Finding):
        return None
    head = pagentconf.main_file(main)
    image = next((each for each in head.images if each.stack == stack), None)
    own = _image(files, main, image, [], [])
    for name in (own.ipsec if own else None, head.common):
        if name is not None and name.text:
            source = files.read(name.text, name.where)
            return None if isinstance(source, Finding) else source.name
    return None


def main_file_name(options: str, environment: Mapping[str, str]) -> str:
    """-c file, else PAGENT_CONFIG_FILE, else /etc/pagent.conf. (halz001 paenv)"""
    return option(options, "-c") or environment.get("PAGENT_CONFIG_FILE", fact("pagent-main-file"))


def option(options: str, letter: str) -> str:
    """The value of one start option, "" when it is not coded; option letters have no case."""
    words = options.split()
    at = next((at for at, word in enumerate(words[:-1]) if word.lower() == letter), None)
    return "" if at is None else words[at + 1]


def _chain(files: Files, main: str, stack: str, versions: tuple[int, ...], now: int, named_at: Where) -> Result:
    """Read the chain for one stack, from the main file on. `named_at` is where the main file's name comes from."""
    source = files.read(main, named_at)
    if isinstance(source, Finding):
        return Result(KEEP, None, (source,), "its main file cannot be read")
    head = pagentconf.main_file(source)
    findings = list(head.findings)
    sources = [source.name]
    image = next((each for each in head.images if each.stack == stack), None)
    if head.images and image is None:
        names = ", ".join(each.stack for each in head.images)
        findings.append(
            finding("no-policy", head.images[0].where, why=f"no TcpImage names stack {stack}", hint=f"it names {names}")
        )
        return Result(REMOVE, None, tuple(findings), f"no TcpImage names stack {stack}")
    own = _image(files, source, image, findings, sources)
    if own is None:
        return Result(KEEP, None, tuple(findings), "its image configuration file cannot be read")
    if own.ipsec is None and head.common is None:
        where = image.where if image else Where(source.name)
        findings.append(
            finding("no-policy", where, why="no IpSecConfig names a file", hint="add IpSecConfig to the image file")
        )
        return Result(REMOVE, None, tuple(findings), "there is no IpSecConfig")
    blocks = _blocks(files, [own.ipsec, head.common], findings, sources)
    built = _build(blocks, versions, now, findings, sources) if blocks is not None else None
    if built is None or any(each.severity == ERROR for each in findings):
        return Result(KEEP, None, tuple(findings), "the IP security policy has errors", head.loglevel)
    return Result(INSTALL, built, tuple(findings), "it has a valid policy", head.loglevel)


def _image(
    files: Files, main: Source, image: pagentconf.Image | None, findings: list[Finding], sources: list[str]
) -> pagentconf.ImageFile | None:
    """The image file; the main file itself where the TcpImage statement names none (an inference)."""
    source = main
    if image is not None and image.file is not None:
        named = files.read(image.file.text, image.file.where)
        if isinstance(named, Finding):
            findings.append(named)
            return None
        source = named
        sources.append(source.name)
    found = pagentconf.image_file(source, own=source is not main)
    findings += [each for each in found.findings if source is not main or each.id != "unknown-statement"]
    return found


def _blocks(files: Files, names: list[Token | None], findings: list[Finding], sources: list[str]) -> list[Block] | None:
    """The stack's blocks and then the common ones; where type and name are the same the stack's wins. (halz002 both)"""
    merged: dict[tuple[str, str], Block] = {}
    readable = True
    for name in names:
        if name is None or not name.text:
            continue
        source = files.read(name.text, name.where)
        if isinstance(source, Finding):
            findings.append(source)
            readable = False
            continue
        sources.append(source.name)
        parsed = policy.parse(source)
        findings += parsed.findings
        own: dict[tuple[str, str], Block] = {}
        for block in parsed.blocks:
            key = (block.type, block.name)
            if not block.name and block.type in policy.SCHEMA and policy.SCHEMA[block.type].named:
                findings.append(finding("missing-attribute", block.where, statement=f"this {block.type}", name="name"))
            elif key in own:
                line = own[key].where.line
                findings.append(
                    finding("duplicate-name", block.where, name=f"{block.type} {block.name}".strip(), line=line)
                )
            own.setdefault(key, block)
        merged = {**own, **merged}
    return list(merged.values()) if readable else None


# ---- blocks to filters -----------------------------------------------------------------------------------------


class _Book:
    """The global statements by type and name, each read once, and who referred to them."""

    def __init__(self, blocks: list[Block], findings: list[Finding]) -> None:
        self.blocks = {(block.type, block.name): block for block in blocks}
        self.findings = findings
        self.checked: dict[int, Checked] = {}
        self.used: set[tuple[str, str]] = set()
        self.unnamed: dict[int, int] = {}

    def read(self, block: Block) -> Checked:
        """The block held against its schema."""
        if id(block) not in self.checked:
            self.checked[id(block)] = policy.check(block, self.findings)
        return self.checked[id(block)]

    def made_name(self, block: Block) -> str:
        """The system-made name of an unnamed inline rule."""
        self.unnamed.setdefault(id(block), len(self.unnamed) + 1)
        return str(fact("policy-unnamed-rule").format(n=self.unnamed[id(block)]))

    def find(self, type: str, name: str, where: Where) -> Block | None:
        """What `TypeRef name` at `where` means; a finding when there is no such statement."""
        self.used.add((type, name))
        block = self.blocks.get((type, name))
        if block is None:
            names = [known for kind, known in self.blocks if kind == type]
            hint = did_you_mean(name, names, f"define {type} {name}; names are case-sensitive")
            self.findings.append(finding("undefined-reference", where, type=type, name=name, hint=hint))
        return block

    def parts(self, checked: Checked, type: str) -> Iterator[Block]:
        """The inline and referenced statements of one type inside a block, in order."""
        for kind, part, where in checked.parts:
            if kind == type:
                block = part if isinstance(part, Block) else self.find(kind, part, where)
                if block is not None:
                    yield block


def _build(
    blocks: list[Block], versions: tuple[int, ...], now: int, findings: list[Finding], sources: list[str]
) -> Built | None:
    """All filters of the effective IpFilterPolicy, in its order, groups expanded in place, closed by the denies."""
    book = _Book(blocks, findings)
    root = next((block for block in blocks if block.type == "IpFilterPolicy"), None)
    for block in book.blocks.values():
        if block.type in policy.SCHEMA:
            book.read(block)
    if root is None:
        findings.append(finding("empty-policy", Where(sources[-1]), why="there is no IpFilterPolicy statement"))
        return None
    top = book.read(root)
    rules: list[FilterRule] = []
    configured: list[Configured] = []
    counts: dict[int, int] = {}  # extensions of each rule, by its block
    before = len(findings)
    reached = list(_rules(book, top))
    if not reached and len(findings) == before:  # and no reference led nowhere
        findings.append(finding("empty-policy", root.where, why="the IpFilterPolicy is empty"))
        return None
    for block, group in reached:
        rule = _rule(book, block, group)
        if rule is not None:
            template, alternatives = rule
            first = counts.get(id(block), 1)
            made = list(filters.expand(template, alternatives, versions, first))
            counts[id(block)] = first + len(made)
            rules += made
            configured.append(_configured(book, block, template, alternatives))
    _check_unreached(book, {id(block) for block, _ in reached})
    _report_unused(book)
    findings[:] = dict.fromkeys(findings)  # one that several rules lead to is said once
    logging = top.value("FilterLogging") == "on"
    discard = top.value("ImplicitDiscardAction") or fact("policy-implicit-discard")
    rules += filters.policy_denies(versions, discard, logging, root.where)
    built = FilterSet(
        filters.POLICY, tuple(_by_version(rules, versions)), now, logging,
        predecap=top.value("PreDecap") == "on", nat_keepalive=top.value("NatKeepAliveInterval") or 0,
        fips140=top.value("FIPS140") == "yes",
    )  # fmt: skip
    return Built(built, tuple(configured))


def _configured(book: _Book, block: Block, template: FilterRule, alternatives: Alternatives) -> Configured:
    checked = book.read(block)
    inline = next((part for kind, part, _ in checked.parts if kind == "IpGenericFilterAction"), None)
    action = inline.name if isinstance(inline, Block) else checked.value("IpGenericFilterActionRef")
    logging = {shown: coded for coded, shown in LOGGING.items()}[template.logging]
    return Configured(
        template.name, template.group, action, template.action, logging, template.discard, *alternatives, template.times
    )


def _by_version(rules: list[FilterRule], versions: tuple[int, ...]) -> list[FilterRule]:
    """IPv4 filters first, then IPv6, each in search order: two tables, listed one after the other."""
    return [rule for version in versions for rule in rules if rule.version == version]


def _rules(book: _Book, top: Checked) -> Iterator[tuple[Block, str]]:
    """Every rule the policy reaches, with the group it is reached through."""
    for kind, part, where in top.parts:
        block = part if isinstance(part, Block) else book.find(kind, part, where)
        if block is None:
            continue
        if kind == "IpFilterGroup":
            for rule in book.parts(book.read(block), "IpFilterRule"):
                yield rule, block.name
        else:
            yield block, ""


def _rule(book: _Book, block: Block, group: str) -> tuple[FilterRule, Alternatives] | None:
    """One IpFilterRule with its references resolved. None after an error (which is in the findings)."""
    checked = book.read(block)
    before = sum(each.severity == ERROR for each in book.findings)
    sources, dests = (_ends(book, checked, side) for side in ("Source", "Dest"))
    services = tuple(_services(book, block, checked))
    action = _action(book, block, checked)
    when = tuple(_time_conditions(book, checked))
    for type in ("IpDynVpnAction", "IpManVpnAction", "IpLocalStartAction"):
        if checked.value(f"{type}Ref"):
            book.find(type, checked.value(f"{type}Ref"), checked.place(f"{type}Ref"))
    vpn = checked.value("IpDynVpnActionRef") or checked.value("IpManVpnActionRef") or ""
    if not {each.version for each in sources} & {each.version for each in dests} and sources and dests:
        book.findings.append(finding("no-common-family", block.where))
    _other_family(book, block, sources, dests, [service for _, service in services])
    if action is not None and action.value("IpFilterAction") == "IpSec" and not vpn:
        book.findings.append(finding("needs-vpn", block.where))
    alternatives = Alternatives(sources, dests, services)
    if (
        action is None
        or not (sources and dests and services)
        or sum(each.severity == ERROR for each in book.findings) > before
    ):
        return None
    template = FilterRule(
        block.name or book.made_name(block), 1, filters.POLICY, 4, filters.OUTBOUND, action.value("IpFilterAction"),
        LOGGING[action.value("IpFilterLogging")], sources[0], dests[0], services[0][1], block.where, group,
        action.value("DiscardAction"), vpn, checked.value("IpLocalStartActionRef") or "", when,
    )  # fmt: skip
    return template, alternatives


# Protocols of one IP version only, and their counterpart in the other.
_FAMILY: dict[int | None, tuple[int, str, str]] = {1: (4, "Icmp", "Icmpv6"), 58: (6, "Icmpv6", "Icmp")}


def _other_family(
    book: _Book, block: Block, sources: Iterable[AddressRange], dests: Iterable[AddressRange],
    services: Iterable[Service],
) -> None:  # fmt: skip
    """A rule whose services are all of one IP version and its addresses of the other makes no filter. z/OS does not say
    so."""
    common = {each.version for each in sources} & {each.version for each in dests}
    kinds = {service.protocol for service in services}
    if len(common) == 1 and len(kinds) == 1 and (protocol := kinds.pop()) in _FAMILY:
        version, name, instead = _FAMILY[protocol]
        other = next(iter(common))
        if version != other:
            name = f"Protocol {name}"
            found = finding("other-family", block.where, name=name, own=version, other=other, instead=instead)
            book.findings.append(found)


# IpFilterLogging -> Logging of the display. (blog-display vocabulary; Yes -> All, No -> None an inference)
LOGGING = {"Yes": "All", "No": "None", "LogPermit": "Permit", "LogDeny": "Deny"}


def _time_conditions(book: _Book, checked: Checked) -> Iterator[TimeCondition]:
    """The rule's IpTimeConditions, inline and by reference; all must hold."""
    blocks = [part for kind, part, _ in checked.parts if kind == "IpTimeCondition" and isinstance(part, Block)]
    for name, where in zip(
        checked.values.get("IpTimeConditionRef", ()), checked.places.get("IpTimeConditionRef", ()), strict=True
    ):
        found = book.find("IpTimeCondition", name, where) if name else None
        blocks += [found] if found else []
    for block in blocks:
        read = book.read(block)
        start, end = read.value("ConditionTimeRange") or (None, None)
        months, days, weekdays = (read.value(f"{name}Mask") for name in ("MonthOfYear", "DayOfMonth", "DayOfWeek"))
        if all(read.value(attr.name) is not None for attr in policy.SCHEMA["IpTimeCondition"].attributes[1:]):
            local = read.value("TimeZone") == "Local"
            yield TimeCondition(start, end, months, days, weekdays, read.value("TimeOfDayRange"), local)


# The forms of a rule's address: which statement a reference names, None for an address that stands in the rule.
_FORMS = {"Addr": None, "AddrSet": None, "AddrRef": "IpAddr", "AddrSetRef": "IpAddrSet", "AddrGroupRef": "IpAddrGroup"}


def _ends(book: _Book, checked: Checked, side: str) -> tuple[AddressRange, ...]:
    """The alternatives of one side in coded order; every address of both families when none is coded."""
    coded = [
        (where, type, value)
        for form, type in _FORMS.items()
        for value, where in zip(
            checked.values.get(f"Ip{side}{form}", ()), checked.places.get(f"Ip{side}{form}", ()), strict=True
        )
    ]
    if len(coded) > 1 and not fact("policy-repeats-allowed"):
        again = sorted(where for where, _, _ in coded)[1]
        book.findings.append(finding("too-many", again, name=f"Ip{side}Addr", count=len(coded), most=1))
    found: list[AddressRange] = []
    for where, type, value in sorted(coded, key=lambda each: each[0]):
        if value is not None and type is not None:
            block = book.find(type, value, where)
            found += _addresses(book, block) if block else ()
        else:
            found += value or ()
    return tuple(found) if coded else policy.ANY_RANGES


def _addresses(book: _Book, block: Block) -> list[AddressRange]:
    """The addresses of an IpAddr, IpAddrSet or IpAddrGroup."""
    checked = book.read(block)
    if block.type == "IpAddrGroup":
        found = []
        for kind, part, where in checked.parts:
            inner = part if isinstance(part, Block) else book.find(kind, part, where)
            found += _addresses(book, inner) if inner else []
        return found
    names = ("Addr",) if block.type == "IpAddr" else ("Prefix", "Range")
    coded = [value for name in names for value in checked.values.get(name, ())]
    if block.type == "IpAddrSet" and len(coded) != 1:
        book.findings.append(
            finding(
                "missing-attribute",
                block.where,
                statement=f"IpAddrSet {block.name}",
                name="Prefix or Range, one of the two",
            )
        )
    return [each for value in coded for each in value or ()]


def _services(book: _Book, block: Block, checked: Checked) -> Iterator[tuple[str, Service]]:
    """The services of a rule in coded order, a group's written out in place."""
    coded = False
    for kind, part, where in checked.parts:
        if kind not in ("IpService", "IpServiceGroup"):
            continue
        coded = True
        inner = part if isinstance(part, Block) else book.find(kind, part, where)
        if inner is None:
            continue
        if kind == "IpServiceGroup":
            for each in book.parts(book.read(inner), "IpService"):
                yield _service(book, each)
        else:
            yield _service(book, inner)
    if not coded:
        book.findings.append(
            finding("missing-attribute", block.where, statement=f"IpFilterRule {block.name}", name="IpService")
        )


def _service(book: _Book, block: Block) -> tuple[str, Service]:
    """One IpService. Attributes its protocol does not have are ignored, with a warning (a simulator choice)."""
    checked = book.read(block)
    protocol = checked.value("Protocol")

    def span(name: str) -> tuple[int, int] | None:
        value: Any = checked.value(name)
        if value is not None and protocol not in policy.ONLY_FOR[name]:
            shown = next((known for known, number in policy.PROTOCOLS.items() if number == protocol), protocol or "All")
            warning = finding("wrong-protocol", checked.place(name), name=name, protocol=shown)
            if warning not in book.findings:
                book.findings.append(warning)
            return None
        return value  # type: ignore[no-any-return]

    way, connect = checked.value("Direction") or (fact("policy-direction").capitalize(), None)
    scope = checked.value("Routing") or fact("policy-routing").capitalize()
    service = Service(
        protocol, span("SourcePortRange"), span("DestinationPortRange"), span("Type"), span("Code"),
        connect, "Both" if scope == "Either" else scope, checked.value("SecurityClass") or 0,
        checked.value("FragmentsOnly") == "Yes",
    )  # fmt: skip
    return way, service


def _action(book: _Book, block: Block, checked: Checked) -> Checked | None:
    """The rule's IpGenericFilterAction; LogPermit and LogDeny belong to IpSec only (a simulator choice)."""
    inline = next((part for kind, part, _ in checked.parts if kind == "IpGenericFilterAction"), None)
    reference = checked.value("IpGenericFilterActionRef")
    title = f"IpFilterRule {block.name}".strip()
    if isinstance(inline, Block):
        found: Block | None = inline
    elif reference:
        found = book.find("IpGenericFilterAction", reference, checked.place("IpGenericFilterActionRef"))
    else:
        book.findings.append(
            finding("missing-attribute", block.where, statement=title, name="IpGenericFilterActionRef")
        )
        return None
    if found is None:
        return None
    action = book.read(found)
    if None in (action.value(name) for name in ("IpFilterAction", "IpFilterLogging", "DiscardAction")):
        return None  # reported where it was read
    if action.value("IpFilterLogging") in ("LogPermit", "LogDeny") and action.value("IpFilterAction") != "IpSec":
        where = action.value_places["IpFilterLogging"]
        word = action.value("IpFilterLogging")
        wrong = finding(
            "syntax", where, found=word, expected="No or Yes", hint=f"{word} goes with IpFilterAction IpSec only"
        )
        if wrong not in book.findings:
            book.findings.append(wrong)
        return None
    return action


def _check_unreached(book: _Book, reached: set[int]) -> None:
    """What the policy does not reach has to be right as well: its values, its references."""
    used = set(book.used)
    for block in list(book.blocks.values()):
        if (
            block.type in ("IpFilterGroup", "IpServiceGroup", "IpAddrGroup", "IpFilterRule")
            and id(block) not in reached
        ):
            _check_whole(book, block)
    book.used = used


def _check_whole(book: _Book, block: Block) -> None:
    """One statement with everything inside it."""
    if block.type == "IpFilterRule":
        _rule(book, block, "")
    elif block.type == "IpAddrGroup":
        _addresses(book, block)
    elif block.type in ("IpFilterGroup", "IpServiceGroup"):
        inner = "IpFilterRule" if block.type == "IpFilterGroup" else "IpService"
        for part in book.parts(book.read(block), inner):
            book.read(part)
            if inner == "IpFilterRule" and not part.name:
                _rule(book, part, "")


def _report_unused(book: _Book) -> None:
    for (type, name), block in book.blocks.items():
        if name and type in policy.SCHEMA and (type, name) not in book.used:
            book.findings.append(finding("unused", block.where, type=type, name=name))
