"""link.py - binds the calls that go up the layers.              Counterpart: the linker

Lives here   one assignment for every name that a module declares under `if TYPE_CHECKING:`.
Called from  every entry point, and tests/conftest.py, by being imported [startup].
Extend       do not edit: `python -m tests.support.genlink --write`.
"""
from cluster import cluster
from cluster import cluster_command
from persistence import aof
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
from server.admin import config
from server.admin import config_table
from server.admin import debug
from server.admin import info
from server.admin import latency
from server import bio
from server.client import connection
from server.client import gopher
from server.client import networking
from server.client import networking_client
from server.client import networking_reply
from server.client import networking_threads
from server import commandtable
from server.keyspace import db
from server.keyspace import evict
from server.keyspace import expire
from server.keyspace import lazyfree
from server.keyspace import notify
from server.keyspace import object_command
from server import log
from server import object
from server.scripting import scripting
from server.scripting import scripting_ldb
from server.scripting import scripting_redis
from server import server
from server import server_cron
from server import server_main
from server import server_process
from server import session
from server.session import acl
from server.session import blocked
from server.session import multi
from server.session import pubsub
from server.session import timeout
from server.session import tracking
from server.types import t_hash
from server.types import t_list
from server.types import t_set
from server.types import t_stream
from server.types import t_stream_cgroup
from server.types import t_stream_command
from server.types import t_zset
from server.types import t_zset_ops
from server.types import t_zset_range

# persistence.aof
aof.hasActiveChildProcess = server.hasActiveChildProcess
aof.lookupCommand = server.lookupCommand

# persistence.aof_rewrite
aof_rewrite.aofRewriteBufferReset = aof.aofRewriteBufferReset
aof_rewrite.aofRewriteBufferSize = aof.aofRewriteBufferSize
aof_rewrite.aofRewriteBufferWrite = aof.aofRewriteBufferWrite
aof_rewrite.aofUpdateCurrentSize = aof.aofUpdateCurrentSize
aof_rewrite.aof_background_fsync = aof.aof_background_fsync
aof_rewrite.bg_unlink = replication.bg_unlink
aof_rewrite.replicationScriptCacheFlush = replication.replicationScriptCacheFlush
aof_rewrite.exitFromChild = server.exitFromChild
aof_rewrite.hasActiveChildProcess = server.hasActiveChildProcess
aof_rewrite.redisFork = server.redisFork
aof_rewrite.redisSetCpuAffinity = server.redisSetCpuAffinity
aof_rewrite.redisSetProcTitle = server.redisSetProcTitle
aof_rewrite.resetChildState = server.resetChildState
aof_rewrite.sendChildCowInfo = server.sendChildCowInfo
aof_rewrite.sendChildInfo = server.sendChildInfo

# persistence.childinfo
childinfo.exitFromChild = server.exitFromChild

# persistence.rdb
rdb.bg_unlink = replication.bg_unlink
rdb.getPsyncInitialOffset = replication.getPsyncInitialOffset
rdb.rdbPipeReadHandler = replication.rdbPipeReadHandler
rdb.replicationSetupSlaveForFullResync = replication.replicationSetupSlaveForFullResync
rdb.updateSlavesWaitingBgsave = replication.updateSlavesWaitingBgsave
rdb.exitFromChild = server.exitFromChild
rdb.hasActiveChildProcess = server.hasActiveChildProcess
rdb.redisFork = server.redisFork
rdb.redisSetCpuAffinity = server.redisSetCpuAffinity
rdb.redisSetProcTitle = server.redisSetProcTitle
rdb.sendChildCowInfo = server.sendChildCowInfo

# persistence.rdb_load
rdb_load.rdbLoadObject_stream = rdb_load_stream.rdbLoadObject_stream
rdb_load.rdbCheckError = redis_check_rdb.rdbCheckError
rdb_load.redis_check_rdb_main = redis_check_rdb.redis_check_rdb_main
rdb_load.replicationSendNewlineToMaster = replication.replicationSendNewlineToMaster
rdb_load.blockingOperationEnds = server.blockingOperationEnds
rdb_load.blockingOperationStarts = server.blockingOperationStarts
rdb_load.iAmMaster = server.iAmMaster

