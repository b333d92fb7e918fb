"""cluster_command.py - CLUSTER and its relatives.          Mirrors src/cluster.c: clusterCommand ... (6.2.14)

Lives here   CLUSTER ASKING READONLY READWRITE, as a server outside cluster mode answers them.
Called from  call() [command].
Departures   D-3, see docs/departures.md: there is no cluster mode yet, so the check at the top of each C function is all.
"""
from server.client.networking_reply import addReply, addReplyError
from server.log import serverAssert
from server.server_h import CLIENT_READONLY, server, shared


def refuse(c):
    """Reply what 6.2 replies outside cluster mode."""
    serverAssert(server.cluster_enabled == 0)
    addReplyError(c, b"This instance has cluster support disabled")


def clusterCommand(c):
    """CLUSTER subcommand [arg ...] -> error   [admin, random, ok-stale]"""
    refuse(c)


def askingCommand(c):
    """ASKING -> error   [fast]"""
    refuse(c)


def readonlyCommand(c):
    """READONLY -> error   [fast]"""
    refuse(c)


def readwriteCommand(c):
    """READWRITE -> OK, outside cluster mode too   [fast]"""
    c.flags &= ~CLIENT_READONLY
    addReply(c, shared.ok)
