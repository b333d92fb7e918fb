"""slots.py - the commands of commands.py on a node of a cluster: for keys of a slot that is ours.

Shortens     cluster/cluster_command.py: getNodeByQuery; server/keyspace/db.py: slotToKeyAdd, where dbAdd calls it.
Called from  requests.execute_batch [read].
Invariant    as for commands.py; a key that a command has added is in the map of its slot when the command ends.

What a packet of the bus can change within a turn is looked at for each request: the state of the cluster, the slots, and
the pause of a manual failover.
"""
from binascii import crc_hqx

from cluster.cluster import keyHashSlot
from cluster.cluster_h import CLUSTER_OK
from datastructs.dict import dictSize
from server.keyspace.db import slotToKeyAdd
from server.server_h import server


def in_slot(function, argc, step, writes):
    """Return `function` of commands.py, which takes `argc` arguments, as a function that serves the slots of this node only.

    The first argument and each further `step`th is a key; 0: only the first.  `writes`: the command may add its keys to the db.
    """
    def read_key(c, db, key):
        return function(c, db, key) if is_ours(key) else None

    def read_arguments(c, db, key, *args):
        return function(c, db, key, *args) if is_ours(key) else None

    def write_argument(c, db, key, arg):               # SET: without the tuple of write_arguments
        if not is_ours(key):
            return None
        ht0, ht1 = db.dict.ht                          # dictSize
        used = ht0.used + ht1.used
        try:
            return function(c, db, key, arg)
        finally:
            ht0, ht1 = db.dict.ht
            if ht0.used + ht1.used > used:
                slotToKeyAdd(key)

    def write_arguments(c, db, key, *args):
        if not is_ours(key):
            return None
        used = dictSize(db.dict)
        try:
            return function(c, db, key, *args)
        finally:
            if dictSize(db.dict) > used:
                slotToKeyAdd(key)

    def serve_keys(c, db, *args):
        keys = args[::step]
        slot = keyHashSlot(keys[0])
        for key in keys:
            if keyHashSlot(key) != slot:
                return None
        if not is_ours(keys[0]):
            return None
        used = dictSize(db.dict)
        try:
            return function(c, db, *args)
        finally:
            if dictSize(db.dict) > used:
                for key in keys:                       # the map keeps those that it has
                    slotToKeyAdd(key)

    if step and argc > step:
        return serve_keys
    if writes:
        return write_argument if argc == 2 else write_arguments
    return read_key if argc == 1 else read_arguments


def is_ours(key):
    """getNodeByQuery, when one slot is asked for.

    When          the cluster is up, no client is paused, and the slot of the key is ours, and neither on its way from us nor to us.
    Same because  this is the one case in which getNodeByQuery returns ourselves without a look at the keyspace or at the
                  flags of client and command.
    Skips         getNodeByQuery, getKeysFromCommand, keyHashSlot.
    Gains         SET and GET, P=16: 4.2 to 5.3 times the requests of a CPU second of the same node with `fast-path no`
                  (`make bench CLUSTER=1 ARGS=--cpu`, CPython 3.11, 2026-11-28).
    """
    srv = server
    cluster = srv.cluster
    slot = keyHashSlot(key) if b"{" in key else crc_hqx(key, 0) & 0x3FFF
    return (cluster.slots[slot] is cluster.myself and cluster.state == CLUSTER_OK and not srv.client_pause_type
            and cluster.migrating_slots_to[slot] is None and cluster.importing_slots_from[slot] is None)
