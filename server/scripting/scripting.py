"""scripting.py - SKELETON, to be written."""
from typing import TYPE_CHECKING

from datastructs.dict import dictCreate
from server.client.networking_reply import addReplyErrorFormat
from server.server_h import server
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.server import shaScriptObjectDictType


def evalCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def evalShaCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def scriptCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def scriptingInit(setup):
    """Make the tables of scripts; the interpreter itself is made by the first EVAL."""
    server.lua_caller = None
    server.lua_cur_script = None
    server.lua_timedout = 0
    server.lua_scripts = dictCreate(shaScriptObjectDictType)
    server.lua_scripts_mem = 0


def luaCreateFunction(*args):
    raise NotImplementedError("luaCreateFunction")


def ldbRemoveChild(pid):
    return 0


def ldbPendingChildren():
    return 0


def ldbKillForkedSessions():
    pass


def luaMemoryUsage():
    """Bytes in use by the Lua interpreter; 0 while there is none (C: lua_gc(server.lua, LUA_GCCOUNT, 0) * 1024)."""
    return 0
