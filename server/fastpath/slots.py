"""slots.py - the commands of commands.py on a node of a cluster: for keys of a slot that is ours.

Shortens     cluster/cluster_command.py: getNodeByQuery; server/keyspace/db.py: slotToKeyAdd, where dbAdd calls it.
Called from  requests.execute_batch [read].
Invariant    as for commands.py; a key that a command has added is in the map of its slot.

What a packet of the bus can change within a turn is looked at for each request: the state of the cluster, the slots, and
the pause of a manual failover.
"""
from binascii import crc_hqx

from cluster.cluster import keyHashSlot
from cluster.cluster_h import CLUSTER_OK
from server.fastpath.dicts import dictAddRaw
from server.keyspace.db import slotToKeyAdd
from server.server_h import server

BRACE = ord("{")                       # CPython finds a number among bytes sooner than a string of one byte


def in_slot(function, argc, step):
    """Return `function` of commands.py, which takes `argc` arguments, as a function that serves the slots of this node only.

    The first argument and each further `step`th is a key; 0: only the first.
    """
    cluster = server.cluster

    def serve(c, db, key):
        slot = keyHashSlot(key) if BRACE in key else crc_hqx(key, 0) & 0x3FFF           # is_ours, written out
        if (cluster.slots[slot] is cluster.myself and cluster.state == CLUSTER_OK and not server.client_pause_type
                and cluster.migrating_slots_to[slot] is None and cluster.importing_slots_from[slot] is None):
            return function(c, db, key)
        return None

    def serve_argument(c, db, key, arg):
        slot = keyHashSlot(key) if BRACE in key else crc_hqx(key, 0) & 0x3FFF           # is_ours, written out
        if (cluster.slots[slot] is cluster.myself and cluster.state == CLUSTER_OK and not server.client_pause_type
                and cluster.migrating_slots_to[slot] is None and cluster.importing_slots_from[slot] is None):
            return function(c, db, key, arg)
        return None

    def serve_arguments(c, db, key, *args):
        return function(c, db, key, *args) if is_ours(key) else None

    def serve_keys(c, db, *args):
        slot = keyHashSlot(args[0])
        for key in args[step::step]:
            if keyHashSlot(key) != slot:
                return None
        return function(c, db, *args) if is_ours(args[0]) else None

    if step and argc > step:
        return serve_keys
    return serve if argc == 1 else serve_argument if argc == 2 else serve_arguments


def is_ours(key):
    """getNodeByQuery, when one slot is asked for.

    When          the cluster is up, no client is paused, and the slot of the key is ours, and neither on its way from us nor
                  to us.
    Same because  this is the one case in which getNodeByQuery returns ourselves without a look at the keyspace or at the
                  flags of client and command.
    Skips         getNodeByQuery, getKeysFromCommand, keyHashSlot.
    Gains         SET and GET, P=16: 6 times the requests of a CPU second of the same node with `fast-path no`
                  (`make bench CLUSTER=1 ARGS=--cpu`, CPython 3.11, 2026-11-29).
    """
    cluster = server.cluster
    slot = keyHashSlot(key) if BRACE in key else crc_hqx(key, 0) & 0x3FFF
    return (cluster.slots[slot] is cluster.myself and cluster.state == CLUSTER_OK and not server.client_pause_type
            and cluster.migrating_slots_to[slot] is None and cluster.importing_slots_from[slot] is None)


def add_key(d, key):
    """dictAddRaw of a db, with slotToKeyAdd, which dbAdd calls -> as dictAddRaw."""
    added = dictAddRaw(d, key)
    if added[0] is not None:
        slotToKeyAdd(key)
    return added
