"""Hello messages of every kind, good and mutated, said to a real Sentinel and to ours: both come to the same state.

AEREDIS_SENTINEL_FUZZ=20000 sends so many; AEREDIS_SEED=n sends others.  What the real one does not survive is left out.
"""
import os
import random
import re

import pytest

from tests.integration.differential.test_sentinel import Both, masked
from tests.support.resp import RespError
from tests.support.sentinel import as_map, sentinel_lines, start_sentinel
from tests.support.server import free_port, real_server_path

pytestmark = pytest.mark.skipif(real_server_path() is None, reason="no real server at hand")

MESSAGES = int(os.environ.get("AEREDIS_SENTINEL_FUZZ", 400))
SEED = int(os.environ.get("AEREDIS_SEED", "1"))
MASTERS = [b"one", b"two"]

IPS = [b"10.9.8.7", b"10.9.8.6", b"127.0.0.1", b"::1", b"fe80::1", b"nosuch", b"", b"256.1.1.1", b"10.1", b" 10.9.8.7", b"0x7f.1",
       b"10.9.8.7\n", b"\xff\xfe", b"x" * 300]
PORTS = [b"1", b"2", b"65535", b"65536", b"0", b"-1", b"", b"x", b" 3", b"4x", b"4294967297", b"99999999999999999999", b"+5", b"0x10"]
RUNIDS = [b"b" * 40, b"c" * 40, b"B" * 40, b"d" * 39, b"e" * 41, b"", b"f", b"r\nsentinel parallel-syncs one 77", b"\xff" * 40, b"two words",
          b"g" * 40, b'"quoted"', b"h" * 500]
EPOCHS = [b"0", b"1", b"2", b"5", b"", b"x", b"-1", b"18446744073709551614", b"18446744073709551615", b"99999999999999999999999", b" 7",
          b"9z", b"0x9", b"-18446744073709551615"]
NAMES = MASTERS * 4 + [b"ONE", b"nosuch", b"", b"one "]


def hello(rnd):
    """Return a message: mostly of likely fields, sometimes mutated as bytes."""
    small = rnd.random() < 0.6           # most epochs are small, or the first large one would end all changes
    epochs = EPOCHS[:4] if small else EPOCHS
    fields = [rnd.choice(IPS[:4] if rnd.random() < 0.6 else IPS), rnd.choice(PORTS[:3] if rnd.random() < 0.6 else PORTS), rnd.choice(RUNIDS),
              rnd.choice(epochs), rnd.choice(NAMES), rnd.choice(IPS[:4] if small else IPS), rnd.choice(PORTS[:3] if small else PORTS),
              b"%d" % rnd.randrange(1, 1 << 20) if rnd.random() < 0.2 else rnd.choice(epochs)]
    chance = rnd.random()
    if chance < 0.05:
        del fields[rnd.randrange(8)]
    elif chance < 0.1:
        fields.insert(rnd.randrange(9), b"x")
    data = bytearray(b",".join(fields))
    for _ in range(rnd.choice((0, 0, 0, 1, 2, 5))):
        at = rnd.randrange(len(data) + 1)
        data[at:at + rnd.choice((0, 0, 1, 3))] = rnd.choice((b"\0", b",", b"\r\n", b"\n", b" ", b"%", b"\xff", b"", bytes([rnd.randrange(256)])))
    return bytes(data)


def state(c):
    """All that a Sentinel says of its masters."""
    said = [c.execute("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name) for name in MASTERS]
    for name in MASTERS:
        said.append(masked(c.execute("SENTINEL", "MASTER", name)))
        said.append(masked(c.execute("SENTINEL", "REPLICAS", name)))
        sentinels = masked(c.execute("SENTINEL", "SENTINELS", name))
        # Two Sentinels may have the same runid and name only in different masters.
        said.append(sorted(sentinels, key=lambda item: (item[b"name"], item[b"ip"], item[b"port"])))
    for item in said:
        for each in item if isinstance(item, list) else [item]:
            if isinstance(each, dict):
                # Who is reached, and when that is noticed, is a matter of time.
                each[b"flags"] = each[b"flags"].replace(b"s_down,", b"").replace(b",disconnected", b"")
    return said


def events(s):
    """The log of the process from its masters on, without times.

    A switch keeps the replicas in the order of a dict, whose hash has a seed of its own in every process: these lines are sorted.
    """
    lines = [re.sub(r"^\d+:X .{24} ", "", line) for line in s.log().splitlines()]
    start = max(i for i, line in enumerate(lines) if "+monitor master" in line)
    res, block = [], []
    for line in lines[start + 1:]:
        if not line.startswith(("* +slave ", "# Failed to resolve hostname")):
            res += sorted(block) + [line]
            block = []
        else:
            block.append(line)
    return res + sorted(block)


def ambiguous(c):
    """Has a master two Sentinels with one address?  Which of them the next message finds is chance: the order of a dict."""
    for name in MASTERS:
        addresses = [(item[b"ip"], item[b"port"]) for item in map(as_map, c.execute("SENTINEL", "SENTINELS", name))]
        if len(addresses) != len(set(addresses)):
            return True
    return False


def test_hello_messages_change_the_same(tmp_path):
    rnd = random.Random(SEED)
    dead = free_port(2)
    lines = ["monitor %s 127.0.0.1 %d 2" % (name.decode(), dead + i) for i, name in enumerate(MASTERS)]
    lines += ["down-after-milliseconds %s 3600000" % name.decode() for name in MASTERS] + ["myid " + "a" * 40]
    with start_sentinel(*lines, real=True) as real, start_sentinel(*lines) as ours:
        both = Both(real, ours, 2)
        sent = []
        for i in range(MESSAGES):
            message = hello(rnd)
            sent.append(message)
            try:
                assert both.clients[0].execute("PUBLISH", "__sentinel__:hello", message) == 1
            except (OSError, EOFError):
                break                    # the real one is dead
            assert both.clients[1].execute("PUBLISH", "__sentinel__:hello", message) == 1, (SEED, i, message)
            if i % 10 == 9 or i == MESSAGES - 1:
                states = [state(c) for c in both.clients]
                assert states[1] == states[0], (SEED, i, sent[-10:])
            if i % 100 == 59 or ambiguous(both.clients[1]):
                for name in MASTERS:
                    both("SENTINEL", "RESET", name.decode())
        else:
            assert events(ours) == events(real), SEED
        assert i > MESSAGES // 2, "seed %d: the real one has died of %r" % (SEED, sent[-1])

        # Whatever came, our file is one that loads, and says the same.  (RESET does not write it.)
        assert both.clients[1].execute("SENTINEL", "FLUSHCONFIG") == b"OK"
        before, lines = state(both.clients[1]), sentinel_lines(ours)
        for name in MASTERS:
            assert b"sentinel parallel-syncs %s 77" % name not in lines
        ours.kill9()
        ours.start()
        with ours.resp() as c:
            after = state(c)
            assert not isinstance(c.execute("SENTINEL", "MASTERS"), RespError)
        for kept in (b"name", b"ip", b"port", b"quorum", b"config-epoch", b"num-slaves", b"num-other-sentinels"):
            for was, now in zip(before, after):
                for a, b in zip(was, now) if isinstance(was, list) and was and isinstance(was[0], dict) else [(was, now)]:
                    if isinstance(a, dict):
                        assert a.get(kept) == b.get(kept), (SEED, kept, a, b)
        assert sentinel_lines(ours) == lines, SEED
