"""seen_dump.py - the value in a DUMP payload, down to its bytes.       No counterpart in C

Lives here   value_in.
Called from  seen.py, for servers that are not ours.
Calls out    the RDB loader; state.value_of.
State        none.  rdbLoadObject reads the limits of ziplists from `server`, which is that of this process: start values.
Departures   all of it is ours.
"""
from server import link  # noqa: F401
from persistence.rdb_load import rdbLoadObject, rdbLoadObjectType
from persistence.rio import rio, rioInitWithBuffer
from server.server_h import server
from server.server_init import initServerConfig
from server.study.state import value_of
from server.study.walks import caps


def value_in(payload, key, first):
    """Decode a payload -> what DEBUG STATE KEY has as "value"; {"error": text} for an encoding that 6.2 does not know"""
    if server.db is None and not server.list_max_ziplist_size:
        initServerConfig()
    r = rio()
    rioInitWithBuffer(r, bytearray(payload[:-10]))
    rdbtype = rdbLoadObjectType(r, int.from_bytes(payload[-10:-8], "little"))
    o = rdbLoadObject(rdbtype, r, key)[0] if rdbtype >= 0 else None
    if o is None:
        return {"error": "this encoding is newer than 6.2"}
    return value_of(o, first, caps())
