"""server/fastpath/rdb_files.py beside persistence/rdb_save.py and rdb_load.py: files are equal byte by byte, and so is what is made of them."""
import contextlib
import errno
import io
import random
import re

import pytest
from hypothesis import given, settings, strategies as st

from datastructs.dict import dictCreate, dict_entries
from persistence import aof_rewrite, rdb_load, rdb_save, rio as rio_module
from persistence.rdb_h import RDBFLAGS_ALLOW_DUP, RDBFLAGS_AOF_PREAMBLE, RDBFLAGS_NONE
from persistence.rio import rio, rioInitWithBuffer, rioInitWithConn, rioInitWithFile
from server import rebind
from server.dict_types import dbDictType, dbExpiresDictType
from server.fastpath import rdb_files
from server.server_h import (
    C_OK, MAXMEMORY_ALLKEYS_LFU, MAXMEMORY_ALLKEYS_LRU, MAXMEMORY_NO_EVICTION, REDIS_VERSION, rdbSaveInfo, server, shared)
from tests.support.inprocess import InProcess

WORDS = st.one_of(
    st.sampled_from([b"", b"-", b"0", b"-1", b"12", b"012", b"99999", b"2147483648", b"-9223372036854775808", b"1\n", b"1_0", b"a" * 30]),
    st.integers(-2 ** 40, 2 ** 40).map(lambda n: b"%d" % n), st.binary(max_size=24), st.binary(min_size=40, max_size=150),
    st.text("abc", max_size=12).map(str.encode), st.integers(20, 400).map(lambda n: b"ab" * n))
KEYS = st.one_of(st.integers(0, 6).map(lambda n: b"key:%d" % n), st.sampled_from([b"", b"7", b"k" * 70, b"x" * 21, b"y" * 300]))
SOME = st.lists(WORDS, min_size=1, max_size=12)
NUMBERS = st.lists(st.integers(-70000, 70000).map(lambda n: b"%d" % n), min_size=1, max_size=12)
SCORES = st.floats(allow_nan=False).map(repr)
COMMANDS = st.lists(st.one_of(
    st.tuples(st.just("SET"), KEYS, WORDS), st.tuples(st.just("SET"), KEYS, WORDS), st.tuples(st.just("APPEND"), KEYS, WORDS),
    st.tuples(st.just("RPUSH"), KEYS, SOME), st.tuples(st.just("SADD"), KEYS, SOME), st.tuples(st.just("SADD"), KEYS, NUMBERS),
    st.tuples(st.just("HSET"), KEYS, st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=8)),
    st.tuples(st.just("ZADD"), KEYS, st.lists(st.tuples(SCORES, WORDS), min_size=1, max_size=8)),
    st.tuples(st.just("XADD"), KEYS, st.just("*"), WORDS, WORDS), st.tuples(st.just("XGROUP"), st.just("CREATE"), KEYS, st.just("g"), st.just("0")),
    st.tuples(st.just("XREADGROUP"), st.just("GROUP"), st.just("g"), st.just("c"), st.just("STREAMS"), KEYS, st.just(">")),
    st.tuples(st.just("PEXPIREAT"), KEYS, st.integers(2 ** 42, 2 ** 43)), st.tuples(st.just("SELECT"), st.sampled_from([0, 3])),
), max_size=30)
FIELDS = st.fixed_dictionaries({
    "maxmemory_policy": st.sampled_from([MAXMEMORY_NO_EVICTION] * 2 + [MAXMEMORY_ALLKEYS_LRU, MAXMEMORY_ALLKEYS_LFU]),
    "rdb_compression": st.sampled_from([0, 1]), "rdb_checksum": st.sampled_from([0, 1]),
    "hash_max_ziplist_entries": st.sampled_from([3, 512]), "zset_max_ziplist_entries": st.sampled_from([3, 128]),
    "set_max_intset_entries": st.sampled_from([3, 512]), "list_max_ziplist_size": st.sampled_from([-2, 2]),
    "list_compress_depth": st.sampled_from([0, 1]), "loading_process_events_interval_bytes": st.sampled_from([0, 300, 2097152])})
SIZES = st.fixed_dictionaries({"MAX_FIELDS": st.sampled_from([1, 7, 4096]), "MAX_BYTES": st.sampled_from([50, 131072]),
                               "BIG_STRING": st.sampled_from([60, 65536])})


@contextlib.contextmanager
def fast_path():
    pairs = rdb_files.replacements()
    rebind.swap(pairs)
    try:
        yield
    finally:
        rebind.swap([(new, old) for old, new in pairs])


