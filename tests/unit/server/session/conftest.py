"""Fake clients and databases: no sockets, no replies."""
import pytest

from datastructs.adlist import list_, listCreate
from datastructs.dict import dictCreate, dictEncObjHash, dictEncObjKeyCompare, dictObjHash, dictObjKeyCompare, dictType
from datastructs.rax import raxNew
from server.object import equalStringObjects
from server.server_h import BLOCKED_NUM, client, redisDb, server

KEYS = dictType(hashFunction=dictObjHash, keyCompare=dictObjKeyCompare)
ENC_KEYS = dictType(hashFunction=dictEncObjHash, keyCompare=dictEncObjKeyCompare)


@pytest.fixture
def db():
    d = redisDb()
    d.dict = dictCreate(dictType())
    d.expires = dictCreate(dictType())
    d.blocking_keys = dictCreate(KEYS)
    d.ready_keys = dictCreate(KEYS)
    d.watched_keys = dictCreate(KEYS)
    server.clients_timeout_table = raxNew()
    server.unblocked_clients = listCreate()
    server.ready_keys = listCreate()
    server.clients = listCreate()
    server.paused_clients = listCreate()
    server.pubsub_channels = dictCreate(ENC_KEYS)
    server.pubsub_patterns = dictCreate(ENC_KEYS)
    server.tracking_pending_keys = listCreate()
    server.blocked_clients = 0
    server.blocked_clients_by_type = [0] * BLOCKED_NUM
    return d


@pytest.fixture
def new_client(db):
    count = [0]

    def make():
        count[0] += 1
        c = client()
        c.id = count[0]
        c.db = db
        c.watched_keys = list_()
        c.bpop.keys = dictCreate(KEYS)
        c.pubsub_channels = dictCreate(ENC_KEYS)
        c.pubsub_patterns = listCreate()
        c.pubsub_patterns.match = equalStringObjects
        return c
    return make


@pytest.fixture
def clock(monkeypatch):
    """A list with the time in ms; modules under test bind it as their mstime."""
    return [1_000_000]
