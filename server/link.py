"""link.py - binds the calls that go up the layers.              Counterpart: the linker

Lives here   one assignment for every name that a module declares under `if TYPE_CHECKING:`.
Called from  every entry point, and tests/conftest.py, by being imported [startup].
Extend       do not edit: `python -m tests.support.genlink --write`.
"""
from persistence import aof
from replication import replication
from replication.sentinel import sentinel
from server.admin import config
from server.admin import config_table
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

# server.admin.config
config.queueSentinelConfig = sentinel.queueSentinelConfig
config.rewriteConfigSentinelOption = sentinel.rewriteConfigSentinelOption
config.changeBindAddr = server.changeBindAddr
config.lookupCommand = server.lookupCommand
config.resetCommandTableStats = server.resetCommandTableStats
config.resetErrorTableStats = server.resetErrorTableStats
config.resetServerStats = server.resetServerStats
config.setOOMScoreAdj = server.setOOMScoreAdj

# server.admin.config_table
config_table.startAppendOnly = aof.startAppendOnly
config_table.stopAppendOnly = aof.stopAppendOnly
config_table.refreshGoodSlavesCount = replication.refreshGoodSlavesCount
config_table.resizeReplicationBacklog = replication.resizeReplicationBacklog
config_table.rewriteConfigBytesOption = config.rewriteConfigBytesOption
config_table.rewriteConfigEnumOption = config.rewriteConfigEnumOption
config_table.rewriteConfigNumericalOption = config.rewriteConfigNumericalOption
config_table.rewriteConfigSdsOption = config.rewriteConfigSdsOption
config_table.rewriteConfigStringOption = config.rewriteConfigStringOption
config_table.rewriteConfigYesNoOption = config.rewriteConfigYesNoOption
config_table.adjustOpenFilesLimit = server.adjustOpenFilesLimit
config_table.changeListenPort = server.changeListenPort
config_table.redisSetProcTitle = server.redisSetProcTitle
config_table.removeSignalHandlers = server.removeSignalHandlers
config_table.setOOMScoreAdj = server.setOOMScoreAdj
config_table.setupSignalHandlers = server.setupSignalHandlers
config_table.validateProcTitleTemplate = server.validateProcTitleTemplate

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