@contextlib.contextmanager
def attributes(module, values):
    saved = {name: getattr(module, name) for name in values}
    for name, value in values.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in saved.items():
            setattr(module, name, value)


def flat(parts):
    for part in parts:
        if isinstance(part, (list, tuple)):
            yield from flat(part)
        else:
            yield part


def fill(redis, commands):
    for words in commands:
        redis(*flat(words))


def same_facts():
    """What a file says about its making, and what the loader says about that, equal for both."""
    stack = contextlib.ExitStack()
    stack.enter_context(attributes(rdb_save, {"unix_time": lambda: 1700000000, "zmalloc_used_memory": lambda: 1000000}))
    stack.enter_context(attributes(rdb_load, {"unix_time": lambda: 1700000000}))
    return stack


def save(flags=RDBFLAGS_NONE, rsi=None):
    r = rio()
    rioInitWithBuffer(r, bytearray())
    assert rdb_save.rdbSaveRio(r, flags, rsi) == (C_OK, 0)
    return bytes(r.ptr)


def rewrite():
    """The bytes of an AOF, written through a file with a small buffer."""
    raw = io.BytesIO()
    fp = io.BufferedWriter(raw, 100)
    r = rio()
    rioInitWithFile(r, fp)
    assert aof_rewrite.rewriteAppendOnlyFileRio(r) == C_OK
    fp.flush()
    assert r.processed_bytes == r.buffered == len(raw.getvalue())
    return raw.getvalue()


@settings(max_examples=60, deadline=None)
@given(COMMANDS, FIELDS, SIZES, st.sampled_from([RDBFLAGS_NONE, RDBFLAGS_AOF_PREAMBLE]), st.booleans())
def test_files_are_equal(commands, fields, sizes, flags, with_rsi):
    rsi = rdbSaveInfo() if with_rsi else None
    with InProcess(aof_pipe_read_data_from_parent=-1, replid=b"0" * 40, **fields) as redis, same_facts(), attributes(rdb_files, sizes):
        fill(redis, commands)
        text = save(flags, rsi), rewrite()
        with fast_path():
            assert (save(flags, rsi), rewrite()) == text
        values = [de.val for db in server.db for de in dict_entries(db.dict)]
        for o in values:
            assert dumps(o) == dumps(o, fast_path)


def dumps(o, path=contextlib.nullcontext):
    with path():
        r = rio()
        rioInitWithBuffer(r, bytearray())
        assert rdb_save.rdbSaveObject(r, o, None) == len(r.ptr) == rdb_save.rdbSavedObjectLen(o, None)
        return bytes(r.ptr)


class chunks:
    """A connection that gives a few bytes at a time."""
    last_errno = 0

    def __init__(self, data, size):
        self.fp = io.BytesIO(data)
        self.size = size


def target(kind, size, data):
    r = rio()
    if kind == "memory":
        rioInitWithBuffer(r, data)
    elif kind == "file":
        rioInitWithFile(r, io.BufferedReader(io.BytesIO(data), size))
    else:
        rioInitWithConn(r, chunks(data, size), 0)
    return r


class Panic(Exception):
    pass


def panic(message):
    raise Panic(message)


def load(data, kind, size, flags, path):
    """Load into empty databases -> (result, lines of the log, what is saved then, (where the stream stands, its checksum, its flags)).

    The offset in error messages is that of the last report of progress, which comes after a field or after a window: masked.
    """
    for db in server.db:
        db.dict = dictCreate(dbDictType)
        db.expires = dictCreate(dbExpiresDictType)
    lines = []
    log = {"serverLog": lambda level, fmt, *args: lines.append((level, re.sub("offset [0-9]+", "offset", fmt % args))), "serverPanic": panic}
    with attributes(rdb_load, dict(log, processEventsWhileBlocked=lambda: None)), attributes(rdb_files, log), \
            attributes(rio_module, {"connRead": lambda conn, n: conn.fp.read(min(n, conn.size))}), path():
        server.loading_total_bytes = len(data)
        server.loading_loaded_bytes = 0
        r = target(kind, size, data)
        try:
            result = rdb_load.rdbLoadRio(r, flags, None)
        except (Panic, SystemExit, AssertionError) as e:       # damage that sanitizing would have found fails an assertion, as in C
            result = repr(e)
    assert rdb_files.window.rio is None
    stands = (r.processed_bytes, r.cksum, r.flags) if result == C_OK else None
    return result, lines, save(), stands


TARGETS = st.tuples(st.sampled_from(["memory", "file", "file", "conn"]), st.sampled_from([1, 210, 260, 700, 70000]))


