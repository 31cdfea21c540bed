"""A packet written as a scapy expression, read as data: text in, a linktype and packets as bytes out.

    IP(src="10.1.0.2", dst="10.1.1.2")/TCP(dport=[21, 23, (1024, 1030)], flags="S")/"hello"

The text is parsed, never executed. What may stand in it is a short list; the rest is refused, with its place:

    packet  := part ("/" part)*         parts may be grouped: IP()/(TCP()/"x")
    part    := LAYER "(" field=value, ... ")" | str | bytes         LAYER is a row of LAYERS
    value   := int | str | bytes | True | False | None | list and tuple of values

One expression may stand for many packets, in scapy's order: a list gives a packet for each item, (low,
high) one for each number or address between, (low, high, step) likewise, "10.1.0.0/24" one for each
address. They are counted before the first is made. A field that takes a list as its value (TCP options,
OSPF neighbours) is left alone.

Nothing depends on the machine: a host name is refused because scapy would ask DNS for it, and what is left
out and scapy would take from routing tables, ARP or the clock comes from `FILLED`. scapy is imported when a
packet is read, not before.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import ipaddress
import itertools
import logging
import re
import struct
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

LONGEST = 4_096  # characters of an expression
DEEPEST = 8  # lists and tuples in one another
TALLEST = 32  # layers of a packet
LARGEST = 65_535  # octets of an IP packet; its link header comes on top

L2, INET, INET6, IPSEC = "scapy.layers.l2", "scapy.layers.inet", "scapy.layers.inet6", "scapy.layers.ipsec"
IGMP, IGMP3, OSPF = "scapy.contrib.igmp", "scapy.contrib.igmpv3", "scapy.contrib.ospf"

# Every layer an expression may name, and the module of scapy that has it.
LAYERS = {
    "Ether": L2, "Dot1Q": L2, "Dot1AD": L2, "ARP": L2, "GRE": L2,
    "IP": INET, "TCP": INET, "UDP": INET, "ICMP": INET,
    "IPerror": INET, "TCPerror": INET, "UDPerror": INET, "ICMPerror": INET,
    "IPv6": INET6,
    "IPv6ExtHdrHopByHop": INET6, "IPv6ExtHdrDestOpt": INET6, "IPv6ExtHdrRouting": INET6,
    "IPv6ExtHdrFragment": INET6,
    "ICMPv6EchoRequest": INET6, "ICMPv6EchoReply": INET6, "ICMPv6DestUnreach": INET6,
    "ICMPv6PacketTooBig": INET6, "ICMPv6TimeExceeded": INET6, "ICMPv6ParamProblem": INET6,
    "ICMPv6Unknown": INET6,
    "ICMPv6ND_RS": INET6, "ICMPv6ND_RA": INET6, "ICMPv6ND_NS": INET6, "ICMPv6ND_NA": INET6,
    "ICMPv6ND_Redirect": INET6,
    "ICMPv6NDOptSrcLLAddr": INET6, "ICMPv6NDOptDstLLAddr": INET6, "ICMPv6NDOptMTU": INET6,
    "ICMPv6NDOptPrefixInfo": INET6,
    "ICMPv6MLQuery": INET6, "ICMPv6MLReport": INET6, "ICMPv6MLDone": INET6, "ICMPv6MLReport2": INET6,
    "IPerror6": INET6,
    "AH": IPSEC, "ESP": IPSEC,
    "IGMP": IGMP, "IGMPv3": IGMP3, "IGMPv3mq": IGMP3, "IGMPv3mr": IGMP3, "IGMPv3gr": IGMP3,
    "OSPF_Hdr": OSPF, "OSPF_Hello": OSPF, "OSPF_DBDesc": OSPF, "OSPF_LSReq": OSPF, "OSPF_LSReq_Item": OSPF,
    "OSPF_LSUpd": OSPF, "OSPF_LSAck": OSPF, "OSPF_LSA_Hdr": OSPF,
    "Raw": "scapy.packet", "Padding": "scapy.packet",
}  # fmt: skip

# The layer a packet may start with -> the linktype of its capture, and the octets the link header may add.
LINKTYPES = {"Ether": (1, 14 + 4 * TALLEST), "IP": (101, 0), "IPv6": (101, 0)}

# What scapy would ask the machine for: its routing tables, its interfaces, ARP, its clock.
FILLED: dict[str, dict[str, Any]] = {
    "Ether": {"src": "00:00:00:00:00:00", "dst": "ff:ff:ff:ff:ff:ff"},
    "ARP": {"hwsrc": "00:00:00:00:00:00", "psrc": "0.0.0.0"},
    "IP": {"src": "0.0.0.0"},
    "IPerror": {"src": "0.0.0.0"},
    "IPv6": {"src": "::"},
    "IPerror6": {"src": "::"},
    "ICMP": {"ts_ori": 0, "ts_rx": 0, "ts_tx": 0},
    "ICMPerror": {"ts_ori": 0, "ts_rx": 0, "ts_tx": 0},
    "ICMPv6NDOptSrcLLAddr": {"lladdr": "00:00:00:00:00:00"},
    "ICMPv6NDOptDstLLAddr": {"lladdr": "00:00:00:00:00:00"},
}

# What people write in Python that is no packet.
REFUSED: dict[type[ast.AST], str] = {
    ast.Attribute: "a name behind a dot",
    ast.Subscript: "an index in brackets",
    ast.Lambda: "a function",
    ast.NamedExpr: "an assignment",
    ast.JoinedStr: "an f-string",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.BinOp: "arithmetic",
    ast.UnaryOp: "an operator",
    ast.BoolOp: "an operator",
    ast.Compare: "a comparison",
    ast.IfExp: "a condition",
    ast.Dict: "a dictionary",
    ast.Set: "a set",
    ast.Starred: "a starred value",
    ast.Call: "a call",
    ast.Name: "a name",
}

# What scapy is seen to raise over a value it cannot write; it has no exception of its own for that.
SCAPY_REFUSES = (
    ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RecursionError, TypeError,
    ValueError, struct.error,
)  # fmt: skip

MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", re.ASCII)


class PacketError(ValueError):
    """A packet expression that cannot be read: what is wrong, at which column, and what to write instead."""

    def __init__(self, what: str, expression: str, column: int) -> None:
        """`column` counts characters from 0; the text shows it from 1, with a caret below it."""
        self.what, self.column = what, column
        super().__init__(f"packet expression, column {column + 1}: {what}\n{excerpt(expression, column)}")


class Refused(Exception):
    """What is wrong with a node, or at a column: a PacketError that has not seen the expression yet."""

    def __init__(self, at: ast.AST | int, what: str, instead: str) -> None:
        self.at, self.what = at, f"{what}; {instead}"
        super().__init__(self.what)


class One(NamedTuple):
    """A single value."""

    value: object


class Addresses(NamedTuple):
    """All addresses from low to high."""

    low: ipaddress.IPv4Address | ipaddress.IPv6Address
    high: ipaddress.IPv4Address | ipaddress.IPv6Address


Choice = One | range | Addresses


class Field(NamedTuple):
    """A field and every value it is to have."""

    name: str
    choices: tuple[Choice, ...]
    node: ast.AST


class Layer(NamedTuple):
    """One part between the slashes; `kind` is scapy's class, which no annotation describes."""

    name: str
    kind: Any
    fields: tuple[Field, ...]
    node: ast.AST


