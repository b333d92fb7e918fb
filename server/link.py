"""link.py - binds the calls that go up the layers.              Counterpart: the linker

Lives here   one assignment for every name that a module declares under `if TYPE_CHECKING:`, from the module that defines
             the name, under headings that say why this part of C's circle of calls is natural.
Called from  every entry point, and tests/conftest.py, by being imported [startup].
Extend       do not edit: `python -m tests.support.genlink --write`.
"""
from cluster import cluster
from cluster import cluster_bus
from cluster import cluster_command
from cluster import cluster_failover
from persistence import aof_rewrite
from persistence import childinfo
from persistence import rdb
from persistence import rdb_load
from persistence import rdb_load_stream
from persistence import rdb_save
from persistence import redis_check_rdb
from replication import replication
from replication import replication_master
from replication import replication_slave
from replication.sentinel import sentinel
from replication.sentinel import sentinel_command
from server.admin import config
from server.admin import config_rewrite
from server.admin import config_table
from server.admin import debug
from server.admin import info
from server.client import connection
from server.client import gopher
from server.client import networking
from server.client import networking_client
from server.client import networking_reply
from server.client import networking_threads
from server import dict_types
from server.keyspace import db
from server.keyspace import db_command
from server.keyspace import evict
from server.keyspace import expire
from server.keyspace import lazyfree
from server.keyspace import notify
from server import log
from server import object
from server import os_process
from server.scripting import scripting
from server.scripting import scripting_redis
from server import server
from server import server_command
from server import server_cron
from server import server_init
from server import server_listen
from server import server_main
from server import server_process
from server.session import acl
from server.session import blocked
from server.session import blocked_serve
from server.session import multi
from server.session import pubsub
from server.session import timeout
from server.session import tracking
from server.types import t_list
from server.types import t_stream

# Cluster
# It is asked at fixed points of the server, and sees all of it itself.
cluster.clusterAcceptHandler = cluster_bus.clusterAcceptHandler
cluster.clusterSetNodeAsMaster = cluster_bus.clusterSetNodeAsMaster
cluster.freeClusterLink = cluster_bus.freeClusterLink
cluster.clusterDoBeforeSleep = cluster_failover.clusterDoBeforeSleep
cluster.resetManualFailover = cluster_failover.resetManualFailover
cluster_bus.clusterDoBeforeSleep = cluster_failover.clusterDoBeforeSleep
cluster_bus.clusterSendFailoverAuthIfNeeded = cluster_failover.clusterSendFailoverAuthIfNeeded
cluster_bus.resetManualFailover = cluster_failover.resetManualFailover
info.getClusterConnectionsCount = cluster_bus.getClusterConnectionsCount
networking.getClusterConnectionsCount = cluster_bus.getClusterConnectionsCount
networking.askingCommand = cluster_command.askingCommand
db.keyHashSlot = cluster.keyHashSlot
scripting_redis.getNodeByQuery = cluster_command.getNodeByQuery
pubsub.clusterPropagatePublish = cluster_bus.clusterPropagatePublish
timeout.clusterRedirectBlockedClientIfNeeded = cluster_command.clusterRedirectBlockedClientIfNeeded

# Sentinel
# It is a mode of the same program: its directives and commands stand in its own folder.
sentinel_command.commandCommand = server_command.commandCommand
sentinel_command.pingCommand = server_command.pingCommand
sentinel_command.populateCommandTableParseFlags = server_init.populateCommandTableParseFlags
config.queueSentinelConfig = sentinel.queueSentinelConfig
config_rewrite.rewriteConfigSentinelOption = sentinel.rewriteConfigSentinelOption

# processCommand, call, propagate
# What a client sends is executed by the heart of the server; EXEC, Lua and clients that are served later come back to it.
networking.processCommand = server.processCommand
networking.whileBlockedCron = server_cron.whileBlockedCron
db.propagate = server.propagate
db_command.prepareForShutdown = server.prepareForShutdown
notify.pubsubPublishMessage = pubsub.pubsubPublishMessage
scripting.replicationFeedMonitors = replication_master.replicationFeedMonitors
scripting_redis.call = server.call
blocked.slowlogPushCurrentCommand = server.slowlogPushCurrentCommand
blocked_serve.afterCommand = server.afterCommand
blocked_serve.propagate = server.propagate
multi.feedReplicationBacklog = replication_master.feedReplicationBacklog
multi.replicationFeedMonitors = replication_master.replicationFeedMonitors
multi.call = server.call
multi.propagate = server.propagate
t_list.propagate = server.propagate
t_stream.propagate = server.propagate

