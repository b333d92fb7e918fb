"""hyperloglog.py: bulk register work against the plain loops of C; estimates within their error."""
import random

import pytest
from hypothesis import given, settings, strategies as st

import server.link  # noqa: F401 (binds the upward names)
from server.server_h import OBJ_STRING, C_ERR, C_OK, server as srv
from server.object import createObject
from server.types import hyperloglog as h


@pytest.fixture(autouse=True)
def config():
    srv.hll_sparse_max_bytes = 3000
    srv.maxmemory_policy = 0


def random_regs(seed):
    return random.Random(seed).randbytes(h.HLL_REGISTERS).translate(h.LOW6)


@pytest.mark.parametrize("seed", range(3))
def test_pack_unpack(seed):
    regs = random_regs(seed)
    packed = h.dense_pack(regs)
    assert h.dense_unpack(packed) == regs
    hdr = bytearray(16) + packed
    big = int.from_bytes(packed, "little")
    for i in range(0, h.HLL_REGISTERS, 37):
        assert h.HLL_DENSE_GET_REGISTER(hdr, i) == regs[i] == big >> 6 * i & 63
    assert h.HLL_DENSE_GET_REGISTER(hdr, 16383) == regs[16383]


def test_set_register_leaves_the_others():
    regs = bytearray(random_regs(7))
    hdr = bytearray(16) + h.dense_pack(regs)
    rnd = random.Random(8)
    for _ in range(300):
        i, v = rnd.randrange(h.HLL_REGISTERS), rnd.randrange(64)
        regs[i] = v
        h.HLL_DENSE_SET_REGISTER(hdr, i, v)
    h.HLL_DENSE_SET_REGISTER(hdr, 16383, 63)
    regs[16383] = 63
    assert h.dense_unpack(hdr[16:]) == regs and len(hdr) == h.HLL_DENSE_SIZE


def test_registers_max():
    a, b = random_regs(1), random_regs(2)
    assert h.registers_max(a, b) == bytes(map(max, a, b))
    assert h.registers_max(a, a) == a


def test_murmur():
    """Against the loop over bytes."""
    def plain(key, seed):
        m, M = 0xc6a4a7935bd1e995, (1 << 64) - 1
        hh = (seed ^ (len(key) * m)) & M
        i = 0
        while i + 8 <= len(key):
            k = 0
            for j in range(8):
                k |= key[i + j] << 8 * j
            k = k * m & M
            k ^= k >> 47
            k = k * m & M
            hh ^= k
            hh = hh * m & M
            i += 8
        rest = key[i:]
        for j in range(len(rest) - 1, -1, -1):
            hh ^= rest[j] << 8 * j
        if rest:
            hh = hh * m & M
        hh ^= hh >> 47
        hh = hh * m & M
        hh ^= hh >> 47
        return hh
    for n in range(40):
        key = bytes(range(n))
        assert h.MurmurHash64A(key, h.HLL_SEED) == plain(key, h.HLL_SEED)
    lanes = h.murmur_lanes(1000, 50, 12345678901234567890)
    assert lanes == [plain((x ^ 12345678901234567890).to_bytes(8, "little"), h.HLL_SEED) for x in range(1000, 1050)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, h.HLL_REGISTERS - 1), st.integers(1, 32)), max_size=200),
       st.sampled_from([1, 40, 16384]))
def test_sparse_set(sets, spread):
    """Any order of updates keeps the opcodes valid, and the registers are the maximum of what was set."""
    o = h.createHLLObject()
    model = bytearray(h.HLL_REGISTERS)
    for index, count in sets:
        index %= spread * 5 % h.HLL_REGISTERS or h.HLL_REGISTERS
        changed = h.hllSparseSet(o, index, count)
        assert changed == (1 if count > model[index] else 0)
        model[index] = max(model[index], count)
        assert h.sparse_unpack(o.ptr) == model
    histo = [0] * 64
    assert h.hllSparseRegHisto(o.ptr, histo) == 0
    assert histo == [model.count(v) for v in range(64)]
    card = h.hllCount(o.ptr)
    assert h.hllSparseToDense(o) == C_OK
    assert h.dense_unpack(o.ptr[16:]) == model
    assert h.hllCount(o.ptr) == card


def test_hint_changes_nothing():
    for seed in range(4):
        rnd = random.Random(seed)
        one, two, hint = h.createHLLObject(), h.createHLLObject(), h.sparse_hint()
        for _ in range(1500):
            index, count = rnd.randrange(h.HLL_REGISTERS >> seed), min(32, int(rnd.expovariate(0.7)) + 1)
            assert h.hllSparseSet(one, index, count) == h.hllSparseSet(two, index, count, hint)
            assert one.ptr == two.ptr
            if two.ptr[4] == h.HLL_DENSE:
                break
        assert len(hint[0]) > 5 or seed > 1


def test_sparse_promotes():
    o = h.createHLLObject()
    assert h.hllSparseSet(o, 5, 32) == 1 and o.ptr[4] == h.HLL_SPARSE
    assert h.hllSparseSet(o, 6, 33) == 1 and o.ptr[4] == h.HLL_DENSE
    assert [h.HLL_DENSE_GET_REGISTER(o.ptr, i) for i in (4, 5, 6, 7)] == [0, 32, 33, 0]
    srv.hll_sparse_max_bytes = 40
    o = h.createHLLObject()
    for i in range(100):
        assert h.hllAdd(o, b"%d" % i) in (0, 1)
        assert o.ptr[4] == h.HLL_DENSE or len(o.ptr) <= 40
    assert o.ptr[4] == h.HLL_DENSE


def test_merge_write_is_the_plain_loop():
    rnd = random.Random(4)
    for n in (0, 3, 200, 900, 5000):
        max_ = bytearray(h.HLL_REGISTERS)
        for _ in range(n):
            max_[rnd.randrange(h.HLL_REGISTERS)] = rnd.randrange(1, 20)
        one, two = h.createHLLObject(), h.createHLLObject()
        h.pfmergeCommand_write(one, max_)
        for j, v in enumerate(max_):
            if v:
                if two.ptr[4] == h.HLL_SPARSE:
                    h.hllSparseSet(two, j, v)
                else:
                    h.hllDenseSet(two.ptr, j, v)
        assert one.ptr == two.ptr


@pytest.mark.parametrize("n", [0, 1, 10, 100, 1000, 20000])
def test_estimate(n):
    o = h.createHLLObject()
    for i in range(n):
        assert h.hllAdd(o, b"element %d" % i) in (0, 1)
    card, invalid = h.hllCount(o.ptr)
    assert invalid == 0 and abs(card - n) <= max(1, 0.04 * n)


def test_corrupt_sparse():
    for body in (b"", b"\x00", b"\x7f\xff\x00", b"\x7f\xfe\x81", b"\xff" * 4000, b"\x7f"):
        o = createObject(OBJ_STRING, bytearray(b"HYLL\x01\0\0\0" + b"\0" * 7 + b"\x80") + body)
        assert h.hllCount(o.ptr) == (0, 1)
        assert h.hllMerge(bytearray(h.HLL_REGISTERS), o) == (C_ERR, None)
        assert h.hllSparseToDense(o) == C_ERR
        h.hllSparseSet(o, 16383, 5)
    o = createObject(OBJ_STRING, bytearray(b"HYLL\0\0\0\0" + bytes(8)) + b"\xff" * 12288)
    assert h.hllCount(o.ptr) == (1 << 63, 0)
