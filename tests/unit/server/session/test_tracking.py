"""Tracking: who is told about which key, once."""
import pytest

from datastructs.adlist import listAddNodeTail, listLength
from datastructs.rax import raxSize
from server.object import createStringObject
from server.server_h import (
    CLIENT_TRACKING, CLIENT_TRACKING_BCAST, CLIENT_TRACKING_CACHING, CLIENT_TRACKING_NOLOOP, CLIENT_TRACKING_OPTIN,
    CLIENT_TRACKING_OPTOUT, redisCommand, server)
from server.session import tracking


@pytest.fixture
def told(db, monkeypatch):
    messages = []
    everybody = {}
    monkeypatch.setattr(tracking, "TrackingTable", None)
    monkeypatch.setattr(tracking, "PrefixTable", None)
    monkeypatch.setattr(tracking, "TrackingTableTotalItems", 0)
    monkeypatch.setattr(tracking, "lookupClientByID", everybody.get)
    monkeypatch.setattr(tracking, "sendTrackingMessage", lambda c, key, proto: messages.append((c.id, key)))
    monkeypatch.setattr(tracking, "getKeysFromCommand", lambda cmd, argv, argc: range(1, argc))
    server.tracking_clients = 0
    server.tracking_table_max_keys = 0
    server.current_client = None
    server.fixed_time_expire = 0
    messages_and_clients = (messages, everybody)
    return messages_and_clients


def reads(c, *keys):
    c.cmd = redisCommand(b"mget", None, -2, "", None, 1, -1, 1)
    c.argv = [createStringObject(k) for k in (b"mget",) + keys]
    c.argc = len(c.argv)
    tracking.trackingRememberKeys(c)


def change(key, c=None):
    tracking.trackingInvalidateKey(c, createStringObject(key), 1)


def test_default_mode_tells_once(told, new_client):
    messages, everybody = told
    a, b = new_client(), new_client()
    everybody.update({a.id: a, b.id: b})
    change(b"k")                                            # nobody tracks: not even a table
    tracking.enableTracking(a, 0, 0, None, 0)
    tracking.enableTracking(b, 0, 0, None, 0)
    reads(a, b"k", b"x")
    reads(b, b"k")
    reads(b, b"k")
    assert (tracking.trackingGetTotalKeys(), tracking.trackingGetTotalItems()) == (2, 3)
    change(b"k")
    assert sorted(messages) == [(a.id, b"k"), (b.id, b"k")]
    change(b"k")
    assert len(messages) == 2 and tracking.trackingGetTotalItems() == 1
    del everybody[a.id]                                     # a client that is gone is found dead later
    change(b"x")
    assert len(messages) == 2 and tracking.trackingGetTotalItems() == 0


def test_optin_optout_noloop_and_the_running_command(told, new_client):
    messages, everybody = told
    a = new_client()
    everybody[a.id] = a
    tracking.enableTracking(a, 0, CLIENT_TRACKING_OPTIN, None, 0)
    reads(a, b"k")
    assert tracking.trackingGetTotalKeys() == 0
    a.flags |= CLIENT_TRACKING_CACHING
    reads(a, b"k")
    assert tracking.trackingGetTotalKeys() == 1
    tracking.enableTracking(a, 0, CLIENT_TRACKING_OPTOUT, None, 0)
    reads(a, b"z")
    assert tracking.trackingGetTotalKeys() == 1
    server.current_client = a
    server.fixed_time_expire = 1
    change(b"k", a)
    assert messages == [] and listLength(server.tracking_pending_keys) == 1
    tracking.trackingHandlePendingKeyInvalidations()
    assert messages == [(a.id, b"k")] and listLength(server.tracking_pending_keys) == 0
    tracking.enableTracking(a, 0, CLIENT_TRACKING_NOLOOP, None, 0)
    reads(a, b"k")
    change(b"k", a)
    tracking.trackingHandlePendingKeyInvalidations()
    assert len(messages) == 1


