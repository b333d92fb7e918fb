"""link.py - binds the calls that go up the layers.              Counterpart: the linker

Lives here   one assignment for every name that a module declares under `if TYPE_CHECKING:`.
Called from  every entry point, and tests/conftest.py, by being imported [startup].
Extend       do not edit: `python -m tests.support.genlink --write`.
"""
from persistence import aof
from server.admin import debug
from server.admin import info
from server.client import connection
from server.client import networking
from server.client import networking_reply
from server.keyspace import evict
from server import log
from server import object
from server import server

# persistence.aof
aof.hasActiveChildProcess = server.hasActiveChildProcess
aof.lookupCommand = server.lookupCommand

# server.log
log.serverLogObjectDebugInfo = debug.serverLogObjectDebugInfo
log.genRedisInfoString = info.genRedisInfoString
log.connGetInfo = connection.connGetInfo
log.catClientInfoString = networking.catClientInfoString
log.getAllClientsInfoString = networking.getAllClientsInfoString
log.getDecodedObject = object.getDecodedObject
log.removeSignalHandlers = server.removeSignalHandlers

# server.object
object.addReplyError = networking_reply.addReplyError
object.addReplyErrorFormat = networking_reply.addReplyErrorFormat
object.addReplyErrorObject = networking_reply.addReplyErrorObject
object.LFUGetTimeInMinutes = evict.LFUGetTimeInMinutes