Rows = list[dict[str, object]]  # the values of one packet, a row a layer


# --- the face


def packets(expression: str, most: int = 10_000) -> tuple[int, list[bytes]]:
    """The linktype, and every packet the expression stands for as bytes; else PacketError."""
    try:
        tree = parse(expression)
        with silence() as complaints:
            layers = [layer(part) for part in parts(tree)]
            linktype, largest = link(layers[0])
            check_count(layers, most)
            return linktype, [build(layers, values, largest, complaints) for values in combinations(layers)]
    except Refused as refused:
        raise PacketError(refused.what, expression, column_of(expression, refused.at)) from None


# --- text -> layers


def parse(expression: str) -> ast.expr:
    """The expression as Python's grammar sees it; nothing of it is executed."""
    if len(expression) > LONGEST:
        raise Refused(LONGEST, f"the expression has {len(expression)} characters", f"write at most {LONGEST}")
    text, lead = expression.lstrip(), len(expression) - len(expression.lstrip())
    if not text:
        raise Refused(0, "the expression is empty", 'write a packet: IP(src="10.1.0.2", dst="10.1.1.2")/ICMP()')
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        column = lead + start_of_line(text, error.lineno or 1) + max((error.offset or 1) - 1, 0)
        raise Refused(
            min(column, len(expression)),
            f"this is no packet expression: {error.msg}",
            'write layers with "/" between: IP(ttl=5)/UDP(dport=53)',
        ) from None
    except (RecursionError, MemoryError):
        raise Refused(0, "the expression is nested too deeply", f"write at most {TALLEST} layers") from None
    except ValueError as error:  # NUL characters, numbers with thousands of digits, half of a surrogate pair
        raise Refused(0, f"the expression cannot be read: {error}", "write plain text and numbers") from None


