"""Which arguments are keys; cursors; the backup of the dbs."""
import pytest

from datastructs.dict import dictAdd, dictCreate, dictSize, dictType
from server.keyspace import db, db_getkeys, db_scan
from server.object import createStringObject
from server.server_h import C_ERR, C_OK, redisCommand, redisDb, server


def args(line):
    return [createStringObject(word.encode()) for word in line.split(" ")]


@pytest.mark.parametrize("proc,line,expected", [
    (db_getkeys.zunionInterDiffStoreGetKeys, "zunionstore d 2 a b weights 1 2", [3, 4, 1]),
    (db_getkeys.zunionInterDiffStoreGetKeys, "zunionstore d 3 a b", []),
    (db_getkeys.zunionInterDiffStoreGetKeys, "zunionstore d 0 a b", []),
    (db_getkeys.zunionInterDiffStoreGetKeys, "zunionstore d 1x a b", [3, 1]),
    (db_getkeys.zunionInterDiffGetKeys, "zunion 2 a b", [2, 3]),
    (db_getkeys.evalGetKeys, "eval script 1 a b", [3]),
    (db_getkeys.evalGetKeys, "eval script -1 a b", []),
    (db_getkeys.evalGetKeys, "eval script 4294967297 a b", [3]),
    (db_getkeys.sortGetKeys, "sort a by store desc", [1]),
    (db_getkeys.sortGetKeys, "sort a store b limit 0 store store c", [1, 8]),
    (db_getkeys.sortGetKeys, "sort a get x store b STORE c", [1, 7]),
    (db_getkeys.migrateGetKeys, "migrate h 1 key 0 10", [3]),
    (db_getkeys.migrateGetKeys, "migrate h 1  0 10 keys a b", [7, 8]),
    (db_getkeys.migrateGetKeys, "migrate h 1 k 0 10 keys a b", [3]),
    (db_getkeys.georadiusGetKeys, "georadius k 1 2 3 m store a storedist b", [1, 9]),
    (db_getkeys.georadiusGetKeys, "georadius k 1 2 3 m store", [1]),
    (db_getkeys.lcsGetKeys, "stralgo lcs idx keys a b", [4, 5]),
    (db_getkeys.lcsGetKeys, "stralgo lcs strings keys a b", []),
    (db_getkeys.memoryGetKeys, "memory usage k", [2]),
    (db_getkeys.memoryGetKeys, "memory doctor", []),
    (db_getkeys.xreadGetKeys, "xread block 0 count 1 streams a b 0 0", [6, 7]),
    (db_getkeys.xreadGetKeys, "xreadgroup group streams c streams a 0", [5]),
    (db_getkeys.xreadGetKeys, "xread streams a b 0", []),
])
def test_getkeys(proc, line, expected):
    argv = args(line)
    assert proc(None, argv, len(argv)) == expected


@pytest.mark.parametrize("first,last,step,arity,line,expected", [
    (1, 1, 1, 2, "get a", [1]),
    (1, -1, 1, -2, "mget a b c", [1, 2, 3]),
    (1, -1, 2, -3, "mset a 1 b 2", [1, 3]),
    (1, -2, 1, -3, "blpop a b 0", [1, 2]),
    (0, 0, 0, 1, "ping", []),
    (1, 2, 1, -3, "rename a", []),
])
def test_getkeys_by_table(first, last, step, arity, line, expected):
    argv = args(line)
    cmd = redisCommand(b"x", None, arity, "", None, first, last, step)
    assert db_getkeys.getKeysFromCommand(cmd, argv, len(argv)) == expected


@pytest.fixture
def errors(monkeypatch):
    replied = []
    monkeypatch.setattr(db_scan, "addReplyError", lambda c, text: replied.append(text))
    return replied


@pytest.mark.parametrize("text,cursor", [
    (b"0", 0), (b"", 0), (b"18446744073709551615", (1 << 64) - 1), (b"-1", (1 << 64) - 1), (b"+7", 7), (b"007", 7),
    (b"5\0junk", 5)])
def test_cursor(errors, text, cursor):
    assert db_scan.parseScanCursorOrReply(None, createStringObject(text)) == (C_OK, cursor)
    assert errors == []


@pytest.mark.parametrize("text", [b" 1", b"1 ", b"x", b"-", b"18446744073709551616", b"1.5", b"--1"])
def test_bad_cursor(errors, text):
    assert db_scan.parseScanCursorOrReply(None, createStringObject(text))[0] == C_ERR
    assert errors == [b"invalid cursor"]


@pytest.fixture
def two_dbs(monkeypatch):
    dbs = []
    for id_ in range(2):
        d = redisDb()
        d.id = id_
        d.dict = dictCreate(dictType())
        d.expires = dictCreate(dictType())
        dbs.append(d)
    monkeypatch.setattr(server, "db", dbs)
    monkeypatch.setattr(server, "dbnum", 2)
    monkeypatch.setattr(server, "cluster_enabled", 0)
    return dbs


def test_backup_and_restore(two_dbs):
    dictAdd(two_dbs[1].dict, b"k", createStringObject(b"v"))
    two_dbs[1].avg_ttl = 7
    backup = db.backupDb()
    assert db.dbTotalServerKeyCount() == 0
    dictAdd(two_dbs[0].dict, b"new", createStringObject(b"v"))
    db.emptyDbStructure(two_dbs, -1, 0, None)
    db.restoreDbBackup(backup)
    assert [dictSize(d.dict) for d in server.db] == [0, 1]
    assert server.db[1] is two_dbs[1] and two_dbs[1].avg_ttl == 7       # clients point at these objects


def test_backup_discarded(two_dbs):
    dictAdd(two_dbs[1].dict, b"k", createStringObject(b"v"))
    backup = db.backupDb()
    dictAdd(two_dbs[0].dict, b"new", createStringObject(b"v"))
    db.discardDbBackup(backup, 0, None)
    assert [dictSize(d.dict) for d in server.db] == [1, 0]
