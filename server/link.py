"""link.py - binds the calls that go up the layers.              Counterpart: the linker

Lives here   one assignment for every name that a module declares under `if TYPE_CHECKING:`.
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
from server import session
from server.session import acl
from server.session import blocked
from server.session import blocked_serve
from server.session import multi
from server.session import pubsub
from server.session import timeout
from server.session import tracking
from server.types import t_list
from server.types import t_stream

# cluster.cluster
cluster.clusterAcceptHandler = cluster_bus.clusterAcceptHandler
cluster.clusterSetNodeAsMaster = cluster_bus.clusterSetNodeAsMaster
cluster.freeClusterLink = cluster_bus.freeClusterLink
cluster.clusterDoBeforeSleep = cluster_failover.clusterDoBeforeSleep
cluster.resetManualFailover = cluster_failover.resetManualFailover

# cluster.cluster_bus
cluster_bus.clusterDoBeforeSleep = cluster_failover.clusterDoBeforeSleep
cluster_bus.clusterSendFailoverAuthIfNeeded = cluster_failover.clusterSendFailoverAuthIfNeeded
cluster_bus.resetManualFailover = cluster_failover.resetManualFailover

# persistence.aof_rewrite
aof_rewrite.bg_unlink = replication_master.bg_unlink

# persistence.childinfo
childinfo.exitFromChild = os_process.exitFromChild

# persistence.rdb
rdb.bg_unlink = replication_master.bg_unlink
rdb.getPsyncInitialOffset = replication_master.getPsyncInitialOffset
rdb.rdbPipeReadHandler = replication_master.rdbPipeReadHandler
rdb.replicationSetupSlaveForFullResync = replication_master.replicationSetupSlaveForFullResync
rdb.updateSlavesWaitingBgsave = replication_master.updateSlavesWaitingBgsave

# persistence.rdb_load
rdb_load.rdbLoadObject_stream = rdb_load_stream.rdbLoadObject_stream
rdb_load.rdbCheckError = redis_check_rdb.rdbCheckError
rdb_load.redis_check_rdb_main = redis_check_rdb.redis_check_rdb_main
rdb_load.replicationSendNewlineToMaster = replication_slave.replicationSendNewlineToMaster

# persistence.rdb_save
rdb_save.aofReadDiffFromParent = aof_rewrite.aofReadDiffFromParent

# replication.replication_master
replication_master.refreshGoodSlavesCount = replication.refreshGoodSlavesCount
replication_master.replicationSendAck = replication_slave.replicationSendAck
replication_master.replicationUnsetMaster = replication_slave.replicationUnsetMaster
replication_master.checkChildrenDone = server_cron.checkChildrenDone

# replication.replication_slave
replication_slave.abortFailover = replication.abortFailover
replication_slave.clearFailoverState = replication.clearFailoverState
replication_slave.redisCommunicateSystemd = server_process.redisCommunicateSystemd

# replication.sentinel.sentinel_command
sentinel_command.commandCommand = server_command.commandCommand
sentinel_command.pingCommand = server_command.pingCommand
sentinel_command.populateCommandTableParseFlags = server_init.populateCommandTableParseFlags

# server.admin.config
config.queueSentinelConfig = sentinel.queueSentinelConfig

# server.admin.config_rewrite
config_rewrite.rewriteConfigSentinelOption = sentinel.rewriteConfigSentinelOption
config_rewrite.clientBufferLimitsDefaults = config_table.clientBufferLimitsDefaults
config_rewrite.configEnumGetNameOrUnknown = config_table.configEnumGetNameOrUnknown
config_rewrite.configOOMScoreAdjValuesDefaults = config_table.configOOMScoreAdjValuesDefaults
config_rewrite.configs = config_table.configs

# server.admin.config_table
config_table.refreshGoodSlavesCount = replication.refreshGoodSlavesCount
config_table.resizeReplicationBacklog = replication_master.resizeReplicationBacklog
config_table.switch_fast_path = server_main.switch_fast_path
config_table.removeSignalHandlers = server_process.removeSignalHandlers
config_table.setupSignalHandlers = server_process.setupSignalHandlers

# server.admin.debug
debug.changeReplicationId = replication_master.changeReplicationId
debug.clearReplicationId2 = replication_master.clearReplicationId2
debug.restartServer = server_init.restartServer

# server.admin.info
info.getClusterConnectionsCount = cluster_bus.getClusterConnectionsCount
info.getFailoverStateString = replication.getFailoverStateString
info.getExpansiveClientsInfo = server_cron.getExpansiveClientsInfo
info.getInstantaneousMetric = server_cron.getInstantaneousMetric

# server.client.gopher
gopher.lookupKeyRead = db.lookupKeyRead

# server.client.networking
networking.getClusterConnectionsCount = cluster_bus.getClusterConnectionsCount
networking.askingCommand = cluster_command.askingCommand
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
networking.processCommand = server.processCommand
networking.whileBlockedCron = server_cron.whileBlockedCron
networking.DefaultUser = acl.DefaultUser
networking.unblockClient = blocked.unblockClient
networking.freeClientMultiState = multi.freeClientMultiState
networking.initClientMultiState = multi.initClientMultiState
networking.unwatchAllKeys = multi.unwatchAllKeys
networking.pubsubUnsubscribeAllChannels = pubsub.pubsubUnsubscribeAllChannels
networking.pubsubUnsubscribeAllPatterns = pubsub.pubsubUnsubscribeAllPatterns
networking.disableTracking = tracking.disableTracking

# server.client.networking_client
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

# server.client.networking_reply
networking_reply.showLatestBacklog = replication_master.showLatestBacklog
networking_reply.catClientInfoString = networking.catClientInfoString
networking_reply.closeClientOnOutputBufferLimitReached = networking.closeClientOnOutputBufferLimitReached
networking_reply.freeClientAsync = networking.freeClientAsync
networking_reply.getClientType = networking.getClientType

# server.dict_types
dict_types.overMaxmemoryAfterAlloc = evict.overMaxmemoryAfterAlloc

# server.keyspace.db
db.keyHashSlot = cluster.keyHashSlot
db.flushSlaveKeysWithExpireList = expire.flushSlaveKeysWithExpireList
db.rememberSlaveKeyWithExpire = expire.rememberSlaveKeyWithExpire
db.propagate = server.propagate
db.tracking = session.tracking
db.signalKeyAsReady = blocked.signalKeyAsReady
db.touchAllWatchedKeysInDb = multi.touchAllWatchedKeysInDb
db.touchWatchedKey = multi.touchWatchedKey
db.trackingInvalidateKey = tracking.trackingInvalidateKey
db.trackingInvalidateKeysOnFlush = tracking.trackingInvalidateKeysOnFlush

# server.keyspace.db_command
db_command.prepareForShutdown = server.prepareForShutdown

# server.keyspace.lazyfree
lazyfree.slotToKeyDel = db.slotToKeyDel
lazyfree.freeTrackingRadixTree = tracking.freeTrackingRadixTree

# server.keyspace.notify
notify.pubsubPublishMessage = pubsub.pubsubPublishMessage

# server.log
log.serverLogObjectDebugInfo = debug.serverLogObjectDebugInfo
log.genRedisInfoString = info.genRedisInfoString
log.connGetInfo = connection.connGetInfo
log.catClientInfoString = networking.catClientInfoString
log.getAllClientsInfoString = networking.getAllClientsInfoString
log.getDecodedObject = object.getDecodedObject
log.removeSignalHandlers = server_process.removeSignalHandlers

# server.object
object.addReplyError = networking_reply.addReplyError
object.addReplyErrorFormat = networking_reply.addReplyErrorFormat
object.addReplyErrorObject = networking_reply.addReplyErrorObject
object.streamNew = t_stream.streamNew

# server.os_process
os_process.dbTotalServerKeyCount = db.dbTotalServerKeyCount
os_process.closeListeningSockets = server_listen.closeListeningSockets

# server.scripting.scripting
scripting.replicationFeedMonitors = replication_master.replicationFeedMonitors

# server.scripting.scripting_redis
scripting_redis.getNodeByQuery = cluster_command.getNodeByQuery
scripting_redis.call = server.call

# server.server_init
server_init.unexpected_exception = server_main.unexpected_exception

# server.session.blocked
blocked.replicationCountAcksByOffset = replication.replicationCountAcksByOffset
blocked.unblockClientWaitingReplicas = replication.unblockClientWaitingReplicas
blocked.slowlogPushCurrentCommand = server.slowlogPushCurrentCommand

# server.session.blocked_serve
blocked_serve.afterCommand = server.afterCommand
blocked_serve.propagate = server.propagate

# server.session.multi
multi.feedReplicationBacklog = replication_master.feedReplicationBacklog
multi.replicationFeedMonitors = replication_master.replicationFeedMonitors
multi.call = server.call
multi.propagate = server.propagate

# server.session.pubsub
pubsub.clusterPropagatePublish = cluster_bus.clusterPropagatePublish

# server.session.timeout
timeout.clusterRedirectBlockedClientIfNeeded = cluster_command.clusterRedirectBlockedClientIfNeeded
timeout.replyToBlockedClientTimedOut = blocked.replyToBlockedClientTimedOut
timeout.unblockClient = blocked.unblockClient

# server.types.t_list
t_list.propagate = server.propagate

# server.types.t_stream
t_stream.propagate = server.propagate