@settings(max_examples=60, deadline=None)
@given(COMMANDS, FIELDS, TARGETS)
def test_loading_makes_the_same_data(commands, fields, where):
    with InProcess(**fields) as redis, same_facts():
        fill(redis, commands)
        data = save()
        behind = data + b"*1\r\n$4\r\nPING\r\n"                    # an AOF goes on behind its preamble
        text = load(behind, *where, RDBFLAGS_AOF_PREAMBLE, contextlib.nullcontext)
        fast = load(behind, *where, RDBFLAGS_AOF_PREAMBLE, fast_path)
        assert text[0] == C_OK and text[3][0] == len(data)
        assert fast == text


@settings(max_examples=120, deadline=None)
@given(COMMANDS, FIELDS, TARGETS, st.randoms(use_true_random=False), st.sampled_from([0, 1, 3]), st.booleans(),
       st.sampled_from([RDBFLAGS_NONE, RDBFLAGS_ALLOW_DUP]))
def test_damage_gives_the_same_errors(commands, fields, where, rng, flips, cut, flags):
    with InProcess(**fields) as redis, same_facts():
        fill(redis, commands)
        data = bytearray(save())
        for _ in range(flips):
            data[rng.randrange(9, len(data))] = rng.choice([0, 1, 2, 5, 14, 63, 64, 127, 128, 129, 192, 193, 195, 250, 252, 254, 255])
        if cut:
            del data[rng.randrange(len(data)):]
        text = load(bytes(data), *where, flags, contextlib.nullcontext)
        assert load(bytes(data), *where, flags, fast_path) == text


def test_keys_twice_in_a_file():
    body = b"REDIS0009\xfe\x00" + b"\x00\x01a\x01x" * 2 + b"\x00\x01b\x01y" + b"\xff" + bytes(8) + bytes(300)
    with InProcess(), same_facts():
        for flags in (RDBFLAGS_NONE, RDBFLAGS_ALLOW_DUP):
            text = load(body, "memory", 0, flags, contextlib.nullcontext)
            assert load(body, "memory", 0, flags, fast_path) == text
            assert (text[0] == C_OK) == (flags == RDBFLAGS_ALLOW_DUP)


def test_many_keys_and_big_values_through_small_windows():
    rng = random.Random(7)
    with InProcess(hash_max_ziplist_entries=10, zset_max_ziplist_entries=10, loading_process_events_interval_bytes=20000) as redis, same_facts():
        for j in range(900):
            redis("SET", "key:%d" % j, "value:%d" % (j * j) if j % 3 else j)
        for j in range(0, 900, 7):
            redis("PEXPIREAT", "key:%d" % j, 2 ** 42 + j)
        for j in range(5):
            redis("SET", "big:%d" % j, bytes(rng.randrange(256) for _ in range(rng.randrange(1000, 40000))))
            redis("SADD", "set:%d" % j, *["member:%d" % k for k in range(300)])
            redis("HSET", "hash:%d" % j, *["f%d" % k for k in range(400)])
            redis("ZADD", "zset:%d" % j, *flat((k / 3, "m%d" % k) for k in range(200)))
        data = save()
        with fast_path():
            assert save() == data
        for kind, size in (("memory", 0), ("file", 4096), ("file", 262144), ("conn", 16384), ("conn", 100)):
            text = load(data, kind, size, RDBFLAGS_NONE, contextlib.nullcontext)
            assert text[0] == C_OK
            assert load(data, kind, size, RDBFLAGS_NONE, fast_path) == text


@pytest.mark.parametrize("room", [0, 5, 100, 20000, 90000])
def test_an_error_of_the_target_is_told(room):
    class full(io.RawIOBase):
        left = room

        def writable(self):
            return True

        def write(self, b):
            if not self.left:
                raise OSError(errno.ENOSPC, "no space")
            n = min(len(b), self.left)
            self.left -= n
            return n

    with InProcess() as redis:
        for j in range(3000):
            redis("SET", "key:%d" % j, "v" * 40 + str(j))
        redis("SET", "big", random.Random(1).getrandbits(8 * 100000).to_bytes(100000, "big"))
        with fast_path():
            for target_of in (rdb_save.rdbSaveRio, lambda r, flags, rsi: (aof_rewrite.rewriteAppendOnlyFileRio(r), r.error)):
                r = rio()
                fp = io.BufferedWriter(full(), 50)
                rioInitWithFile(r, fp)
                retval, error = target_of(r, RDBFLAGS_NONE, None)
                assert retval != C_OK and error == errno.ENOSPC
                rio_module.close_after_error(fp)


def test_the_same_version_is_written():
    assert shared is not None
    with InProcess(), fast_path():
        data = save()
        assert data.startswith(b"REDIS0009") and REDIS_VERSION.encode() in data
