"""object.py: encodings, numbers in objects, comparison."""
import pytest

from server import link  # noqa: F401
from server.object import (
    compareStringObjects, createRawStringObject, createStringObject, createStringObjectFromLongDouble,
    createStringObjectFromLongLong, createStringObjectFromLongLongForValue, dupStringObject, equalStringObjects,
    getDecodedObject, getDoubleFromObject, getLongLongFromObject, makeObjectShared, object_get_bytes, strEncoding,
    stringObjectLen, tryObjectEncoding,
)
from server.server_h import (
    C_ERR, C_OK, MAXMEMORY_ALLKEYS_LFU, MAXMEMORY_NO_EVICTION, new_robj, OBJ_ENCODING_EMBSTR, OBJ_ENCODING_INT,
    OBJ_ENCODING_RAW, OBJ_SHARED_INTEGERS, OBJ_SHARED_REFCOUNT, OBJ_STRING, server, shared,
)


@pytest.fixture(autouse=True)
def small_integers(monkeypatch):
    integers = []
    for n in range(OBJ_SHARED_INTEGERS):
        o = new_robj(OBJ_STRING, OBJ_ENCODING_INT, n)
        o.refcount = OBJ_SHARED_REFCOUNT
        integers.append(o)
    monkeypatch.setattr(shared, "integers", integers)
    monkeypatch.setattr(server, "maxmemory", 0)
    monkeypatch.setattr(server, "maxmemory_policy", MAXMEMORY_NO_EVICTION)


def test_embstr_limit_is_44_bytes():
    assert createStringObject(b"x" * 44).encoding == OBJ_ENCODING_EMBSTR
    assert createStringObject(b"x" * 45).encoding == OBJ_ENCODING_RAW


@pytest.mark.parametrize("text,encoding", [
    (b"12", OBJ_ENCODING_INT), (b"10000", OBJ_ENCODING_INT), (b"-1", OBJ_ENCODING_INT), (b"012", OBJ_ENCODING_EMBSTR),
    (b"9223372036854775807", OBJ_ENCODING_INT), (b"9223372036854775808", OBJ_ENCODING_EMBSTR),
    (b"x" * 45, OBJ_ENCODING_RAW), (b"", OBJ_ENCODING_EMBSTR),
])
def test_tryObjectEncoding(text, encoding):
    for o in (createStringObject(text), createRawStringObject(text), createRawStringObject(bytearray(text))):
        e = tryObjectEncoding(o)
        assert e.encoding == encoding and object_get_bytes(e) == text and stringObjectLen(e) == len(text)
    assert (tryObjectEncoding(createStringObject(b"12")) is shared.integers[12])


def test_shared_integers_need_no_lru_of_their_own(monkeypatch):
    assert createStringObjectFromLongLong(7) is shared.integers[7]
    assert createStringObjectFromLongLongForValue(7) is shared.integers[7]
    monkeypatch.setattr(server, "maxmemory", 1 << 30)
    monkeypatch.setattr(server, "maxmemory_policy", MAXMEMORY_ALLKEYS_LFU)
    assert createStringObjectFromLongLongForValue(7) is not shared.integers[7]
    o = tryObjectEncoding(createStringObject(b"7"))
    assert o.refcount == 1 and o.ptr == 7 and o.lru & 255 == 5      # LFU_INIT_VAL


def test_shared_object_is_left_alone():
    o = makeObjectShared(createStringObject(b"5"))
    assert tryObjectEncoding(o) is o and o.refcount == OBJ_SHARED_REFCOUNT


def test_numbers():
    assert getLongLongFromObject(None) == (C_OK, 0)
    assert getLongLongFromObject(createStringObject(b"12x")) == (C_ERR, 0)
    assert getDoubleFromObject(createStringObject(b"1e2")) == (C_OK, 100.0)
    assert createStringObjectFromLongDouble(0.5, 1).ptr == b"0.5"


def test_compare_across_encodings():
    a, b = createStringObject(b"123"), createStringObjectFromLongLong(123)
    assert equalStringObjects(a, b) and compareStringObjects(a, createStringObject(b"1234")) < 0
    assert getDecodedObject(b).ptr == b"123" and getDecodedObject(a) is a
    d = dupStringObject(b)
    assert d is not b and d.refcount == 1 and d.encoding == OBJ_ENCODING_INT
    assert strEncoding(OBJ_ENCODING_EMBSTR) == b"embstr" and strEncoding(99) == b"unknown"
