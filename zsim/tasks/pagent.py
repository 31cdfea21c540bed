"""The Policy Agent: its chain of files, references and groups -> the filter set of each stack.

    environment -> main file -> image file -> IP security file (+ the common one) -> blocks -> filters

It passes rules to the stack and processes no packet. An error in an IP security file keeps the policy the stack
has; without an IpSecConfig the default rules of the profile are in force. (halz002 ipsecurity_modify_pol_ag_cfg_files)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from zsim.addresses import AddressRange
from zsim.config import pagentconf, policy
from zsim.config.policy import Block, Checked
from zsim.config.source import Source, Token
from zsim.facts import fact
from zsim.files import Files
from zsim.findings import ERROR, Finding, Where, did_you_mean, finding
from zsim.tcpip import filters
from zsim.tcpip.filters import Alternatives, FilterRule, FilterSet, Service

INSTALL, KEEP, REMOVE = "install", "keep", "remove"


class Result(NamedTuple):
    """What one stack is to do with its policy: INSTALL `filters`, KEEP what it has (after an error), or REMOVE it."""

    effect: str
    filters: FilterSet | None
    findings: tuple[Finding, ...]
    sources: tuple[str, ...]  # the files read, in order
    why: str  # in words, for `zsim check`


def main_file_name(options: str, environment: Mapping[str, str]) -> str:
    """-c file, else PAGENT_CONFIG_FILE, else /etc/pagent.conf. (halz001 paenv)"""
    words = options.split()
    for at, word in enumerate(words):
        if word.lower() == "-c" and at + 1 < len(words):
            return words[at + 1]
    return environment.get("PAGENT_CONFIG_FILE", fact("pagent-main-file"))


def read(files: Files, main: str, stack: str, versions: tuple[int, ...], now: int, named_at: Where) -> Result:
    """Read the chain for one stack. `named_at` is where the main file's name comes from."""
    source = files.read(main, named_at)
    if isinstance(source, Finding):
        return Result(KEEP, None, (source,), (), "the Policy Agent's main file cannot be read")
    head = pagentconf.main_file(source)
    findings = list(head.findings)
    sources = [source.name]
    image = next((each for each in head.images if each.stack == stack), None)
    if head.images and image is None:
        names = ", ".join(each.stack for each in head.images)
        findings.append(
            finding("no-policy", head.images[0].where, why=f"no TcpImage names stack {stack}", hint=f"it names {names}")
        )
        return Result(REMOVE, None, tuple(findings), tuple(sources), f"no TcpImage names stack {stack}")
    own = _image(files, source, image, findings, sources)
    if own is None:
        return Result(KEEP, None, tuple(findings), tuple(sources), "the image configuration file cannot be read")
    if own.ipsec is None and head.common is None:
        where = image.where if image else Where(source.name)
        findings.append(
            finding("no-policy", where, why="no IpSecConfig names a file", hint="add IpSecConfig to the image file")
        )
        return Result(REMOVE, None, tuple(findings), tuple(sources), "there is no IpSecConfig")
    blocks = _blocks(files, [own.ipsec, head.common], findings, sources)
    built = _build(blocks, versions, now, findings, sources) if blocks is not None else None
    if built is None or any(each.severity == ERROR for each in findings):
        return Result(KEEP, None, tuple(findings), tuple(sources), "the IP security policy has errors")
    return Result(INSTALL, built, tuple(findings), tuple(sources), "the Policy Agent has a valid policy")


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
    found = pagentconf.image_file(source)
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
            if key in own:
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

    def read(self, block: Block) -> Checked:
        """The block held against its schema."""
        if id(block) not in self.checked:
            self.checked[id(block)] = policy.check(block, self.findings)
        return self.checked[id(block)]

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
) -> FilterSet | None:
    """All filters of the effective IpFilterPolicy, in its order, groups expanded in place, closed by the denies."""
    book = _Book([block for block in blocks if block.type in policy.SCHEMA], findings)
    root = next((block for block in blocks if block.type == "IpFilterPolicy"), None)
    for block in book.blocks.values():
        book.read(block)
    if root is None:
        findings.append(finding("empty-policy", Where(sources[-1]), why="there is no IpFilterPolicy statement"))
        return None
    top = book.read(root)
    rules: list[FilterRule] = []
    counts: dict[str, int] = {}
    for block, group in _rules(book, top):
        template, alternatives = _rule(book, block, group)
        if template is not None:
            first = counts.get(template.name, 1)
            made = list(filters.expand(template, alternatives, versions, first))
            counts[template.name] = first + len(made)
            rules += made
    if not any(kind in ("IpFilterRule", "IpFilterGroup") for kind, _, _ in top.parts):
        findings.append(finding("empty-policy", root.where, why="the IpFilterPolicy is empty"))
        return None
    _report_unused(book)
    logging = top.value("FilterLogging") == "on"
    discard = top.value("ImplicitDiscardAction") or fact("policy-implicit-discard")
    rules += filters.policy_denies(versions, discard, logging, root.where)
    return FilterSet(
        filters.POLICY, tuple(_by_version(rules, versions)), now, logging,
        predecap=top.value("PreDecap") == "on", nat_keepalive=top.value("NatKeepAliveInterval") or 0,
        fips140=top.value("FIPS140") == "yes",
    )  # fmt: skip


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


