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