# persistence.rdb_save
rdb_save.aofReadDiffFromParent = aof_rewrite.aofReadDiffFromParent
rdb_save.sendChildInfo = server.sendChildInfo

# replication.replication
replication.hasActiveChildProcess = server.hasActiveChildProcess
replication.replScriptCacheDictType = server.replScriptCacheDictType

# replication.replication_master
replication_master.refreshGoodSlavesCount = replication.refreshGoodSlavesCount
replication_master.replicationScriptCacheFlush = replication.replicationScriptCacheFlush
replication_master.replicationSendAck = replication_slave.replicationSendAck
replication_master.replicationUnsetMaster = replication_slave.replicationUnsetMaster
replication_master.allPersistenceDisabled = server.allPersistenceDisabled
replication_master.checkChildrenDone = server.checkChildrenDone
replication_master.hasActiveChildProcess = server.hasActiveChildProcess

# replication.replication_slave
replication_slave.abortFailover = replication.abortFailover
replication_slave.clearFailoverState = replication.clearFailoverState
replication_slave.allPersistenceDisabled = server.allPersistenceDisabled
replication_slave.redisCommunicateSystemd = server.redisCommunicateSystemd
replication_slave.setOOMScoreAdj = server.setOOMScoreAdj

# server.admin.config
config.queueSentinelConfig = sentinel.queueSentinelConfig
config.rewriteConfigSentinelOption = sentinel.rewriteConfigSentinelOption
config.changeBindAddr = server.changeBindAddr
config.lookupCommandByCString = server.lookupCommandByCString
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
config_table.switch_fast_path = server_main.switch_fast_path

# server.admin.debug
debug.flushAppendOnlyFile = aof.flushAppendOnlyFile
debug.loadAppendOnlyFile = aof.loadAppendOnlyFile
debug.rdbLoad = rdb.rdbLoad
debug.rdbPopulateSaveInfo = rdb.rdbPopulateSaveInfo
debug.rdbSave = rdb.rdbSave
debug.rdbSavedObjectLen = rdb.rdbSavedObjectLen
debug.changeReplicationId = replication.changeReplicationId
debug.clearReplicationId2 = replication.clearReplicationId2
debug.rewriteConfig = config.rewriteConfig
debug.restartServer = server.restartServer

# server.admin.info
info.getClusterConnectionsCount = cluster.getClusterConnectionsCount
info.aofRewriteBufferSize = aof.aofRewriteBufferSize
info.getFailoverStateString = replication.getFailoverStateString
info.getExpansiveClientsInfo = server.getExpansiveClientsInfo
info.getInstantaneousMetric = server.getInstantaneousMetric

# server.bio
bio.redisSetCpuAffinity = server.redisSetCpuAffinity

# server.client.gopher
gopher.lookupKeyRead = db.lookupKeyRead

# server.client.networking
networking.getClusterConnectionsCount = cluster.getClusterConnectionsCount
networking.askingCommand = cluster_command.askingCommand
networking.killRDBChild = rdb.killRDBChild
networking.rdbPipeWriteHandlerConnRemoved = replication.rdbPipeWriteHandlerConnRemoved
networking.refreshGoodSlavesCount = replication.refreshGoodSlavesCount
networking.replicationCacheMaster = replication.replicationCacheMaster
networking.replicationFeedSlavesFromMasterStream = replication.replicationFeedSlavesFromMasterStream
networking.replicationGetSlaveName = replication.replicationGetSlaveName
networking.replicationHandleMasterDisconnection = replication.replicationHandleMasterDisconnection
networking.processGopherRequest = gopher.processGopherRequest
networking.clientCommand = networking_client.clientCommand
networking.postponeClientRead = networking_threads.postponeClientRead
networking.selectDb = db.selectDb
networking.LFUGetTimeInMinutes = evict.LFUGetTimeInMinutes
networking.lookupCommandOrOriginal = server.lookupCommandOrOriginal
networking.objectKeyHeapPointerValueDictType = server.objectKeyHeapPointerValueDictType
networking.objectKeyPointerValueDictType = server.objectKeyPointerValueDictType
networking.processCommand = server.processCommand
networking.updateCachedTime = server.updateCachedTime
networking.whileBlockedCron = server.whileBlockedCron
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
networking_reply.showLatestBacklog = replication.showLatestBacklog
networking_reply.catClientInfoString = networking.catClientInfoString
networking_reply.closeClientOnOutputBufferLimitReached = networking.closeClientOnOutputBufferLimitReached
networking_reply.freeClientAsync = networking.freeClientAsync
networking_reply.getClientType = networking.getClientType
networking_reply.incrementErrorCount = server.incrementErrorCount

