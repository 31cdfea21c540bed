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
def in_order(time, length, n):
    """Whether n packets are in the order of time, and so short and few that `add_up` may add them.

    time  i8[n]    length  u4[n]
    """
    longest = 0
    back = False
    for p in range(1, n):
        back |= time[p] < time[p - 1]
        longest |= length[p] + 0
    return not back and n < 1 << 23 and n * (longest | length[0] + 0) < 1 << 40


@kernel
def add_up(rule, time, length, n, none, batch, packets, octets, first, last):
    """The same as count_rules, for many packets of which `in_order` is true: three times as fast.

    Row r + 1 of `batch` has, of rule r, packets (in steps of 2**40) and octets of the even packets and of the odd
    ones, which so need not wait for each other, and the last packet.
    rule  i4[n]    time  i8[n]    length  u4[n]    packets, octets, first, last  i8[none + 1]
    batch  i8[4*(none + 1)], whose sums are 0 before and after
    """
    for half in range(n // 2):
        p = 2 * half
        i = 4 * (rule[p] + 1 & 0xFFFFFFFF)
        j = 4 * (rule[p + 1] + 1 & 0xFFFFFFFF)
        batch[i] += 0x10000000000 + length[p]
        batch[j + 1] += 0x10000000000 + length[p + 1]
        batch[i + 2] = p
        batch[j + 2] = p + 1
    if n & 1:
        i = 4 * (rule[n - 1] + 1 & 0xFFFFFFFF)
        batch[i] += 0x10000000000 + length[n - 1]
        batch[i + 2] = n - 1
    earlier = 0
    for r in range(none + 1):
        i = 4 * (r + 1) if r < none else 0
        if batch[i] | batch[i + 1]:
            earlier |= packets[r] == 0 or time[0] < first[r]
    if earlier:  # some rule is new, or the batch is before what was counted: look for the first packets
        for back in range(n):
            p = n - 1 - back
            batch[4 * (rule[p] + 1 & 0xFFFFFFFF) + 3] = p
    for r in range(none + 1):
        i = 4 * (r + 1) if r < none else 0
        if batch[i] | batch[i + 1]:
            if packets[r] == 0 or time[0] < first[r]:
                begun = time[batch[i + 3]]
                first[r] = begun if packets[r] == 0 else min(begun, first[r] + 0)
            ended = time[batch[i + 2]]
            last[r] = ended if packets[r] == 0 else max(ended, last[r] + 0)
            packets[r] += (batch[i] >> 40) + (batch[i + 1] >> 40)
            octets[r] += (batch[i] & 0xFFFFFFFFFF) + (batch[i + 1] & 0xFFFFFFFFFF)
            batch[i] = 0
            batch[i + 1] = 0


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
