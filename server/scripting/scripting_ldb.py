"""scripting_ldb.py - the debugger of scripts.           Mirrors src/scripting.c, "LDB: Redis Lua debugging facilities"
"""


class ldbState:
    """The debugger's state."""
    __slots__ = ("conn", "active", "forked", "logs", "children", "bp", "step", "luabp", "src", "currentline", "cbuf", "maxlen",
                 "maxlen_hint_sent")

    def __init__(self):
        self.active = 0


ldb = ldbState()


def ldbInit():
    ldb.children = []


def ldbEnable(c):
    pass


def ldbDisable(c):
    pass


def ldbStartSession(c):
    return 1


def ldbEndSession(c):
    pass


def ldbRemoveChild(pid):
    return 0


def ldbPendingChildren():
    return 0


def ldbKillForkedSessions():
    pass


def luaLdbLineHook(*args):
    return None


def luaRedisBreakpointCommand():
    return False


def luaRedisDebugCommand(*args):
    return None