# server.client.networking_threads
networking_threads.redisSetCpuAffinity = server.redisSetCpuAffinity

# server.keyspace.db
db.keyHashSlot = cluster.keyHashSlot
db.killRDBChild = rdb.killRDBChild
db.rdbPopulateSaveInfo = rdb.rdbPopulateSaveInfo
db.rdbSave = rdb.rdbSave
db.latencyAddSample = latency.latencyAddSample
db.LFUDecrAndReturn = evict.LFUDecrAndReturn
db.LFUGetTimeInMinutes = evict.LFUGetTimeInMinutes
db.LFULogIncr = evict.LFULogIncr
db.flushSlaveKeysWithExpireList = expire.flushSlaveKeysWithExpireList
db.rememberSlaveKeyWithExpire = expire.rememberSlaveKeyWithExpire
db.dbAsyncDelete = lazyfree.dbAsyncDelete
db.emptyDbAsync = lazyfree.emptyDbAsync
db.freeObjAsync = lazyfree.freeObjAsync
db.freeSlotsToKeysMapAsync = lazyfree.freeSlotsToKeysMapAsync
db.prepareForShutdown = server.prepareForShutdown
db.propagate = server.propagate
db.tracking = session.tracking
db.signalKeyAsReady = blocked.signalKeyAsReady
db.touchAllWatchedKeysInDb = multi.touchAllWatchedKeysInDb
db.touchWatchedKey = multi.touchWatchedKey
db.trackingInvalidateKey = tracking.trackingInvalidateKey
db.trackingInvalidateKeysOnFlush = tracking.trackingInvalidateKeysOnFlush
db.hashTypeDup = t_hash.hashTypeDup
db.listTypeDup = t_list.listTypeDup
db.setTypeDup = t_set.setTypeDup
db.streamDup = t_stream.streamDup
db.zsetDup = t_zset.zsetDup

# server.keyspace.evict
evict.aofRewriteBufferSize = aof.aofRewriteBufferSize
evict.latencyAddSampleIfNeeded = latency.latencyAddSampleIfNeeded
evict.latencyEndMonitor = latency.latencyEndMonitor
evict.latencyStartMonitor = latency.latencyStartMonitor
evict.dbSyncDelete = db.dbSyncDelete
evict.propagateExpire = db.propagateExpire
evict.signalModifiedKey = db.signalModifiedKey
evict.LAZYFREE_THRESHOLD = lazyfree.LAZYFREE_THRESHOLD
evict.dbAsyncDelete = lazyfree.dbAsyncDelete
evict.lazyfreeGetFreeEffort = lazyfree.lazyfreeGetFreeEffort
evict.notifyKeyspaceEvent = notify.notifyKeyspaceEvent
evict.OBJ_COMPUTE_SIZE_DEF_SAMPLES = object_command.OBJ_COMPUTE_SIZE_DEF_SAMPLES
evict.SIZEOF_DICTENTRY = object_command.SIZEOF_DICTENTRY
evict.SIZEOF_ROBJ = object_command.SIZEOF_ROBJ
evict.objectComputeSize = object_command.objectComputeSize

# server.keyspace.expire
expire.latencyAddSample = latency.latencyAddSample
expire.dbAsyncDelete = lazyfree.dbAsyncDelete

# server.keyspace.lazyfree
lazyfree.slotToKeyDel = db.slotToKeyDel
lazyfree.freeTrackingRadixTree = tracking.freeTrackingRadixTree

# server.keyspace.notify
notify.pubsubPublishMessage = pubsub.pubsubPublishMessage

# server.keyspace.object_command
object_command.aofRewriteBufferSize = aof.aofRewriteBufferSize

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
object.streamNew = t_stream.streamNew

