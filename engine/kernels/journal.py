"""What is to be told of a batch, in the order of its packets, as columns for text; and what limits hold back of it.

Kinds: SIMULATED, BLOCKED, DECIDED, which is also their order on one leg. The numbers are those of engine.journal.
"""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives: they are two for every array.

from engine.kernels import kernel

SIMULATED, BLOCKED, DECIDED = range(3)
NEVER = 2**63 - 1
INTERFACE, VERSION, DIRECTION, ROUTED = 8, 4, 2, 1  # what each counts for in a place


@kernel
def list_told(
    packet0, simulate0, block0, rule0, m0, packet1, simulate1, block1, rule1, m1, tell_simulate, tell_block, tell_rule,
    leg, row, rule, kind,
):  # fmt: skip
    """List what rules tell of packets: by packet, leg, kind; returns how many.

    packet0, simulate0, block0, rule0  i4[m0], of the first leg; then of the second    tell_*  u1[rules], may the rule
    tell leg  u1, row  i4, rule  i4, kind  u1  [3 * (m0 + m1)]  results
    """
    told = i = j = 0
    while i < m0 or j < m1:
        if j >= m1 or (i < m0 and packet0[i] <= packet1[j]):
            one, at, simulate, block, decided = 0, i, simulate0[i] + 0, block0[i] + 0, rule0[i] + 0
            i += 1
        else:
            one, at, simulate, block, decided = 1, j, simulate1[j] + 0, block1[j] + 0, rule1[j] + 0
            j += 1
        if simulate >= 0 and tell_simulate[simulate]:
            leg[told] = one
            row[told] = at
            rule[told] = simulate
            kind[told] = SIMULATED
            told += 1
        if block >= 0 and tell_block[block]:
            leg[told] = one
            row[told] = at
            rule[told] = block
            kind[told] = BLOCKED
            told += 1
        if decided >= 0 and tell_rule[decided]:
            leg[told] = one
            row[told] = at
            rule[told] = decided
            kind[told] = DECIDED
            told += 1
    return told


@kernel
def times_of(time, packet0, packet1, leg, row, n, cells, at):
    """cells[at + i] = the time of the packet of entry i.

    time  i8[packets]    packet0, packet1  i4    leg  u1[n]    row  i4[n]    cells  i8
    """
    for i in range(n):
        cells[at + i] = time[packet1[row[i]] if leg[i] else packet0[row[i]]]


@kernel
def cells_of(value0, m0, value1, m1, leg, row, n, column, cells, at):
    """cells[at + i] = a column of the headers of entry i.

    value0  u4[columns*m0]    value1  u4[columns*m1]    leg  u1[n]    row  i4[n]    cells  i8
    """
    first0 = column * m0
    first1 = column * m1
    for i in range(n):
        cells[at + i] = value1[first1 + row[i]] if leg[i] else value0[first0 + row[i]]


@kernel
def by_protocol(value0, m0, value1, m1, leg, row, n, proto, which, unknown, cells, at):
    """cells[at + i] = the column that the protocol of entry i has there; -1 where it is unknown, -2 where there is
    none.

    value0, value1  u4    leg  u1[n]    row  i4[n]    proto  column of the protocol    which, unknown  i8[257]  by
    protocol: a column or -1, and its unknown value    cells  i8
    """
    for i in range(n):
        k = row[i] + 0
        one = value1[proto * m1 + k] + 0 if leg[i] else value0[proto * m0 + k] + 0
        column = which[one]
        found = -2
        if column >= 0:
            found = value1[column * m1 + k] + 0 if leg[i] else value0[column * m0 + k] + 0
            if found == unknown[one]:
                found = -1
        cells[at + i] = found


@kernel
def places_of(value0, m0, interface0, value1, m1, interface1, leg, row, n, version, routed, cells, at):
    """cells[at + i] = where the packet of entry i was: see the constants above.

    value0, value1  u4    interface0, interface1  i4, or -1    leg  u1[n]    row  i4[n]    cells  i8
    """
    for i in range(n):
        k = row[i] + 0
        if leg[i]:
            wide, passed, interface = value1[version * m1 + k] == 6, value1[routed * m1 + k] + 0, interface1[k] + 0
        else:
            wide, passed, interface = value0[version * m0 + k] == 6, value0[routed * m0 + k] + 0, interface0[k] + 0
        place = INTERFACE * (interface + 1) + passed * ROUTED
        if wide:
            place += VERSION
        if leg[i]:
            place += DIRECTION
        cells[at + i] = place


@kernel
def rules_of(rule, kind, n, cells, at):
    """cells[at + i] = twice the rule of entry i, and one more where it was only simulated.

    rule  i4[n]    kind  u1[n]    cells  i8
    """
    for i in range(n):
        cells[at + i] = 2 * rule[i] + (1 if kind[i] == SIMULATED else 0)


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
def keep_only(keep, n, leg, row, rule, kind):
    """Entries that are kept, moved together; returns how many. All arrays are of n entries."""
    m = 0
    for i in range(n):
        if keep[i]:
            leg[m] = leg[i]
            row[m] = row[i]
            rule[m] = rule[i]
            kind[m] = kind[i]
            m += 1
    return m