# A client's birth and death
# freeClient takes a client out of everything that it takes part in.
gopher.lookupKeyRead = db.lookupKeyRead
networking.killRDBChild = rdb.killRDBChild
networking.refreshGoodSlavesCount = replication.refreshGoodSlavesCount
networking.rdbPipeWriteHandlerConnRemoved = replication_master.rdbPipeWriteHandlerConnRemoved
networking.replicationFeedSlavesFromMasterStream = replication_master.replicationFeedSlavesFromMasterStream
networking.replicationGetSlaveName = replication_master.replicationGetSlaveName
networking.replicationCacheMaster = replication_slave.replicationCacheMaster
networking.replicationHandleMasterDisconnection = replication_slave.replicationHandleMasterDisconnection
networking.clientCommand = networking_client.clientCommand
networking.postponeClientRead = networking_threads.postponeClientRead
networking.selectDb = db.selectDb
networking.DefaultUser = acl.DefaultUser
networking.unblockClient = blocked.unblockClient
networking.freeClientMultiState = multi.freeClientMultiState
networking.initClientMultiState = multi.initClientMultiState
networking.unwatchAllKeys = multi.unwatchAllKeys
networking.pubsubUnsubscribeAllChannels = pubsub.pubsubUnsubscribeAllChannels
networking.pubsubUnsubscribeAllPatterns = pubsub.pubsubUnsubscribeAllPatterns
networking.disableTracking = tracking.disableTracking
networking_reply.showLatestBacklog = replication_master.showLatestBacklog
networking_reply.closeClientOnOutputBufferLimitReached = networking.closeClientOnOutputBufferLimitReached
networking_reply.getClientType = networking.getClientType

# CLIENT, HELLO and RESET
# The commands on a connection reach what the connection takes part in.
networking_client.selectDb = db.selectDb
networking_client.ACLAuthenticateUser = acl.ACLAuthenticateUser
networking_client.ACLGetUserByName = acl.ACLGetUserByName
networking_client.replyToBlockedClientTimedOut = blocked.replyToBlockedClientTimedOut
networking_client.unblockClient = blocked.unblockClient
networking_client.discardTransaction = multi.discardTransaction
networking_client.pubsubUnsubscribeAllChannels = pubsub.pubsubUnsubscribeAllChannels
networking_client.pubsubUnsubscribeAllPatterns = pubsub.pubsubUnsubscribeAllPatterns
networking_client.getTimeoutFromObjectOrReply = timeout.getTimeoutFromObjectOrReply
networking_client.checkPrefixCollisionsOrReply = tracking.checkPrefixCollisionsOrReply
networking_client.disableTracking = tracking.disableTracking
networking_client.enableTracking = tracking.enableTracking

# A changed or missing key
# Watching, tracking and blocked clients, lazy freeing and maxmemory hook into the keyspace.
dict_types.overMaxmemoryAfterAlloc = evict.overMaxmemoryAfterAlloc
db.flushSlaveKeysWithExpireList = expire.flushSlaveKeysWithExpireList
db.rememberSlaveKeyWithExpire = expire.rememberSlaveKeyWithExpire
db.signalKeyAsReady = blocked.signalKeyAsReady
db.touchAllWatchedKeysInDb = multi.touchAllWatchedKeysInDb
db.touchWatchedKey = multi.touchWatchedKey
db.trackingInvalidateKey = tracking.trackingInvalidateKey
db.trackingInvalidateKeysOnFlush = tracking.trackingInvalidateKeysOnFlush
lazyfree.slotToKeyDel = db.slotToKeyDel
lazyfree.freeTrackingRadixTree = tracking.freeTrackingRadixTree

# Clients that wait
# The end of a wait is in the hands of what the client has waited for.
blocked.replicationCountAcksByOffset = replication.replicationCountAcksByOffset
blocked.unblockClientWaitingReplicas = replication.unblockClientWaitingReplicas
timeout.replyToBlockedClientTimedOut = blocked.replyToBlockedClientTimedOut
timeout.unblockClient = blocked.unblockClient

