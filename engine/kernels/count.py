"""Adding packets up, rule by rule."""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives: they are two for every array.

from engine.kernels import kernel
from engine.kernels.walk import NO_TIME


@kernel
def count_rules(rule, time, length, begin, n, none, packets, octets, first, last):
    """Add packets `begin` to n - 1 to the counters of the rules they matched; slot `none` counts those without one.

    rule  i4[n]    time  i8[n]    length  u4[n]    packets, octets, first, last  i8[none + 1]
    """
    for p in range(begin, n):
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
def add_up(rule, time, length, n, none, batch, packets, octets, first, last):
    """The same as count_rules, three times as fast, for as many blocks of 2048 of the n packets as are in order of
    time and have less than 2**40 octets together; how many packets that is.

    Row r + 1 of `batch` has, of rule r, packets (in steps of 2**40) and octets of the even packets and of the odd
    ones, which so need not wait for each other, then the last packet and the first.
    rule  i4[n]    time  i8[n]    length  u4[n]    packets, octets, first, last  i8[none + 1]
    batch  i8[4*(none + 1)], whose sums are 0 before and after
    """
    total = 0
    done = 0
    back = 0
    for block in range(min(n, 1 << 22) // 2048):
        if block > 0:
            back += time[2048 * block] < time[2048 * block - 1]
        for q in range(1, 2048):
            p = 2048 * block + q
            back += time[p] < time[p - 1]
        for q in range(2048):
            p = 2048 * block + q
            total += length[p]
        if back != 0 or total >= 1 << 40:
            break
        for half in range(1024):
            p = 2048 * block + 2 * half
            i = 4 * (rule[p] + 1 & 0xFFFFFFFF)
            j = 4 * (rule[p + 1] + 1 & 0xFFFFFFFF)
            batch[i] += 0x10000000000 + length[p]
            batch[j + 1] += 0x10000000000 + length[p + 1]
            batch[i + 2] = p
            batch[j + 2] = p + 1
        done += 2048
    if done == 0:
        return done
    earlier = 0
    for r in range(none + 1):
        i = 4 * (r + 1) if r < none else 0
        if batch[i] | batch[i + 1] and (packets[r] == 0 or time[0] < first[r]):
            earlier = 1
            break
    if earlier != 0:  # some rule is new, or the batch is before what was counted: look for the first packets
        for behind in range(done):
            p = done - 1 - behind
            batch[4 * (rule[p] + 1 & 0xFFFFFFFF) + 3] = p
    for r in range(none + 1):
        i = 4 * (r + 1) if r < none else 0
        even = batch[i] + 0
        odd = batch[i + 1] + 0
        if even | odd:
            ended = time[batch[i + 2]] + 0
            if packets[r] == 0:
                first[r] = time[batch[i + 3]]
                last[r] = ended
            else:
                if time[0] < first[r]:
                    first[r] = min(time[batch[i + 3]] + 0, first[r] + 0)
                if ended > last[r]:
                    last[r] = ended
            packets[r] += (even >> 40) + (odd >> 40)
            octets[r] += (even & 0xFFFFFFFFFF) + (odd & 0xFFFFFFFFFF)
            batch[i] = 0
            batch[i + 1] = 0
    return done


@kernel
def sum_up(length, time, n, total):
    """total[0:4] = octets of n frames on the wire, the earliest time, the latest, how many frames have none.

    length  u4[n]    time  i8[n]    total  i8[4]; without any time the earliest is later than the latest
    """
    octets = untimed = 0
    first = 2**63 - 1
    last = NO_TIME
    for p in range(n):  # no branch: eight at a time
        octets += length[p]
        when = time[p] + 0
        last = max(last, when)
        untimed += when == NO_TIME
        first = min(first, when if when != NO_TIME else 2**63 - 1)
    total[0] = octets
    total[1] = first
    total[2] = last
    total[3] = untimed


@kernel
def untimed(time, n):
    """How many of n frames have no time.    time  i8[n]"""
    m = 0
    for p in range(n):
        m += time[p] == NO_TIME
    return m


@kernel
def date(time, n, before):
    """Give frames without a time that of the one before them; returns how many.    time  i8[n]"""
    m = 0
    for p in range(n):
        if time[p] == NO_TIME:
            time[p] = before
            m += 1
        before = time[p] + 0
    return m


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


@kernel
def rows_of(code, wanted, n, row):
    """List the packets with that code; returns how many there are.

    code  u1[n]    row  i4[n]
    """
    m = 0
    for p in range(n):
        if code[p] == wanted:
            row[m] = p
            m += 1
    return m
