"""cluster.py - the cluster, as far as a single server needs it.          Mirrors src/cluster.c (6.2.14)

Lives here   keyHashSlot; clusterInit, which refuses cluster mode with a clear line: the bus and the slots are not
             written yet.  The other functions are the entry points that the server calls under server.cluster_enabled.
Called from  initServer [startup]; processCommand, beforeSleep, serverCron only when cluster_enabled, which cannot be.
Departures   D-3, see docs/departures.md.
"""
import sys

from datastructs.crc16 import crc16
from server.log import serverLog, serverPanic
from server.server_h import LL_WARNING


def clusterInit():
    """End the start of a server with `cluster-enabled yes`."""
    serverLog(LL_WARNING, "FATAL: cluster-enabled yes is not supported yet: this version runs standalone servers and replicas.")
    sys.exit(1)


def getClusterConnectionsCount():
    """Connections of the cluster bus (two a node that is linked): none outside cluster mode."""
    return 0


def keyHashSlot(key):
    """Return the slot of a key, 0..16383: of the part between the first { and the next }, if there is one."""
    start = key.find(b"{")
    if start != -1:
        end = key.find(b"}", start + 1)
        if end > start + 1:
            key = key[start + 1:end]
    return crc16(key) & 0x3FFF


def unreachable(*args):
    """Nobody gets here: clusterInit has ended the process."""
    serverPanic("cluster mode is not supported")


clusterPropagatePublish = unreachable
clusterCron = unreachable
clusterBeforeSleep = unreachable
verifyClusterConfigWithData = unreachable
getNodeByQuery = unreachable
clusterRedirectClient = unreachable
clusterRedirectBlockedClientIfNeeded = unreachable
