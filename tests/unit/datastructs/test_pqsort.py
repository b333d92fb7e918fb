"""pqsort: sorted where it must be, and equal elements where C's swaps leave them."""
import pytest
from hypothesis import given, strategies as st

from datastructs.pqsort import pqsort


def by_key(a, b):
    return (a[0] > b[0]) - (a[0] < b[0])


def made(n, keys, seed):
    """Elements (key, place) with keys of a generator that C has, too."""
    v = []
    for i in range(n):
        seed = seed * 1103515245 + 12345 & 0xffffffff
        v.append(((seed >> 16) % keys, i))
    return v


# What pqsort.c, compiled alone, makes of made(n, keys, seed), for lrange..rrange.
@pytest.mark.parametrize("n,keys,lrange,rrange,seed,places", [
    (8, 2, 0, 2, 1, "1 6 0 4 5 7 2 3"),
    (20, 3, 5, 9, 2, "6 16 8 19 4 12 10 3 7 9 0 14 5 13 1 15 2 17 18 11"),
    (45, 4, 0, 9, 3, "42 16 17 23 19 22 21 29 8 26 3 24 39 5 15 44 2 6 10 12 13 14 27 28 31 37 40 41 43 7 30 1 32 33 34 35 36 0 20 "
                     "18 11 25 9 38 4"),
    (60, 1, 10, 20, 4, " ".join(map(str, [59, *range(1, 59), 0]))),
])
def test_as_c(n, keys, lrange, rrange, seed, places):
    v = made(n, keys, seed)
    pqsort(v, by_key, lrange, rrange)
    assert [place for _, place in v] == list(map(int, places.split()))


@given(st.lists(st.integers(0, 20), max_size=200), st.data())
def test_the_range_is_sorted(keys, data):
    lrange = data.draw(st.integers(0, max(0, len(keys) - 1)))
    rrange = data.draw(st.integers(lrange, max(lrange, len(keys) - 1)))
    v = [(key, place) for place, key in enumerate(keys)]
    pqsort(v, by_key, lrange, rrange)
    assert [key for key, _ in v[lrange:rrange + 1]] == sorted(keys)[lrange:rrange + 1]
    assert sorted(v) == sorted((key, place) for place, key in enumerate(keys))


def test_a_killer_input_does_not_recurse():
    """A sorted, a reversed and an organ-pipe array: recursion as deep as the array would end in RecursionError."""
    for keys in (range(20000), range(20000, 0, -1), [*range(10000), *range(10000, 0, -1)]):
        v = [(key, 0) for key in keys]
        pqsort(v, by_key, 0, len(v) - 1)
        assert v == sorted(v)
