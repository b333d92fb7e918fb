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
from server.keyspace.db import slotToKeyAdd
from server.server_h import server


def in_slot(function, step):
    """Return `function` of commands.py as a function that serves the slots of this node only.  Its first argument and each further
    `step`th is a key; 0: only the first."""
    def serve_key(c, db, key, *args):
        if not is_ours(key):
            return None
        used = keys_in(db)
        try:
            return function(c, db, key, *args)
        finally:
            if keys_in(db) > used:
                slotToKeyAdd(key)

    def serve_keys(c, db, *args):
        keys = args[::step]
        slot = keyHashSlot(keys[0])
        for key in keys:
            if keyHashSlot(key) != slot:
                return None
        if not is_ours(keys[0]):
            return None
        used = keys_in(db)
        try:
            return function(c, db, *args)
        finally:
            if keys_in(db) > used:
                for key in keys:           # the map keeps those that it has
                    slotToKeyAdd(key)

    return serve_keys if step else serve_key


def is_ours(key):
    """getNodeByQuery, when one slot is asked for.

    When          the cluster is up, no client is paused, and the slot of the key is ours, and neither on its way from us nor to us.
    Same because  this is the one case in which getNodeByQuery returns ourselves without a look at the keyspace or at the
                  flags of client and command.
    Skips         getNodeByQuery, getKeysFromCommand, keyHashSlot.
    Gains         SET and GET, P=16: 4.4 times the requests of a CPU second of the same node with `fast-path no`
                  (`make bench CLUSTER=1 ARGS=--cpu`, CPython 3.11, 2026-11-28).
    """
    srv = server
    cluster = srv.cluster
    slot = keyHashSlot(key) if b"{" in key else crc_hqx(key, 0) & 0x3FFF
    return (cluster.slots[slot] is cluster.myself and cluster.state == CLUSTER_OK and not srv.client_pause_type
            and cluster.migrating_slots_to[slot] is None and cluster.importing_slots_from[slot] is None)


def keys_in(db):
    """Count how many keys a db has (dictSize)."""
    ht0, ht1 = db.dict.ht
    return ht0.used + ht1.used
