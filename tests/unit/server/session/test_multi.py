"""WATCH: the two indexes agree, and touching marks exactly the watchers."""
import random

from datastructs.adlist import list_values
from datastructs.dict import dict_entries, dictAdd, dictDelete, dictSize
from server.object import createStringObject
from server.server_h import CLIENT_DIRTY_CAS, CLIENT_DIRTY_EXEC, CLIENT_MULTI, CMD_DENYOOM, CMD_WRITE, redisCommand
from server.session import multi


def check(db, clients):
    index = {de.key.ptr: sorted(c.id for c in list_values(de.val)) for de in dict_entries(db.watched_keys)}
    want = {}
    for c in clients:
        for wk in list_values(c.watched_keys):
            want.setdefault(wk.key.ptr, []).append(c.id)
    assert index == {k: sorted(v) for k, v in want.items()}


def test_watch_index(db, new_client):
    rng = random.Random(3)
    clients = [new_client() for _ in range(6)]
    watching = {c.id: set() for c in clients}
    for _ in range(500):
        c = rng.choice(clients)
        key = b"k%d" % rng.randrange(5)
        what = rng.randrange(6)
        if what < 3:
            multi.watchForKey(c, createStringObject(key))
            watching[c.id].add(key)
        elif what == 3:
            multi.unwatchAllKeys(c)
            watching[c.id].clear()
        else:
            for other in clients:
                other.flags = 0
            multi.touchWatchedKey(db, createStringObject(key))
            assert {o.id for o in clients if o.flags & CLIENT_DIRTY_CAS} == {i for i, s in watching.items() if key in s}
        check(db, clients)
    for c in clients:
        multi.unwatchAllKeys(c)
    assert dictSize(db.watched_keys) == 0


def test_flush_and_swapdb_touch_only_keys_that_exist(db, new_client):
    a, b, c = new_client(), new_client(), new_client()
    multi.watchForKey(a, createStringObject(b"here"))
    multi.watchForKey(b, createStringObject(b"there"))
    multi.watchForKey(c, createStringObject(b"nowhere"))
    other = type(db)()
    other.dict = type(db.dict)(db.dict.type)
    dictAdd(db.dict, b"here", 1)
    dictAdd(other.dict, b"there", 1)

    def touched(replaced_with):
        for x in (a, b, c):
            x.flags = 0
        multi.touchAllWatchedKeysInDb(db, replaced_with)
        return [x for x in (a, b, c) if x.flags & CLIENT_DIRTY_CAS]

    assert touched(None) == [a]
    assert touched(other) == [a, b]
    dictDelete(db.dict, b"here")
    assert touched(None) == []


def test_queue(new_client):
    c = new_client()
    c.cmd = redisCommand(b"set", None, -3, "", None, 1, 1, 1)
    c.cmd.flags = CMD_WRITE | CMD_DENYOOM
    c.argv, c.argc = [createStringObject(b"set")], 1
    c.flags |= CLIENT_MULTI
    multi.queueMultiCommand(c)
    c.cmd = redisCommand(b"del", None, -2, "", None, 1, 1, 1)
    c.cmd.flags = CMD_WRITE
    multi.queueMultiCommand(c)
    assert c.mstate.count == 2 and c.mstate.cmd_flags == CMD_WRITE | CMD_DENYOOM
    assert c.mstate.cmd_inv_flags & CMD_DENYOOM and not c.mstate.cmd_inv_flags & CMD_WRITE
    c.argv.clear()
    assert len(c.mstate.commands[0].argv) == 1              # the queue does not share the client's vector
    multi.flagTransaction(c)
    multi.queueMultiCommand(c)
    assert c.mstate.count == 2 and c.flags & CLIENT_DIRTY_EXEC
    multi.watchForKey(c, createStringObject(b"k"))
    multi.discardTransaction(c)
    assert c.mstate.count == 0 and c.mstate.commands == [] and c.watched_keys.len == 0 and c.flags == 0
