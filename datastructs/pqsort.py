"""pqsort.py - partial quicksort.                                Mirrors src/pqsort.c (6.2.14)

Lives here   pqsort: an array is sorted only as far as the places lrange..rrange need it.
Called from  sortCommand with BY and LIMIT; georadiusGeneric with COUNT [command].
State        none.
Invariant    the places lrange..rrange hold what a full sort would put there, in order; the rest is in no order.
Departures   indexes instead of pointers; a list of the parts to do instead of recursion, whose depth an input can choose.

Not stable: which of two equal elements comes first is decided by the swaps below, so they are C's, one by one.
"""


def med3(v, a, b, c, cmp):
    """Return the one of the places `a`, `b`, `c` whose element is in the middle."""
    if cmp(v[a], v[b]) < 0:
        return b if cmp(v[b], v[c]) < 0 else c if cmp(v[a], v[c]) < 0 else a
    return b if cmp(v[b], v[c]) > 0 else a if cmp(v[a], v[c]) < 0 else c


def vecswap(v, a, b, n):
    """Swap the `n` elements from `a` on with those from `b` on; they do not overlap."""
    v[a:a + n], v[b:b + n] = v[b:b + n], v[a:a + n]


def insertion_sort(v, a, n, cmp):
    for pm in range(a + 1, a + n):
        pl = pm
        while pl > a and cmp(v[pl - 1], v[pl]) > 0:
            v[pl], v[pl - 1] = v[pl - 1], v[pl]
            pl -= 1


def partition(v, a, n, cmp):
    """Split the `n` elements from `a` on by a pivot -> how many are smaller, how many are larger; these stand at the two ends.

    Bentley and McIlroy: elements equal to the pivot gather at both ends, and are swapped into the middle at last.
    """
    pm = a + n // 2
    if n > 7:
        pl = a
        pn = a + n - 1
        if n > 40:
            d = n // 8
            pl = med3(v, pl, pl + d, pl + 2 * d, cmp)
            pm = med3(v, pm - d, pm, pm + d, cmp)
            pn = med3(v, pn - 2 * d, pn - d, pn, cmp)
        pm = med3(v, pl, pm, pn, cmp)
    v[a], v[pm] = v[pm], v[a]
    pivot = v[a]
    pa = pb = a + 1
    pc = pd = a + n - 1
    while True:
        while pb <= pc:
            cmp_result = cmp(v[pb], pivot)
            if cmp_result > 0:
                break
            if cmp_result == 0:
                v[pa], v[pb] = v[pb], v[pa]
                pa += 1
            pb += 1
        while pb <= pc:
            cmp_result = cmp(v[pc], pivot)
            if cmp_result < 0:
                break
            if cmp_result == 0:
                v[pc], v[pd] = v[pd], v[pc]
                pd -= 1
            pc -= 1
        if pb > pc:
            break
        v[pb], v[pc] = v[pc], v[pb]
        pb += 1
        pc -= 1

    pn = a + n
    r = min(pa - a, pb - pa)
    vecswap(v, a, pb - r, r)
    r = min(pd - pc, pn - pd - 1)
    vecswap(v, pb, pn - r, r)
    return pb - pa, pd - pc


def _pqsort(v, a, n, cmp, lrange, rrange):
    """Sort the `n` elements from `a` on, but leave alone what lies outside lrange..rrange altogether."""
    parts = [(a, n)]
    while parts:
        a, n = parts.pop()
        if n < 7:
            insertion_sort(v, a, n, cmp)
            continue
        smaller, larger = partition(v, a, n, cmp)
        for start, count in ((a, smaller), (a + n - larger, larger)):
            if count > 1 and not (rrange < start or lrange > start + count - 1):
                parts.append((start, count))


def pqsort(v, cmp, lrange, rrange):
    """Bring the list `v` into the order of `cmp` (negative, 0, positive) at the places lrange..rrange, both included."""
    _pqsort(v, 0, len(v), cmp, lrange, rrange)