def _rule(book: _Book, block: Block, group: str) -> tuple[FilterRule | None, Alternatives]:
    """One IpFilterRule with its references resolved. None after an error (which is in the findings)."""
    checked = book.read(block)
    before = sum(each.severity == ERROR for each in book.findings)
    sources, dests = (_ends(book, checked, side) for side in ("Source", "Dest"))
    services = tuple(_services(book, block, checked))
    action = _action(book, block, checked)
    for kind, _, where in checked.parts:
        if kind == "IpTimeCondition":
            _time_condition(book, where)
    if checked.value("IpTimeConditionRef"):
        book.find("IpTimeCondition", checked.value("IpTimeConditionRef"), checked.place("IpTimeConditionRef"))
        _time_condition(book, checked.place("IpTimeConditionRef"))
    vpn = checked.value("IpDynVpnActionRef") or checked.value("IpManVpnActionRef") or ""
    if not {each.version for each in sources} & {each.version for each in dests} and sources and dests:
        book.findings.append(finding("no-common-family", block.where))
    if action is not None and action.value("IpFilterAction") == "IpSec" and not vpn:
        book.findings.append(finding("needs-vpn", block.where))
    alternatives = Alternatives(sources, dests, services)
    if (
        action is None
        or not (sources and dests and services)
        or sum(each.severity == ERROR for each in book.findings) > before
    ):
        return None, alternatives
    template = FilterRule(
        block.name, 1, filters.POLICY, 4, filters.OUTBOUND, action.value("IpFilterAction"),
        LOGGING[action.value("IpFilterLogging")], sources[0], dests[0], services[0][1], block.where, group,
        action.value("DiscardAction"), vpn, checked.value("IpLocalStartActionRef") or "",
    )  # fmt: skip
    return template, alternatives


# IpFilterLogging -> Logging of the display. (blog-display vocabulary; Yes -> All, No -> None an inference)
LOGGING = {"Yes": "All", "No": "None", "LogPermit": "Permit", "LogDeny": "Deny"}


def _time_condition(book: _Book, where: Where) -> None:
    why = "its attributes are unconfirmed, so the rule counts as always active"
    book.findings.append(finding("not-modelled", where, what="IpTimeCondition", why=why))


def _ends(book: _Book, checked: Checked, side: str) -> tuple[AddressRange, ...]:
    """The alternatives of one side, by kind of statement; every address of both families when none is coded."""
    found: list[AddressRange] = []
    for name in (f"Ip{side}Addr", f"Ip{side}AddrSet"):
        for value in checked.values[name]:
            found += value or ()
    for type in ("IpAddr", "IpAddrSet", "IpAddrGroup"):
        name = f"Ip{side}{type.removeprefix('Ip')}Ref"
        for reference, where in zip(checked.values.get(name, ()), checked.places.get(name, ()), strict=True):
            block = book.find(type, reference, where) if reference else None
            found += _addresses(book, block) if block else ()
    if not found and not any(
        checked.values.get(f"Ip{side}Addr{kind}") for kind in ("", "Set", "Ref", "SetRef", "GroupRef")
    ):
        return policy.ANY_RANGES
    return tuple(found)


def _addresses(book: _Book, block: Block) -> list[AddressRange]:
    """The addresses of an IpAddr, IpAddrSet or IpAddrGroup."""
    checked = book.read(block)
    if block.type == "IpAddrGroup":
        found = []
        for kind, part, where in checked.parts:
            inner = part if isinstance(part, Block) else book.find(kind, part, where)
            found += _addresses(book, inner) if inner else []
        if not checked.parts:
            book.findings.append(
                finding(
                    "missing-attribute", block.where, statement=f"IpAddrGroup {block.name}", name="IpAddr or IpAddrSet"
                )
            )
        return found
    names = ("Addr",) if block.type == "IpAddr" else ("Prefix", "Range")
    coded = [value for name in names for value in checked.values[name]]
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
    if action.value("IpFilterAction") is None:
        return None
    if action.value("IpFilterLogging") in ("LogPermit", "LogDeny") and action.value("IpFilterAction") != "IpSec":
        where = action.place("IpFilterLogging")
        word = action.value("IpFilterLogging")
        wrong = finding(
            "syntax", where, found=word, expected="No or Yes", hint=f"{word} goes with IpFilterAction IpSec only"
        )
        if wrong not in book.findings:
            book.findings.append(wrong)
        return None
    return action


def _report_unused(book: _Book) -> None:
    for (type, name), block in book.blocks.items():
        if name and (type, name) not in book.used:
            book.findings.append(finding("unused", block.where, type=type, name=name))