def test_bcast(told, new_client):
    messages, everybody = told
    a, b, w = new_client(), new_client(), new_client()
    tracking.enableTracking(a, 0, CLIENT_TRACKING_BCAST, [createStringObject(b"u:"), createStringObject(b"o:")], 2)
    tracking.enableTracking(b, 0, CLIENT_TRACKING_BCAST | CLIENT_TRACKING_NOLOOP, None, 0)
    assert tracking.trackingGetTotalPrefixes() == 3
    change(b"u:1", w)
    change(b"u:2", b)
    change(b"other", b)
    tracking.trackingBroadcastInvalidationMessages()
    assert sorted(messages) == [(a.id, b"*2\r\n$3\r\nu:1\r\n$3\r\nu:2\r\n"), (b.id, b"*1\r\n$3\r\nu:1\r\n")]
    tracking.trackingBroadcastInvalidationMessages()
    assert len(messages) == 2
    change(b"u:3", b)
    tracking.trackingBroadcastInvalidationMessages()
    assert messages[2:] == [(a.id, b"*1\r\n$3\r\nu:3\r\n")]
    tracking.disableTracking(a)
    assert tracking.trackingGetTotalPrefixes() == 1 and not a.flags & CLIENT_TRACKING
    tracking.disableTracking(b)
    assert tracking.trackingGetTotalPrefixes() == 0 == server.tracking_clients
    assert a.client_tracking_prefixes is None is b.client_tracking_prefixes


def test_prefix_collisions(told, new_client, monkeypatch):
    errors = []
    monkeypatch.setattr(tracking, "addReplyErrorFormat", lambda c, fmt, *args: errors.append(fmt % args))
    c = new_client()
    obj = createStringObject
    tracking.enableTracking(c, 0, CLIENT_TRACKING_BCAST, [obj(b"ab")], 1)
    assert tracking.checkPrefixCollisionsOrReply(c, [obj(b"b"), obj(b"c")], 2) == 1
    assert tracking.checkPrefixCollisionsOrReply(c, [obj(b"a")], 1) == 0
    assert tracking.checkPrefixCollisionsOrReply(c, [obj(b"x"), obj(b"xy")], 2) == 0
    assert errors == [
        b"Prefix 'a' overlaps with an existing prefix 'ab'. Prefixes for a single client must not overlap.",
        b"Prefix 'x' overlaps with another provided prefix 'xy'. Prefixes for a single client must not overlap."]


def test_limit(told, new_client):
    messages, everybody = told
    a = new_client()
    everybody[a.id] = a
    tracking.enableTracking(a, 0, 0, None, 0)
    reads(a, *[b"key:%d" % n for n in range(1000)])
    server.tracking_table_max_keys = 400
    calls = 0
    while raxSize(tracking.TrackingTable) > 400:
        tracking.trackingLimitUsedSlots()
        calls += 1
    assert calls == 3                                       # 100, 200, 300 keys of effort
    assert raxSize(tracking.TrackingTable) == 400 and len(set(messages)) == 600


def test_flush(told, new_client, monkeypatch):
    messages, everybody = told
    a, b = new_client(), new_client()
    for c in (a, b):
        everybody[c.id] = c
        listAddNodeTail(server.clients, c)
        tracking.enableTracking(c, 0, 0, None, 0)
    nulls = [None, None, createStringObject(b"*-1\r\n"), createStringObject(b"_\r\n")]
    monkeypatch.setattr(tracking.shared, "null", nulls)
    reads(a, b"k")
    server.current_client = a
    tracking.trackingInvalidateKeysOnFlush(0)
    assert messages == [(b.id, b"*-1\r\n")]
    tracking.trackingHandlePendingKeyInvalidations()
    assert messages[1:] == [(a.id, b"*-1\r\n")] and tracking.trackingGetTotalItems() == 0
    server.current_client = None