def parts(tree: ast.expr) -> list[ast.expr]:
    """What stands between the slashes, outermost layer first."""
    found: list[ast.expr] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            waiting += [node.right, node.left]
        else:
            found.append(node)
    if len(found) > TALLEST:
        raise Refused(found[TALLEST], f"the packet has {len(found)} layers", f"write at most {TALLEST}")
    return found


def layer(node: ast.expr) -> Layer:
    """One part: a call of a name in LAYERS, or a literal payload."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        return Layer("Raw", layer_class("Raw"), (Field("load", (One(literal(node)),), node),), node)
    if isinstance(node, ast.Name) and node.id in LAYERS:
        raise Refused(node, f"{node.id} is a layer without its parentheses", f"write {node.id}()")
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        raise Refused(node, f"{named(node)} cannot be a layer", "write a layer such as IP() or TCP(dport=23)")
    name = node.func.id
    if name not in LAYERS:
        raise Refused(node, f"there is no layer {name}", meant(name, LAYERS) or f"there are {', '.join(LAYERS)}")
    if node.args:
        example = 'load="..."' if name in ("Raw", "Padding") else "field=value"
        raise Refused(node.args[0], f"{name} has a value without a field name", f"write {example}")
    kind = layer_class(name)
    return Layer(name, kind, read_fields(name, kind, node.keywords), node)


def read_fields(name: str, kind: Any, keywords: Sequence[ast.keyword]) -> tuple[Field, ...]:
    """The fields of a layer with their values, each field known and given once."""
    known = {field.name: field for field in kind.fields_desc}
    fields: dict[str, Field] = {}
    for keyword in keywords:
        if keyword.arg is None:
            raise Refused(keyword.value, "** hands over a dictionary", "write each field as field=value")
        if keyword.arg not in known:
            raise Refused(
                keyword,
                f"{name} has no field {keyword.arg}",
                meant(keyword.arg, known) or f"it has {', '.join(known)}",
            )
        if keyword.arg in fields:
            raise Refused(keyword, f"{keyword.arg} is given twice", "leave one of them out")
        choices = read_choices(keyword.value, known[keyword.arg], f"{name}.{keyword.arg}")
        fields[keyword.arg] = Field(keyword.arg, choices, keyword.value)
    return tuple(fields[name] for name in known if name in fields)  # as scapy declares them, for its order


def link(first: Layer) -> tuple[int, int]:
    """The linktype of packets that start with this layer, and the octets such a packet may have."""
    if first.name not in LINKTYPES:
        raise Refused(first.node, f"a packet cannot start with {first.name}", f"start with {', '.join(LINKTYPES)}")
    linktype, header = LINKTYPES[first.name]
    return linktype, LARGEST + header


# --- values


def read_choices(node: ast.expr, field: Any, label: str) -> tuple[Choice, ...]:
    """Every value the node stands for in this field."""
    kinds = address_kinds(field)
    if takes_list(field):
        value = literal(node)
        value = list(value) if isinstance(value, tuple) else value  # else a range to scapy
        if kinds:
            for address in value if isinstance(value, list) else [value]:
                one_address(node, address, kinds, label)
        return (One(value),)
    if not isinstance(node, ast.List):
        return (read_choice(node, kinds, label),)
    if not node.elts:
        raise Refused(node, f"{label} has an empty list: no packet at all", "write a value, or leave the field out")
    return tuple(read_choice(item, kinds, label) for item in node.elts)


def read_choice(node: ast.expr, kinds: frozenset[str], label: str) -> Choice:
    """One value, or one range of them."""
    value = literal(node)
    if isinstance(value, list):
        raise Refused(node, f"{label} has a list in a list", "write one list of values and ranges")
    if kinds and value is not None:
        return address_choice(node, value, kinds, label)
    if isinstance(value, tuple):
        return number_range(node, value, label)
    if isinstance(value, str) and label.endswith((".sport", ".dport")):
        raise Refused(node, f"{label} is {value!r}, and names of ports differ between machines", "write its number")
    return One(value)


def number_range(node: ast.expr, value: tuple[Any, ...], label: str) -> range:
    """(low, high) or (low, high, step), both ends included."""
    if not (2 <= len(value) <= 3 and all(isinstance(number, int) for number in value)):
        raise Refused(node, f"{label} has a tuple that is no range", "write (low, high) or (low, high, step)")
    low, high, step = (*value, 1)[:3]
    if low > high or step < 1:
        raise Refused(node, f"the range of {label} is empty", "write (low, high) with the lower number first")
    return range(low, high + 1, step)


def address_choice(node: ast.expr, value: object, kinds: frozenset[str], label: str) -> Choice:
    """An address, a prefix, "low-high" or ("low", "high")."""
    if isinstance(value, tuple) and len(value) == 2:
        return address_range(node, value, kinds, label)
    if isinstance(value, str) and "-" in value:
        return address_range(node, value.split("-", 1), kinds, label)
    if not (isinstance(value, str) and "/" in value):
        return One(one_address(node, value, kinds, label))
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        network = None
    if network is None or f"IPv{network.version}" not in kinds:
        raise Refused(
            node,
            f"{label} is {brief(value)}, which is no prefix of its kind of address",
            'write an address and a length: "10.1.0.0/24"',
        )
    return Addresses(network[0], network[-1])


def address_range(node: ast.expr, ends: Sequence[object], kinds: frozenset[str], label: str) -> Addresses:
    """All addresses between two."""
    low, high = (ipaddress.ip_address(one_address(node, end, kinds - {"Ethernet"}, label)) for end in ends)
    if low.version != high.version or int(low) > int(high):
        raise Refused(node, f"the range {low}-{high} of {label} is empty", "write the lower address first")
    return Addresses(low, high)


def one_address(node: ast.expr, value: object, kinds: frozenset[str], label: str) -> str:
    """The value, when it is an address of one of the kinds."""
    if isinstance(value, str) and "Ethernet" in kinds and MAC.fullmatch(value):
        return value
    if isinstance(value, str) and "%" not in value:
        try:
            if f"IPv{ipaddress.ip_address(value).version}" in kinds:
                return value
        except ValueError:
            pass
    raise Refused(
        node,
        f"{label} is {brief(value)}, which is no {' or '.join(sorted(kinds))} address",
        "write one out, as names are not looked up",
    )


def literal(node: ast.expr, depth: int = 0) -> Any:
    """The value of a literal, of a negative number, or of lists and tuples of them."""
    if depth > DEEPEST:
        raise Refused(node, "lists are nested too deeply", f"nest at most {DEEPEST}")
    match node:
        case ast.Constant(value=bool(flag)):
            return int(flag)
        case ast.Constant(value=str(text)) if any("\ud800" <= sign <= "\udfff" for sign in text):
            raise Refused(node, "the text has half of a surrogate pair", r'write bytes: b"\xd8\x00"')
        case ast.Constant(value=None | int() | str() | bytes()):
            return node.value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(number))):
            return -number
        case ast.List(elts=items):
            return [literal(item, depth + 1) for item in items]
        case ast.Tuple(elts=items):
            return tuple(literal(item, depth + 1) for item in items)
    raise Refused(node, f"{named(node)} cannot be a value", "write a number, a text in quotes, or a list of them")


# --- what scapy knows about a field


def layer_class(name: str) -> Any:
    """The class of scapy behind a name; the modules below it bring the bindings between layers."""
    for module in (L2, INET):
        importlib.import_module(module)
    return getattr(importlib.import_module(LAYERS[name]), name)


def bare(field: Any) -> list[Any]:
    """A field without its wrappers: each field it may turn into."""
    if hasattr(field, "flds"):  # asked first: such a field has a fld as well, its default
        return [inner for option in (field.dflt, *(row[0] for row in field.flds)) for inner in bare(option)]
    if hasattr(field, "fld"):
        return bare(field.fld)
    return [field]


def address_kinds(field: Any) -> frozenset[str]:
    """Which addresses a field holds, of IPv4, IPv6 and Ethernet; none when it holds no address."""
    from scapy.fields import FieldListField, IP6Field, IPField, MACField
    from scapy.layers.inet6 import IP6ListField

    holds = {"IPv4": IPField, "IPv6": (IP6Field, IP6ListField), "Ethernet": MACField}
    inner = [one.field if isinstance(one, FieldListField) else one for one in bare(field)]
    return frozenset(kind for kind, classes in holds.items() if any(isinstance(one, classes) for one in inner))


def takes_list(field: Any) -> bool:
    """True when a list is one value of this field, not several packets."""
    return any(one.islist for one in bare(field))


def fits(field: Any, value: object) -> bool:
    """False for a number that the field cannot hold, which scapy would cut down or blow up without a word."""
    from scapy.fields import BitField, PacketField, PacketListField, StrField, ThreeBytesField

    parts = value if isinstance(value, list | tuple) else [value]
    if any(isinstance(part, int) for part in parts) and any(
        isinstance(one, (PacketField, PacketListField, StrField)) for one in bare(field)
    ):
        return False  # scapy would take a number for as many octets
    widths = [abs(one.size) for one in bare(field) if isinstance(one, BitField)]
    widths += [24 for one in bare(field) if isinstance(one, ThreeBytesField)]
    return not (isinstance(value, int) and widths and not 0 <= value < 1 << max(widths))


# --- layers -> packets


def check_count(layers: Sequence[Layer], most: int) -> None:
    """Refuse more than `most` packets, at the field that makes them too many."""
    count = 1
    for one in layers:
        for field in one.fields:
            count *= sum(size(choice) for choice in field.choices)
            if count > most:
                number = f"{count:,}" if count < 10**12 else "more than 10**12"
                raise Refused(
                    field.node,
                    f"with {one.name}.{field.name} these are {number} packets",
                    f"at most {most:,} are made at once: write a smaller range",
                )


def size(choice: Choice) -> int:
    """How many values a choice stands for; len() cannot count IPv6 addresses."""
    match choice:
        case Addresses(low, high):
            return int(high) - int(low) + 1
        case range():
            return (choice.stop - choice.start + choice.step - 1) // choice.step
    return 1


def values_of(choice: Choice) -> list[object]:
    """Every value of a choice, once they have been counted."""
    match choice:
        case Addresses(low, high):
            return [str(type(low)(number)) for number in range(int(low), int(high) + 1)]
        case range():
            return list(choice)
    return [choice.value]


def combinations(layers: Sequence[Layer]) -> Iterator[Rows]:
    """The values of each packet; the outermost layer's last declared field changes slowest, as in scapy."""
    turning = [(depth, field) for depth, one in enumerate(layers) for field in reversed(one.fields)]
    columns = [[value for choice in field.choices for value in values_of(choice)] for _, field in turning]
    for chosen in itertools.product(*columns):
        rows: Rows = [{} for _ in layers]
        for (depth, field), value in zip(turning, chosen, strict=True):
            rows[depth][field.name] = value
        yield rows


