"""From who owns what to the legs of each packet's journey, and from rules found to verdicts.

The numbers of hooks, verdicts and owners are those of engine.vantage and engine.judge.
"""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives: they are two for every array.

from engine.fields import COLUMN, PARTIAL
from engine.kernels import kernel

NONE, IN, OUT, FORWARD, LOOP = range(5)  # hooks
PERMITTED, DENIED, BLOCKED, UNFILTERED, UNJUDGED = range(5)  # verdicts

DIRECTION, ROUTED, ZONE = COLUMN["direction"], COLUMN["routed"], COLUMN["zone"]
IS_FRAGMENT = COLUMN["fragment"]


@kernel
def hooks(status, src, dst, n, shift, given, interfaces, hook, arrival, departure):
    """Where each packet meets the host, and which interfaces it crosses.

    status               u1[n]
    src, dst             i4[n]  (owner + 1 << shift) + route + 1, or -1 where neither is known. The owner of an address
                                is -1 nobody here, 0 the host, i + 1 its interface i, interfaces + 1 a group; the
                                route to it an interface, or -1
    given                the interface on which the packets came, or -1
    hook u1[n], arrival i4[n], departure i4[n]  results; -1 where no interface is crossed
    """
    fallback = given if given >= 0 else 0 if interfaces else -1
    group = interfaces + 1
    mask = (1 << shift) - 1
    for p in range(n):  # who sends what is not to be foreseen: there is nothing to be guessed here
        source = max(src[p] + 0, 0)  # an address nobody knows is as one without owner and route
        dest = max(dst[p] + 0, 0)
        owner_src = (source >> shift) - 1
        back = (source & mask) - 1
        owner_dst = (dest >> shift) - 1
        onward = (dest & mask) - 1
        from_here = owner_src >= 0
        to_group = owner_dst == group
        to_any = owner_dst >= 0
        to_here = to_any & (owner_dst != group)
        its = owner_src - 1 if owner_src > 0 else fallback
        leaves = its if (onward < 0) | (to_group & (owner_src > 0)) else onward
        comes = back if (given < 0) & (back >= 0) else fallback
        comes = owner_dst - 1 if (given < 0) & to_here & (owner_dst > 0) else comes
        last = onward if onward >= 0 else fallback
        met = LOOP if to_here else OUT
        met = met if from_here else IN if to_any else FORWARD
        met = NONE if status[p] > PARTIAL else met
        hook[p] = met
        arrival[p] = comes if (met == IN) | (met == FORWARD) else -1
        departure[p] = leaves if met == OUT else last if met == FORWARD else -1


@kernel
def pick(hook, one, other, verdict, n, packet):
    """List the packets at hook `one`, and those at hook `other` that are permitted so far; returns how many.

    hook  u1[n]    verdict  u1[n]    packet  i4[n]  result
    """
    m = 0
    for p in range(n):
        packet[m] = p
        m += (hook[p] == one) | ((hook[p] == other) & (verdict[p] == PERMITTED))
    return m


@kernel
def list_parts(hook, value, n, packet):
    """List the fragments that come in for this host or go out from it; returns how many.

    hook  u1[n]    value  u4[columns*n]    packet  i4[n]  result
    """
    m = 0
    for p in range(n):
        if value[IS_FRAGMENT * n + p] and (hook[p] == IN or hook[p] == OUT):
            packet[m] = p
            m += 1
    return m


@kernel
def gather(value, status, packet, n, m, columns, chosen, chosen_status):
    """Copy the rows of m listed packets.

    value  u4[columns*n]    status  u1[n]    packet  i4[m]
    chosen u4[columns*m]    chosen_status  u1[m]
    """
    for i in range(m):
        chosen_status[i] = status[packet[i]]
    for c in range(columns):
        for i in range(m):
            chosen[c * m + i] = value[c * n + packet[i]]


@kernel
def cross(hook, crossed, packet, zones, m, direction, interface, value):
    """Say in the columns of a leg what the host knows: direction, whether routed, zone; and the interface.

    hook  u1[n]    crossed  i4[n], interface per packet    packet  i4[m]    zones  i4[interfaces]
    interface  i4[m] and the context columns of value  u4[columns*m]  are written
    """
    for i in range(m):
        p = packet[i]
        j = crossed[p]
        interface[i] = j
        value[DIRECTION * m + i] = direction
        value[ROUTED * m + i] = 1 if hook[p] == FORWARD else 0
        value[ZONE * m + i] = zones[j] if j >= 0 else 0


@kernel
def decide(rule, block, simulate, deny, packet, m, verdict, overall):
    """From the rules found to a verdict per row of a leg and per packet.

    A block ends the search: no other rule is asked, and a simulation counts only if it stood before.
    rule, block, simulate  i4[m]    deny  u1[rules]    packet  i4[m]    verdict  u1[m]    overall  u1[n]
    """
    for i in range(m):
        if block[i] >= 0:
            rule[i] = -1
            if simulate[i] > block[i]:
                simulate[i] = -1
            verdict[i] = BLOCKED
        elif rule[i] < 0 or deny[rule[i]]:
            verdict[i] = DENIED
        else:
            verdict[i] = PERMITTED
        overall[packet[i]] = verdict[i]


@kernel
def start_verdicts(hook, n, verdict):
    """What is known before any rule is asked; packets with legs begin as permitted.

    hook  u1[n]    verdict  u1[n]
    """
    for p in range(n):
        verdict[p] = UNJUDGED if hook[p] == NONE else UNFILTERED if hook[p] == LOOP else PERMITTED


@kernel
def list_flagged(rule, flag, n, row):
    """List the rows whose rule has its flag set; returns how many.

    rule  i4[n]    flag  u1[rules]    row  i4[n]  result
    """
    m = 0
    for i in range(n):
        if rule[i] >= 0 and flag[rule[i]]:
            row[m] = i
            m += 1
    return m
