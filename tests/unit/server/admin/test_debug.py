"""debug.py: digests equal to those that Redis 6.2.14 printed for the same data."""
import hashlib

import pytest

from datastructs.dict import dictAdd, dictCreate, dictType
from server.admin import debug
from server.object import (
    createHashObject, createIntsetObject, createQuicklistObject, createSetObject, createStringObject, tryObjectEncoding,
)
from server.server_h import (
    LIST_TAIL, new_robj, OBJ_ENCODING_INT, OBJ_SHARED_INTEGERS, OBJ_STRING, redisDb, server, shared,
)
from server.types.t_hash import HASH_SET_COPY, hashTypeSet
from server.types.t_list import listTypePush
from server.types.t_set import setTypeAdd


def new_db(id_=0):
    db = redisDb()
    db.id = id_
    db.dict = dictCreate(dictType())
    db.expires = dictCreate(dictType())
    return db


@pytest.fixture(autouse=True)
def limits():
    names = ("hash_max_ziplist_entries", "hash_max_ziplist_value", "list_max_ziplist_size", "set_max_intset_entries",
             "db", "dbnum")
    saved = {name: getattr(server, name) for name in names}
    server.hash_max_ziplist_entries, server.hash_max_ziplist_value = 512, 64
    server.list_max_ziplist_size, server.set_max_intset_entries = -2, 512
    integers = shared.integers
    shared.integers = [new_robj(OBJ_STRING, OBJ_ENCODING_INT, j) for j in range(OBJ_SHARED_INTEGERS)]
    yield
    shared.integers = integers
    for name, value in saved.items():
        setattr(server, name, value)


def string(b):
    return tryObjectEncoding(createStringObject(b))


def list_(*elements):
    o = createQuicklistObject()
    for b in elements:
        listTypePush(o, createStringObject(b), LIST_TAIL)
    return o


def hash_(*pairs):
    o = createHashObject()
    for field, value in pairs:
        hashTypeSet(o, field, value, HASH_SET_COPY)
    return o


def set_(o, *members):
    for m in members:
        setTypeAdd(o, m)
    return o


def digest_value(o, expire=None):
    db = new_db()
    if expire is not None:
        dictAdd(db.dict, b"k", o)
        dictAdd(db.expires, b"k", expire)
    digest = bytearray(20)
    debug.xorObjectDigest(db, createStringObject(b"k"), digest, o)
    return digest.hex()


def test_string():
    assert digest_value(string(b"12345")) == "e1cf90774e995ae03de66e8109dc5cb9d9c2dc83"
    assert digest_value(string(b"hello"), 99999999999999) == "d037c4eb8a8b36b602fbced4000daeab0714c1e3"


def test_list():
    assert digest_value(list_(b"a", b"bb", b"7", b"ccc")) == "d4aef48e1770c597401f4f69716a70aec9c239d9"
    assert digest_value(list_(b"bb", b"a", b"7", b"ccc")) != "d4aef48e1770c597401f4f69716a70aec9c239d9"


@pytest.mark.parametrize("entries", [512, 0])
def test_hash_in_both_encodings(entries):
    server.hash_max_ziplist_entries = entries
    assert digest_value(hash_((b"f2", b"2"), (b"f1", b"v1"))) == "fc076e867f7dbf566ea58172a151d82d78b8f845"


def test_set_in_both_encodings():
    assert digest_value(set_(createIntsetObject(), b"3", b"1", b"2")) == "2a462a3f51a1db89738ebbeef0c47ce1bbc85246"
    assert digest_value(set_(createSetObject(), b"1", b"2", b"3")) == "2a462a3f51a1db89738ebbeef0c47ce1bbc85246"
    assert digest_value(set_(createSetObject(), b"c", b"a", b"b")) == "593c2414786d75446e97f4ea5d4b731f3313da72"


def test_dataset():
    server.dbnum = 16
    server.db = [new_db(j) for j in range(16)]
    assert debug.computeDatasetDigest() == bytes(20)
    dictAdd(server.db[0].dict, b"l", list_(b"a", b"bb", b"7", b"ccc"))
    dictAdd(server.db[0].dict, b"h", hash_((b"f1", b"v1"), (b"f2", b"2")))
    dictAdd(server.db[3].dict, b"int", string(b"12345"))
    dictAdd(server.db[3].dict, b"str", string(b"hello"))
    assert debug.computeDatasetDigest().hex() == "f52d5c1d2dd086bc6f9c0d6d962e23621d5298e3"


def test_xor_does_not_mind_the_order_mix_does():
    def run(fn, *words):
        digest = bytearray(20)
        for w in words:
            fn(digest, w)
        return digest
    assert run(debug.xorDigest, b"a", b"b") == run(debug.xorDigest, b"b", b"a")
    assert run(debug.mixDigest, b"a", b"b") != run(debug.mixDigest, b"b", b"a")
    assert run(debug.mixDigest, b"foo", b"bar") != run(debug.mixDigest, b"fo", b"obar")
    assert run(debug.xorDigest, b"a") == hashlib.sha1(b"a").digest()


def test_stringmatchlen_fuzz_test_ends():
    assert debug.stringmatchlen_fuzz_test() >= 0


def test_an_exception_while_loading_ends_the_process(monkeypatch):
    """Half a data set must not be served: the file it came from is whole."""
    from server.admin import debug
    logged = []
    monkeypatch.setattr(debug, "log_unexpected_exception", lambda exc: logged.append(exc))

    def load(name):
        raise NameError(name)

    with pytest.raises(SystemExit) as stop:
        debug.load_or_exit(load, "dump.rdb")
    assert stop.value.code == 1 and isinstance(logged[0], NameError)