def build(layers: Sequence[Layer], rows: Rows, largest: int, complaints: list[str]) -> bytes:
    """One packet as bytes; a field that scapy warns about or would cut down is refused too."""
    for one, row in zip(layers, rows, strict=True):
        known = {field.name: field for field in one.kind.fields_desc}
        for field in one.fields:
            if not fits(known[field.name], row[field.name]):
                raise Refused(
                    field.node,
                    f"{brief(row[field.name])} does not fit into {one.name}.{field.name}",
                    "write a number the field has room for",
                )
    data, why = attempt(layers, rows, complaints)
    if why:
        label, node = culprit(layers, rows, complaints)
        raise Refused(node, f"scapy cannot build {label}: {why}", "change the value, or leave the field out")
    if len(data) > largest:
        raise Refused(layers[-1].node, f"the packet has {len(data)} octets", f"an IP packet has at most {LARGEST}")
    return data


def attempt(layers: Sequence[Layer], rows: Rows, complaints: list[str]) -> tuple[bytes, str]:
    """The packet, and what scapy said against it."""
    complaints.clear()
    try:
        data = assemble(layers, rows)
    except SCAPY_REFUSES as error:
        lines = [line for line in str(error).splitlines() if "RawVal" not in line]  # advice for writing Python
        return b"", " ".join(lines) or type(error).__name__
    return data, complaints[0] if complaints else ""


