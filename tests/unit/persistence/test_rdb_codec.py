"""The encoders and decoders of RDB fields against each other and against bytes of the C server."""
import pytest
from hypothesis import given, settings, strategies as st

from persistence import rdb_load, rdb_save
from persistence.rdb_h import RDB_LENERR, RDB_LOAD_SDS
from persistence.rio import rio, rioInitWithBuffer
from server.server_h import server


def writer():
    r = rio()
    rioInitWithBuffer(r, bytearray())
    return r


def reader(data):
    r = rio()
    rioInitWithBuffer(r, bytes(data))
    return r


@pytest.mark.parametrize("n,expected", [
    (0, b"\x00"), (63, b"\x3f"), (64, b"\x40\x40"), (16383, b"\x7f\xff"), (16384, b"\x80\x00\x00\x40\x00"),
    (0xffffffff, b"\x80\xff\xff\xff\xff"), (1 << 32, b"\x81\x00\x00\x00\x01\x00\x00\x00\x00")])
def test_len(n, expected):
    w = writer()
    rdb_save.rdbSaveLen(w, n)
    assert bytes(w.ptr) == expected
    r = reader(expected)
    assert rdb_load.rdbLoadLen(r) == n
    assert rdb_load.rdbLoadLen(reader(expected[:-1])) == RDB_LENERR


@pytest.mark.parametrize("s,expected", [
    (b"0", b"\xc0\x00"), (b"-128", b"\xc0\x80"), (b"127", b"\xc0\x7f"), (b"128", b"\xc1\x80\x00"),
    (b"-32768", b"\xc1\x00\x80"), (b"32768", b"\xc2\x00\x80\x00\x00"), (b"-2147483648", b"\xc2\x00\x00\x00\x80"),
    (b"2147483648", b"\x0a2147483648"), (b"01", b"\x0201"), (b"+1", b"\x02+1"), (b"-0", b"\x02-0"), (b" 1", b"\x02 1"),
    (b"1_0", b"\x031_0"), (b"1\n", b"\x021\n"), (b"", b"\x00"), (b"-", b"\x01-")])
def test_raw_string(s, expected):
    w = writer()
    rdb_save.rdbSaveRawString(w, s)
    assert bytes(w.ptr) == expected
    assert rdb_load.rdbGenericLoadStringObject(reader(expected), RDB_LOAD_SDS) == s


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.integers().map(lambda n: b"%d" % n),
                 st.binary(min_size=1, max_size=4).map(lambda b: b * 200)), st.sampled_from([0, 1]))
def test_string_round_trip(s, compression):
    old = server.rdb_compression
    server.rdb_compression = compression
    try:
        w = writer()
        rdb_save.rdbSaveRawString(w, s)
        w.ptr += b"tail"
        r = reader(w.ptr)
        assert rdb_load.rdbGenericLoadStringObject(r, RDB_LOAD_SDS) == s
        assert r.ptr[r.pos:] == b"tail"
    finally:
        server.rdb_compression = old


@pytest.mark.parametrize("val,expected", [
    (float("nan"), b"\xfd"), (float("inf"), b"\xfe"), (float("-inf"), b"\xff"), (3.0, b"\x013"),
    (0.1, b"\x130.10000000000000001"), (1e300, b"\x171.0000000000000001e+300")])
def test_old_doubles(val, expected):
    w = writer()
    rdb_save.rdbSaveDoubleValue(w, val)
    assert bytes(w.ptr) == expected
    ret, got = rdb_load.rdbLoadDoubleValue(reader(expected))
    assert ret == 0 and (got == val or val != val and got != got)


def test_lzf_of_the_c_server():
    # DUMP of 50 letters "a" by 6.2.14, without type and footer
    data = bytes.fromhex("c3093201616 1e0250001 6161".replace(" ", ""))
    assert rdb_load.rdbGenericLoadStringObject(reader(data), RDB_LOAD_SDS) == b"a" * 50


def test_broken_strings():
    for data in (b"\xc4", b"\xc3\x02\x7f\xff\x00a", b"\xc3\x01\x81" + b"\xff" * 8 + b"a", b"\x82", b"\x80\xff\xff\xff\xffab"):
        assert rdb_load.rdbGenericLoadStringObject(reader(data), RDB_LOAD_SDS) is None


def test_module_name():
    assert rdb_load.moduleTypeNameByID(0) == "AAAAAAAAA"
    cset = rdb_load.ModuleTypeNameCharSet
    name = "test-type"
    moduleid = 0
    for ch in name:
        moduleid = moduleid << 6 | cset.index(ch)
    assert rdb_load.moduleTypeNameByID(moduleid << 10 | 3) == name
