"""Adding packets up, rule by rule."""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives: they are two for every array.

from engine.kernels import kernel


@kernel
def count_rules(rule, time, length, n, none, packets, octets, first, last):
    """Add n packets to the counters of the rules they matched; slot `none` counts those without a rule.

    rule  i4[n]    time  i8[n]    length  u4[n]    packets, octets, first, last  i8[none + 1]
    """
    for p in range(n):
        r = rule[p] + 0
        if r < 0:
            r = none
        when = time[p]
        if packets[r] == 0 or when < first[r]:
            first[r] = when
        if packets[r] == 0 or when > last[r]:
            last[r] = when
        packets[r] += 1
        octets[r] += length[p]


@kernel
def sum_up(length, time, n, total):
    """total[0:3] = octets of n frames on the wire, the earliest time, the latest; n is not 0.

    length  u4[n]    time  i8[n]    total  i8[3]
    """
    octets = 0
    first = last = time[0] + 0
    for p in range(n):
        octets += length[p]
        first = min(first, time[p] + 0)
        last = max(last, time[p] + 0)
    total[0] = octets
    total[1] = first
    total[2] = last


@kernel
def tally(code, n, total):
    """total[c] += how many of n packets have code c.

    code  u1[n]    total  i8[codes]
    """
    for p in range(n):
        total[code[p]] += 1


@kernel
def leading(code, n):
    """How many of n packets, from the first on, have the code of the first.

    code  i4[n]
    """
    for p in range(n):
        if code[p] != code[0]:
            return p
    return n


@kernel
def inside(time, low, high, p, n):
    """The first run of packets, from p on, with low <= time < high: (its first packet, the one behind it).

    time  i8[n]
    """
    while p < n and not low <= time[p] < high:
        p += 1
    first = p
    while p < n and low <= time[p] < high:
        p += 1
    return first, p