def assemble(layers: Sequence[Layer], rows: Rows) -> bytes:
    """The layers put into one another, from the innermost out, and written."""
    packet: Any = None
    for one, row in reversed(list(zip(layers, rows, strict=True))):
        given = {name: value for name, value in row.items() if value is not None}
        outer = one.kind(**{**FILLED.get(one.name, {}), **given})
        if packet is not None:
            outer.add_payload(packet)
        packet = outer
    return bytes(packet)


def culprit(layers: Sequence[Layer], rows: Rows, complaints: list[str]) -> tuple[str, ast.AST]:
    """The first field that scapy does not take by itself, else the packet as a whole."""
    for one, row in zip(layers, rows, strict=True):
        alone = attempt([one], [{}], complaints)[1]  # some layers complain by themselves, whatever the field
        for field in one.fields:
            if attempt([one], [{field.name: row[field.name]}], complaints)[1] not in ("", alone):
                return f"{one.name}.{field.name}", field.node
    return "this packet", layers[0].node


@contextmanager
def silence() -> Iterator[list[str]]:
    """Collect what scapy says about packets instead of printing it; what it says while loading is dropped."""
    heard: list[str] = []

    def listen(record: logging.LogRecord) -> bool:
        if record.name == "scapy.runtime" and record.levelno >= logging.WARNING:
            heard.append(record.getMessage())
        return False

    loggers = [logging.getLogger(name) for name in ("scapy", "scapy.runtime", "scapy.loading", "scapy.interactive")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.filters.insert(0, listen)  # before scapy's own filter, which drops what is said twice
        try:
            yield heard
        finally:
            for logger in loggers:
                logger.filters.remove(listen)


# --- what to say, and where


def meant(name: str, known: Iterable[str]) -> str:
    """The question whether something known was meant, when something looks like the name."""
    by_lower = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"did you mean {by_lower[near[0]]}?" if near else ""


def named(node: ast.AST) -> str:
    """What a piece of Python is, in words."""
    return brief(node.value) if isinstance(node, ast.Constant) else REFUSED.get(type(node), "this")


def brief(value: object) -> str:
    """A value as it is written, when it is short; numbers of thousands of digits cannot even be written."""
    if isinstance(value, int) and value.bit_length() > 128:
        return "a huge number"
    return repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:57]}..."


def column_of(expression: str, at: ast.AST | int) -> int:
    """Where a node begins, in characters; Python counts lines, and octets within a line."""
    if isinstance(at, int):
        return at
    text = expression.lstrip()
    start = start_of_line(text, getattr(at, "lineno", 1))
    before = text[start:].encode()[: getattr(at, "col_offset", 0)].decode()
    return len(expression) - len(text) + start + len(before)


def start_of_line(text: str, line: int) -> int:
    """The offset of a line; lines end where Python's grammar ends them."""
    ends = [0, *(found.end() for found in re.finditer(r"\r\n|\r|\n", text))]
    return ends[min(line, len(ends)) - 1]


def excerpt(expression: str, column: int, width: int = 60) -> str:
    """The part of the expression around a column, on one line, with a caret below it."""
    low = max(0, column - width // 2)
    piece = expression[low : low + width]
    clean = "".join(sign if sign.isprintable() else " " if sign.isspace() else "?" for sign in piece)
    before, after = "..." if low else "", "..." if low + width < len(expression) else ""
    return f"    {before}{clean}{after}\n    {' ' * (len(before) + column - low)}^"
