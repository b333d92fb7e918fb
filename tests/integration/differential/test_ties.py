"""Elements of equal weight, where C's sort decides which comes first: the same order in both servers, and the same choice."""
import random

import pytest


@pytest.mark.parametrize("n,ways", [(5, 2), (8, 1), (30, 3), (100, 4), (100, 1), (120, 60)])
def test_members_at_one_place(pair, n, ways):
    """GEO with COUNT picks by distance; with many members at one distance the algorithm picks.

    A ziplist gives both servers the members in one order, that of scores and names.
    """
    rnd = random.Random(n)
    commands = [["CONFIG", "SET", "zset-max-ziplist-entries", "1000"], ["DEL", "g"]]
    for i in range(n):
        commands.append(["GEOADD", "g", "%.3f" % (13 + rnd.randrange(ways) / 100), "38.1", "m%d" % i])
    for count in (1, 2, n // 2, n - 1, n, n + 1):
        for order in ([], ["ASC"], ["DESC"]):
            commands.append(["GEORADIUS", "g", "13", "38", "500", "km", "COUNT", str(count), *order])
            commands.append(["GEOSEARCH", "g", "FROMLONLAT", "13", "38", "BYBOX", "500", "500", "km", "COUNT", str(count), *order])
            commands.append(["GEORADIUSBYMEMBER", "g", "m0", "500", "km", "COUNT", str(count), "WITHDIST", *order])
    commands.append(["CONFIG", "SET", "zset-max-ziplist-entries", "8"])
    real, ours = pair.both(commands)
    for command, r, o in zip(commands, real, ours):
        assert r == o, command


@pytest.mark.parametrize("n,ways", [(5, 2), (8, 1), (30, 3), (100, 4), (100, 1), (120, 60)])
def test_sort_by_equal_words(pair, n, ways):
    """SORT BY ... ALPHA compares the words behind the elements; LIMIT sorts only what it shows."""
    rnd = random.Random(n)
    commands = [["FLUSHALL"]]
    commands += [["RPUSH", "l", str(i)] for i in range(n)]
    commands += [["SET", "w_%d" % i, "word%d" % rnd.randrange(ways)] for i in range(n) if i % 7]         # some have none
    for start, count in ((0, 1), (0, 3), (2, n // 2), (n // 2, 3), (n - 2, 5), (0, n), (0, -1)):
        for desc in ([], ["DESC"]):
            commands.append(["SORT", "l", "BY", "w_*", "ALPHA", "LIMIT", str(start), str(count), *desc])
            commands.append(["SORT", "l", "BY", "w_*", "ALPHA", "LIMIT", str(start), str(count), *desc, "STORE", "k"])
            commands.append(["LRANGE", "k", "0", "-1"])
            commands.append(["SORT", "l", "BY", "nosuch_*", "LIMIT", str(start), str(count), *desc])
    real, ours = pair.both(commands)
    for command, r, o in zip(commands, real, ours):
        assert r == o, command