# server.scripting.scripting
scripting.replicationFeedMonitors = replication.replicationFeedMonitors
scripting.replicationScriptCacheAdd = replication.replicationScriptCacheAdd
scripting.replicationScriptCacheExists = replication.replicationScriptCacheExists
scripting.replicationScriptCacheFlush = replication.replicationScriptCacheFlush
scripting.forceCommandPropagation = server.forceCommandPropagation
scripting.preventCommandPropagation = server.preventCommandPropagation
scripting.shaScriptObjectDictType = server.shaScriptObjectDictType
scripting.blockingOperationEnds = server_cron.blockingOperationEnds
scripting.blockingOperationStarts = server_cron.blockingOperationStarts

# server.scripting.scripting_ldb
scripting_ldb.exitFromChild = server_process.exitFromChild
scripting_ldb.redisFork = server_process.redisFork

# server.scripting.scripting_redis
scripting_redis.getNodeByQuery = cluster.getNodeByQuery
scripting_redis.call = server.call
scripting_redis.lookupCommand = server.lookupCommand
scripting_redis.writeCommandsDeniedByDiskError = server.writeCommandsDeniedByDiskError

# server.server
server.redisCommandTable = commandtable.redisCommandTable
server.unexpected_exception = server_main.unexpected_exception

# server.server_cron
server_cron.prepareForShutdown = server.prepareForShutdown

# server.server_process
server_process.closeListeningSockets = server.closeListeningSockets

# server.session.blocked
blocked.replicationCountAcksByOffset = replication.replicationCountAcksByOffset
blocked.unblockClientWaitingReplicas = replication.unblockClientWaitingReplicas
blocked.latencyAddSampleIfNeeded = latency.latencyAddSampleIfNeeded
blocked.afterCommand = server.afterCommand
blocked.propagate = server.propagate
blocked.slowlogPushCurrentCommand = server.slowlogPushCurrentCommand
blocked.updateCachedTime = server.updateCachedTime
blocked.listTypeLength = t_list.listTypeLength
blocked.listTypePop = t_list.listTypePop
blocked.listTypePush = t_list.listTypePush
blocked.serveClientBlockedOnList = t_list.serveClientBlockedOnList
blocked.SLC_NONE = t_stream.SLC_NONE
blocked.streamCompareID = t_stream.streamCompareID
blocked.streamIncrID = t_stream.streamIncrID
blocked.streamLookupCG = t_stream.streamLookupCG
blocked.streamLookupConsumer = t_stream.streamLookupConsumer
blocked.streamPropInfo = t_stream.streamPropInfo
blocked.streamPropagateConsumerCreation = t_stream.streamPropagateConsumerCreation
blocked.streamReplyWithRange = t_stream.streamReplyWithRange
blocked.zsetLength = t_zset.zsetLength
blocked.bzpopminCommand = t_zset_range.bzpopminCommand
blocked.genericZpopCommand = t_zset_range.genericZpopCommand

# server.session.multi
multi.feedReplicationBacklog = replication.feedReplicationBacklog
multi.replicationFeedMonitors = replication.replicationFeedMonitors
multi.call = server.call
multi.propagate = server.propagate

# server.session.pubsub
pubsub.clusterPropagatePublish = cluster.clusterPropagatePublish
pubsub.forceCommandPropagation = server.forceCommandPropagation

# server.session.timeout
timeout.clusterRedirectBlockedClientIfNeeded = cluster.clusterRedirectBlockedClientIfNeeded
timeout.replyToBlockedClientTimedOut = blocked.replyToBlockedClientTimedOut
timeout.unblockClient = blocked.unblockClient

# server.types.t_hash
t_hash.htNeedsResize = server.htNeedsResize

# server.types.t_list
t_list.propagate = server.propagate

# server.types.t_set
t_set.alsoPropagate = server.alsoPropagate
t_set.htNeedsResize = server.htNeedsResize
t_set.preventCommandPropagation = server.preventCommandPropagation

# server.types.t_stream
t_stream.propagate = server.propagate

# server.types.t_stream_cgroup
t_stream_cgroup.preventCommandPropagation = server.preventCommandPropagation

# server.types.t_stream_command
t_stream_command.preventCommandPropagation = server.preventCommandPropagation

# server.types.t_zset
t_zset.htNeedsResize = server.htNeedsResize

# server.types.t_zset_ops
t_zset_ops.htNeedsResize = server.htNeedsResize