# Objects answer their own errors
# The get...OrReply functions of object.c; the constructor of streams.
object.addReplyError = networking_reply.addReplyError
object.addReplyErrorFormat = networking_reply.addReplyErrorFormat
object.addReplyErrorObject = networking_reply.addReplyErrorObject
object.streamNew = t_stream.streamNew

# The bug report
# It prints the state of everything, and goes through the lowest layer.
log.serverLogObjectDebugInfo = debug.serverLogObjectDebugInfo
log.genRedisInfoString = info.genRedisInfoString
log.connGetInfo = connection.connGetInfo
log.catClientInfoString = networking.catClientInfoString
log.commandProcessed = networking.commandProcessed
log.freeClientAsync = networking.freeClientAsync
log.getAllClientsInfoString = networking.getAllClientsInfoString
log.addReplyErrorFormat = networking_reply.addReplyErrorFormat
log.getDecodedObject = object.getDecodedObject
log.removeSignalHandlers = server_process.removeSignalHandlers

# Fork
# A child closes what its parent listens on; its parent counts what it is to save.
childinfo.exitFromChild = os_process.exitFromChild
os_process.dbTotalServerKeyCount = db.dbTotalServerKeyCount
os_process.closeListeningSockets = server_listen.closeListeningSockets

# RDB, AOF and replication
# A full synchronization is a save, and a load may come from the master.
aof_rewrite.bg_unlink = replication_master.bg_unlink
rdb.bg_unlink = replication_master.bg_unlink
rdb.getPsyncInitialOffset = replication_master.getPsyncInitialOffset
rdb.rdbPipeReadHandler = replication_master.rdbPipeReadHandler
rdb.replicationSetupSlaveForFullResync = replication_master.replicationSetupSlaveForFullResync
rdb.updateSlavesWaitingBgsave = replication_master.updateSlavesWaitingBgsave
rdb_load.rdbLoadObject_stream = rdb_load_stream.rdbLoadObject_stream
rdb_load.rdbCheckError = redis_check_rdb.rdbCheckError
rdb_load.redis_check_rdb_main = redis_check_rdb.redis_check_rdb_main
rdb_load.replicationSendNewlineToMaster = replication_slave.replicationSendNewlineToMaster
rdb_save.aofReadDiffFromParent = aof_rewrite.aofReadDiffFromParent
replication_master.refreshGoodSlavesCount = replication.refreshGoodSlavesCount
replication_master.replicationSendAck = replication_slave.replicationSendAck
replication_master.replicationUnsetMaster = replication_slave.replicationUnsetMaster
replication_master.checkChildrenDone = server_cron.checkChildrenDone
replication_slave.abortFailover = replication.abortFailover
replication_slave.clearFailoverState = replication.clearFailoverState
replication_slave.redisCommunicateSystemd = server_process.redisCommunicateSystemd

# CONFIG, DEBUG and INFO
# A directive takes effect in the part that it configures; DEBUG and INFO show what runs above.
config_rewrite.clientBufferLimitsDefaults = config_table.clientBufferLimitsDefaults
config_rewrite.configEnumGetNameOrUnknown = config_table.configEnumGetNameOrUnknown
config_rewrite.configOOMScoreAdjValuesDefaults = config_table.configOOMScoreAdjValuesDefaults
config_rewrite.configs = config_table.configs
config_table.refreshGoodSlavesCount = replication.refreshGoodSlavesCount
config_table.resizeReplicationBacklog = replication_master.resizeReplicationBacklog
config_table.switch_fast_path = server_main.switch_fast_path
config_table.removeSignalHandlers = server_process.removeSignalHandlers
config_table.setupSignalHandlers = server_process.setupSignalHandlers
debug.changeReplicationId = replication_master.changeReplicationId
debug.clearReplicationId2 = replication_master.clearReplicationId2
debug.restartServer = server_init.restartServer
info.getFailoverStateString = replication.getFailoverStateString
info.getExpansiveClientsInfo = server_cron.getExpansiveClientsInfo
info.getInstantaneousMetric = server_cron.getInstantaneousMetric

# Start-up
# The loop is given the function that main has for exceptions.
server_init.unexpected_exception = server_main.unexpected_exception
