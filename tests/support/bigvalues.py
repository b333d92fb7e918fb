"""bigvalues.py - every command that looks at a part of a value, timed on values of 100 MB or 100,000 elements, ours beside C.

    python -m tests.support.bigvalues [--bytes 100000000] [--elements 100000]

Prints a table of microseconds, the best of some rounds; without the real server only ours.  CASES and build() are also what
the test of growth takes (tests/unit/server/types/test_big_values.py): each of these commands is O(1), O(log n) or O(what it
replies) in C, and must not take longer on a bigger value here.
"""
import argparse
import time

from tests.support.server import real_server_path, start_server

BATCH = 1000

#: One case a line: commands that leave the value as they found it, or nearly so.  s: string of n bytes; l, h, st, z, x: list, hash,
#: set, sorted set, stream of n elements; i: intset; tiny: a set of three.
CASES = [[command.split() for command in line.split(" ; ")] for line in """\
STRLEN s
GETRANGE s 10 20
GETRANGE s -20 -10
SUBSTR s 10 20
SETRANGE s 10 abc
APPEND s x
GETBIT s 100
SETBIT s 100 1
BITCOUNT s 10 20
BITCOUNT s -20 -10
BITPOS s 1
BITPOS s 0
BITPOS s 1 10
BITPOS s 0 -10 -1
BITFIELD s GET u8 5 SET u8 5 1 INCRBY i16 #3 1
BITFIELD_RO s GET u8 5
SET s x NX
TYPE s
OBJECT ENCODING s
EXPIRE s 1000 ; PERSIST s
RENAME s s2 ; RENAME s2 s
MOVE s 1 ; SELECT 1 ; MOVE s 0 ; SELECT 0
MEMORY USAGE s
LLEN l
LINDEX l 0
LINDEX l -1
LINDEX l 100
LRANGE l 0 10
LRANGE l -10 -1
LRANGE l 100 110
LPUSH l x ; LPOP l
RPUSH l x ; RPOP l
LPUSH l x x x x ; LPOP l 4
LSET l 5 e5
LINSERT l BEFORE e0 x ; LREM l 1 x
LPOS l e5
LREM l 1 e0 ; LPUSH l e0
LTRIM l 0 -1
RPOPLPUSH l l
LMOVE l l LEFT RIGHT
BLPOP l 0 ; LPUSH l e0
SORT l BY nosort LIMIT 0 10
MEMORY USAGE l
RENAME l l2 ; RENAME l2 l
HLEN h
HGET h e5
HMGET h e5 e6
HEXISTS h e5
HSTRLEN h e5
HSET h e5 v
HSETNX h e5 v
HDEL h e5 ; HSET h e5 v
HINCRBY h counter 1
HINCRBYFLOAT h float 1.5
HRANDFIELD h
HRANDFIELD h 5
HRANDFIELD h -5 WITHVALUES
HSCAN h 0 COUNT 10
MEMORY USAGE h
SCARD st
SISMEMBER st e5
SMISMEMBER st e5 e6
SADD st e5
SREM st e5 ; SADD st e5
SPOP st ; SADD st e5
SRANDMEMBER st
SRANDMEMBER st 5
SRANDMEMBER st -5
SSCAN st 0 COUNT 10
SMOVE st st2 e5 ; SMOVE st2 st e5
SINTER tiny st
SDIFF tiny st
MEMORY USAGE st
SCARD i
SISMEMBER i 5
SADD i 5
SRANDMEMBER i
SRANDMEMBER i 5
SRANDMEMBER i -5
SINTER tiny i
MEMORY USAGE i
ZCARD z
ZSCORE z e5
ZMSCORE z e5 e6
ZRANK z e5
ZREVRANK z e5
ZADD z 5 e5
ZINCRBY z 0 e5
ZREM z e5 ; ZADD z 5 e5
ZCOUNT z 10 100
ZLEXCOUNT z - [e5
ZRANGE z 0 10
ZRANGE z -10 -1 WITHSCORES
ZREVRANGE z 0 10
ZRANGE z 10 20 BYSCORE
ZRANGEBYSCORE z -inf +inf LIMIT 0 10
ZREVRANGEBYSCORE z +inf -inf LIMIT 0 10
ZRANGEBYLEX z - + LIMIT 0 10
ZRANGESTORE z2 z 0 10
ZPOPMIN z ; ZADD z 0 e0
ZPOPMAX z ; ZADD z 1000000 last
ZREMRANGEBYRANK z 0 0 ; ZADD z 0 e0
ZREMRANGEBYSCORE z 0 0 ; ZADD z 0 e0
ZRANDMEMBER z
ZRANDMEMBER z 5
ZRANDMEMBER z -5 WITHSCORES
ZSCAN z 0 COUNT 10
ZINTER 2 tiny z
GEOPOS z e5
SORT z BY nosort LIMIT 0 10
MEMORY USAGE z
XLEN x
XRANGE x - + COUNT 5
XRANGE x 5 5
XREVRANGE x + - COUNT 5
XREAD COUNT 5 STREAMS x 0
XADD x * f v
XADD x MAXLEN ~ 1000000 * f v
XDEL x 5-0 ; XDEL x 5-0
XTRIM x MAXLEN 1000000
XINFO STREAM x
XINFO STREAM x FULL COUNT 5
XREADGROUP GROUP g c COUNT 5 STREAMS x >
XREADGROUP GROUP g c COUNT 5 STREAMS x 0
XPENDING x g - + 5
XPENDING x g
XACK x g 6-0
XCLAIM x g d 0 7-0
XAUTOCLAIM x g d 0 0 COUNT 5
XINFO GROUPS x
MEMORY USAGE x
RANDOMKEY
SCAN 0 COUNT 10""".split("\n")]


