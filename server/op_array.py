"""op_array.py - what a command wants propagated beside, or instead of, itself.  Mirrors src/server.c, "Redis OP Array API" (6.2.14)

Lives here   redisOpArray; alsoPropagate, forceCommandPropagation, preventCommandPropagation; call() reads what they leave.
Called from  command procs [command].
State        server.also_propagate; CLIENT_FORCE_* and CLIENT_PREVENT_* of the client.
Departures   none.
"""
from server.log import serverAssert
from server.server_h import (
    CLIENT_FORCE_AOF, CLIENT_FORCE_REPL, CLIENT_PREVENT_PROP, CMD_MAY_REPLICATE, CMD_WRITE, PROPAGATE_AOF, PROPAGATE_REPL,
    redisOp, server,
)


def redisOpArrayInit(oa):
    oa.ops = None
    oa.numops = 0


def redisOpArrayAppend(oa, cmd, dbid, argv, target):
    if oa.ops is None:
        oa.ops = []
    oa.ops.append(redisOp(cmd, dbid, argv, target))
    oa.numops += 1
    return oa.numops


def redisOpArrayFree(oa):
    oa.ops = None
    oa.numops = 0


def alsoPropagate(cmd, dbid, argv, target):
    """Queue a command to be propagated after the running one (PROPAGATE_* in `target`).  `argv` is copied."""
    if server.loading:
        return
    redisOpArrayAppend(server.also_propagate, cmd, dbid, list(argv), target)


def forceCommandPropagation(c, flags):
    """Propagate the running command even if it changed nothing (PUBLISH, SCRIPT LOAD)."""
    serverAssert(c.cmd.flags & (CMD_WRITE | CMD_MAY_REPLICATE))
    if flags & PROPAGATE_REPL:
        c.flags |= CLIENT_FORCE_REPL
    if flags & PROPAGATE_AOF:
        c.flags |= CLIENT_FORCE_AOF


def preventCommandPropagation(c):
    """Do not propagate the running command: it has propagated its effects itself."""
    c.flags |= CLIENT_PREVENT_PROP
