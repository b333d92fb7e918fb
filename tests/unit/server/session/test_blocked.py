"""blocked.py and timeout.py: the two indexes agree, whoever ends the wait."""
import random

import pytest

from datastructs.adlist import list_values, listLength
from datastructs.dict import dict_entries, dictFetchValue, dictSize
from datastructs.rax import raxSize
from server.object import createStringObject
from server.server_h import (
    BLOCKED_LIST, BLOCKED_NONE, BLOCKED_ZSET, C_ERR, C_OK, CLIENT_BLOCKED, CLIENT_IN_TO_TABLE, CLIENT_UNBLOCKED,
    OBJ_LIST, OBJ_SET, OBJ_ZSET, UNIT_MILLISECONDS, UNIT_SECONDS, server)
from server.session import blocked, timeout


@pytest.fixture(autouse=True)
def quiet(monkeypatch, clock):
    """No replies and no query buffers here."""
    replies = []
    monkeypatch.setattr(timeout, "mstime", lambda: clock[0])
    monkeypatch.setattr(timeout, "addReplyError", lambda c, err: replies.append(err))
    monkeypatch.setattr(blocked, "addReplyNullArray", lambda c: replies.append((c.id, None)))
    monkeypatch.setattr(blocked, "freeClientOriginalArgv", lambda c: None)
    monkeypatch.setattr(blocked, "resetClient", lambda c: None)
    return replies


def check(db, clients):
    waiting = {}
    for c in clients:
        for de in dict_entries(c.bpop.keys):
            waiting.setdefault(de.key.ptr, set()).add(c.id)
        assert bool(c.flags & CLIENT_BLOCKED) == (dictSize(c.bpop.keys) > 0) == (c.btype != BLOCKED_NONE)
        assert bool(c.flags & CLIENT_IN_TO_TABLE) == bool(c.flags & CLIENT_BLOCKED and c.bpop.timeout)
    index = {de.key.ptr: [c.id for c in list_values(de.val)] for de in dict_entries(db.blocking_keys)}
    assert {k: set(v) for k, v in index.items()} == waiting
    assert all(len(set(v)) == len(v) for v in index.values())
    assert server.blocked_clients == sum(1 for c in clients if c.flags & CLIENT_BLOCKED)
    assert sum(server.blocked_clients_by_type) == server.blocked_clients
    assert raxSize(server.clients_timeout_table) == sum(1 for c in clients if c.flags & CLIENT_IN_TO_TABLE)


def test_random_blocking_and_unblocking(db, new_client, clock, quiet):
    rng = random.Random(5)
    clients = [new_client() for _ in range(12)]
    for _ in range(600):
        c = rng.choice(clients)
        if c.flags & CLIENT_BLOCKED:
            blocked.unblockClient(c)
        else:
            keys = [createStringObject(b"k%d" % rng.randrange(4)) for _ in range(3)]
            when = rng.choice([0, clock[0] + rng.randrange(1, 40)])
            blocked.blockForKeys(c, rng.choice([BLOCKED_LIST, BLOCKED_ZSET]), keys, 3, when, None, None, None)
        clock[0] += rng.randrange(3)
        due = {c.id for c in clients if c.flags & CLIENT_BLOCKED and c.bpop.timeout and c.bpop.timeout < clock[0]}
        quiet.clear()
        timeout.handleBlockedClientsTimeout()
        assert {id_ for id_, _ in quiet} == due
        check(db, clients)
        for other in list_values(server.unblocked_clients):
            assert other.flags & CLIENT_UNBLOCKED


def test_first_come_first_served(db, new_client):
    clients = [new_client() for _ in range(5)]
    key = createStringObject(b"k")
    for c in clients:
        blocked.blockForKeys(c, BLOCKED_LIST, [key], 1, 0, None, None, None)
    assert [c.id for c in list_values(dictFetchValue(db.blocking_keys, key))] == [1, 2, 3, 4, 5]
    blocked.unblockClient(clients[2])
    assert [c.id for c in list_values(dictFetchValue(db.blocking_keys, key))] == [1, 2, 4, 5]


def test_a_key_is_signalled_once_and_only_if_somebody_waits(db, new_client):
    key = createStringObject(b"k")
    blocked.signalKeyAsReady(db, key, OBJ_LIST)
    assert listLength(server.ready_keys) == 0
    c = new_client()
    blocked.blockForKeys(c, BLOCKED_LIST, [key], 1, 0, None, None, None)
    for type_ in (OBJ_SET, OBJ_ZSET):
        blocked.signalKeyAsReady(db, key, type_)
    assert listLength(server.ready_keys) == 0
    for _ in range(3):
        blocked.signalKeyAsReady(db, createStringObject(b"k"), OBJ_LIST)
        blocked.signalKeyAsReady(db, createStringObject(b"other"), OBJ_LIST)
    assert listLength(server.ready_keys) == 1 == dictSize(db.ready_keys)


@pytest.mark.parametrize("text, unit, want", [
    (b"0", UNIT_SECONDS, 0), (b"1", UNIT_SECONDS, 1000), (b"0.001", UNIT_SECONDS, 0), (b"0.002", UNIT_SECONDS, 1), (b"0.01", UNIT_SECONDS, 10),
    (b"1.001", UNIT_SECONDS, 1001),
    (b"0.0001", UNIT_SECONDS, 0), (b"7", UNIT_MILLISECONDS, 7),
    (b"-1", UNIT_SECONDS, b"timeout is negative"), (b"-1", UNIT_MILLISECONDS, b"timeout is negative"),
    (b"1e40", UNIT_SECONDS, b"timeout is negative"),
    (b"x", UNIT_SECONDS, b"timeout is not a float or out of range"),
    (b"1.5", UNIT_MILLISECONDS, b"timeout is not an integer or out of range"),
])
def test_getTimeoutFromObjectOrReply(db, monkeypatch, clock, quiet, text, unit, want):
    for name in ("getLongDoubleFromObjectOrReply", "getLongLongFromObjectOrReply"):
        f = getattr(timeout, name)
        monkeypatch.setitem(f.__globals__, "addReplyError", lambda c, err: quiet.append(err))
    ok, value = timeout.getTimeoutFromObjectOrReply(None, createStringObject(text), unit)
    if isinstance(want, bytes):
        assert ok == C_ERR and quiet == [want]
    else:
        assert ok == C_OK and value == (want + clock[0] if want else 0)