def build(execute, nbytes, nelements):
    """Make the values; `execute` takes the words of a command."""
    execute("CONFIG", "SET", "set-max-intset-entries", "1000000")
    step = 10000000
    for at in range(0, nbytes, step):
        execute("APPEND", "s", b"\0\xff" * (min(step, nbytes - at) // 2))
    execute("SADD", "tiny", "1", "2", "e3")
    for at in range(0, nelements, BATCH):
        numbers = range(at, min(at + BATCH, nelements))
        execute("RPUSH", "l", *["e%d" % n for n in numbers])
        execute("SADD", "st", *["e%d" % n for n in numbers])
        execute("SADD", "i", *map(str, numbers))
        execute("HSET", "h", *[word for n in numbers for word in ("e%d" % n, "v")])
        execute("ZADD", "z", *[word for n in numbers for word in (str(n), "e%d" % n)])
        for n in numbers:
            execute("XADD", "x", "%d-0" % (n + 1), "f", "v")
            if n % 10 == 0:
                execute("SET", "key:%d" % n, "v")
    execute("XGROUP", "CREATE", "x", "g", "0")


def best_time(execute, commands, rounds):
    """Run the commands of a case `rounds` times -> the shortest time in seconds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for command in commands:
            execute(*command)
        best = min(best, time.perf_counter() - start)
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bytes", type=int, default=100000000)
    parser.add_argument("--elements", type=int, default=100000)
    args = parser.parse_args()
    columns = []
    for real in (False, True):
        if real and real_server_path() is None:
            continue
        with start_server(real=real) as s, s.resp(timeout=120) as c:
            build(c.execute, args.bytes, args.elements)
            columns.append([best_time(c.execute, case, 5) for case in CASES])
    print("| command | ours, us | C, us | ratio |\n|---|---|---|---|")
    for n, case in enumerate(CASES):
        times = [column[n] * 1e6 for column in columns]
        print("| %s | %s |" % ("; ".join(" ".join(words) for words in case), " | ".join(
            ["%.0f" % t for t in times] + (["%.1f" % (times[0] / times[1])] if len(times) == 2 else []))))


if __name__ == "__main__":
    main()
