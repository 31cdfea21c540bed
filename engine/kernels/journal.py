"""What is to be told of a batch, in the order of its packets, as columns for text; and what limits hold back of it.

Kinds: SIMULATED, BLOCKED, DECIDED, which is also their order on one leg. The numbers are those of engine.journal.
"""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives: they are two for every array.

from engine.fields import COLUMN
from engine.kernels import kernel
from engine.kernels.journey import FORWARD

SIMULATED, BLOCKED, DECIDED = range(3)
NEVER = 2**63 - 1
INTERFACE, IPV6, DIRECTION, ROUTED = 8, 4, 2, 1  # what each counts for in a place
FIELD, TIME, RULE, PLACE, BY_PROTOCOL, LEG, PASSED, SECURITY, NOTHING = range(9)  # what a column of `fill` is
PROTO, VERSION = COLUMN["proto"], COLUMN["version"]


@kernel
def list_told(
    packet0, simulate0, block0, rule0, m0, packet1, simulate1, block1, rule1, m1, tell_simulate, tell_block, tell_rule,
    leg, packet, rule, kind,
):  # fmt: skip
    """List what rules tell of packets: by packet, leg, kind; returns how many.

    packet0, simulate0, block0, rule0  i4[m0], of the first leg; then of the second    tell_*  u1[rules], may the rule
    tell    leg  u1, packet  i4, rule  i4, kind  u1  [3 * (m0 + m1)]  results
    """
    told = i = j = 0
    while i < m0 or j < m1:
        if j >= m1 or (i < m0 and packet0[i] <= packet1[j]):
            one, at, simulate, block, decided = 0, packet0[i] + 0, simulate0[i] + 0, block0[i] + 0, rule0[i] + 0
            i += 1
        else:
            one, at, simulate, block, decided = 1, packet1[j] + 0, simulate1[j] + 0, block1[j] + 0, rule1[j] + 0
            j += 1
        if simulate >= 0 and tell_simulate[simulate]:
            leg[told] = one
            packet[told] = at
            rule[told] = simulate
            kind[told] = SIMULATED
            told += 1
        if block >= 0 and tell_block[block]:
            leg[told] = one
            packet[told] = at
            rule[told] = block
            kind[told] = BLOCKED
            told += 1
        if decided >= 0 and tell_rule[decided]:
            leg[told] = one
            packet[told] = at
            rule[told] = decided
            kind[told] = DECIDED
            told += 1
    return told


@kernel
def times_of(time, packet, n, out):
    """out[i] = the time of the packet of entry i.

    time  i8[packets]    packet  i4[n]    out  i8[n]
    """
    for i in range(n):
        out[i] = time[packet[i]]


@kernel
def fill(
    packet, leg, rule, kind, first, n, time, value, packets, hook, arrival, departure, zones, plan, columns, fields,
    unknown, cells,
):  # fmt: skip
    """cells[c * n + i] = what column c of `columns` says of entry first + i, for n entries.

    packet, rule  i4    leg, kind  u1    entries, as list_told has them
    time  i8[packets]    value  u4[columns*packets]    hook  u1[packets]    arrival, departure  i4[packets]
    zones  i4[interfaces]    plan  i8[2*columns], of each what it is, a number from FIELD on, and of what
    fields, unknown  i8[257*k], of BY_PROTOCOL: the column that a protocol has, or -1, and its unknown value
    cells  i8[columns*n]  result
    """
    for c in range(columns):
        what = plan[2 * c]
        of = plan[2 * c + 1]
        at = c * n
        if what == FIELD:
            for i in range(n):
                cells[at + i] = value[of * packets + packet[first + i]]
        elif what == TIME:
            for i in range(n):
                cells[at + i] = time[packet[first + i]]
        elif what == RULE:
            for i in range(n):
                cells[at + i] = 2 * rule[first + i] + (1 if kind[first + i] == SIMULATED else 0)
        elif what == BY_PROTOCOL:
            for i in range(n):
                p = packet[first + i] + 0
                one = of + value[PROTO * packets + p]
                column = fields[one] + 0
                found = value[max(column, 0) * packets + p] + 0
                found = -1 if found == unknown[one] else found
                cells[at + i] = -2 if column < 0 else found
        elif what == LEG:
            for i in range(n):
                cells[at + i] = leg[first + i]
        elif what == PASSED:
            for i in range(n):
                cells[at + i] = 1 if hook[packet[first + i]] == FORWARD else 0
        elif what == SECURITY:
            for i in range(n):
                p = packet[first + i] + 0
                interface = departure[p] if leg[first + i] else arrival[p]
                cells[at + i] = zones[interface] if interface >= 0 else 0
        elif what == PLACE:
            for i in range(n):
                p = packet[first + i] + 0
                came = arrival[p] + 0
                went = departure[p] + 0
                out = leg[first + i] + 0
                place = INTERFACE * ((went if out else came) + 1) + DIRECTION * out
                place += ROUTED if hook[p] == FORWARD else 0
                cells[at + i] = place + (IPV6 if value[VERSION * packets + p] == 6 else 0)


@kernel
def hold_back(
    time, rule, kind, n, first, count, interval, limit, created, expires, credit, refilled, suppressed, since,
    keep, report_before, report_of, report_time, report_count,
):  # fmt: skip
    """Which entries the limits of their rules let through, and the reports due meanwhile; returns how many reports.

    A rule has credit for `limit` entries an interval, at most those of one saved up. What it holds back is reported
    at the
    end of the interval, counted from `created`, or when it expires; by the time of the first entry that is so late.

    time  i8[n]    rule  i4[n]    kind  u1[n]    first, count  rules first .. first + count - 1 have limits
    limit, created, expires  i8[count]; limit 0 is none    credit, refilled, suppressed, since  i8[count], changed
    keep  u1[n]    report_before, report_of, report_time, report_count  i8[n + count], by place and time: results
    """
    reports = 0
    due = NEVER
    for r in range(count):
        if suppressed[r]:
            end = created[r] + ((since[r] - created[r]) // interval + 1) * interval
            due = min(due, end, expires[r])
    for i in range(n):
        now = time[i]
        while now >= due:  # one report after the other, the earliest first; of equal ones the first rule's
            soonest = -1
            when = NEVER
            after = NEVER
            for r in range(count):
                if suppressed[r]:
                    end = created[r] + ((since[r] - created[r]) // interval + 1) * interval
                    end = min(end, expires[r])
                    if end < when:
                        after = when
                        when = end
                        soonest = r
                    elif end < after:
                        after = end
            report_before[reports] = i
            report_of[reports] = soonest
            report_time[reports] = when
            report_count[reports] = suppressed[soonest]
            suppressed[soonest] = 0
            reports += 1
            due = after
        keep[i] = 1
        if kind[i] == DECIDED:
            continue
        r = rule[i] - first
        if limit[r] == 0:
            continue
        if refilled[r] - now > interval:  # packets of the past: another time
            refilled[r] = now
        elif now > refilled[r]:
            credit[r] = min(interval, credit[r] + now - refilled[r])
            refilled[r] = now
        cost = interval // limit[r]
        if credit[r] >= cost:
            credit[r] -= cost
            continue
        keep[i] = 0
        if suppressed[r] == 0:
            since[r] = now
            end = created[r] + ((now - created[r]) // interval + 1) * interval
            due = min(due, end, expires[r])
        suppressed[r] += 1
    return reports


@kernel
def keep_only(keep, n, leg, packet, rule, kind):
    """Entries that are kept, moved together; returns how many. All arrays are of n entries."""
    m = 0
    for i in range(n):
        if keep[i]:
            leg[m] = leg[i]
            packet[m] = packet[i]
            rule[m] = rule[i]
            kind[m] = kind[i]
            m += 1
    return m
