"""replication.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def syncCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def replconfCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def replicaofCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def roleCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def waitCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def failoverCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def replicationGetSlaveName(*args):
    raise NotImplementedError("replicationGetSlaveName")


def bg_unlink(*args):
    raise NotImplementedError("bg_unlink")


def resizeReplicationBacklog(*args):
    raise NotImplementedError("resizeReplicationBacklog")


def feedReplicationBacklog(*args):
    raise NotImplementedError("feedReplicationBacklog")


def replicationFeedSlaves(*args):
    raise NotImplementedError("replicationFeedSlaves")


def showLatestBacklog(*args):
    raise NotImplementedError("showLatestBacklog")


def replicationFeedSlavesFromMasterStream(*args):
    raise NotImplementedError("replicationFeedSlavesFromMasterStream")


def replicationFeedMonitors(*args):
    raise NotImplementedError("replicationFeedMonitors")


def getPsyncInitialOffset(*args):
    raise NotImplementedError("getPsyncInitialOffset")


def replicationSetupSlaveForFullResync(*args):
    raise NotImplementedError("replicationSetupSlaveForFullResync")


def rdbPipeWriteHandlerConnRemoved(*args):
    raise NotImplementedError("rdbPipeWriteHandlerConnRemoved")


def rdbPipeReadHandler(*args):
    raise NotImplementedError("rdbPipeReadHandler")


def updateSlavesWaitingBgsave(*args):
    raise NotImplementedError("updateSlavesWaitingBgsave")


def changeReplicationId(*args):
    raise NotImplementedError("changeReplicationId")


def clearReplicationId2(*args):
    raise NotImplementedError("clearReplicationId2")


def replicationSendNewlineToMaster(*args):
    raise NotImplementedError("replicationSendNewlineToMaster")


def restartAOFAfterSYNC(*args):
    raise NotImplementedError("restartAOFAfterSYNC")


def replicationSetMaster(*args):
    raise NotImplementedError("replicationSetMaster")


def replicationUnsetMaster(*args):
    raise NotImplementedError("replicationUnsetMaster")


def replicationHandleMasterDisconnection(*args):
    raise NotImplementedError("replicationHandleMasterDisconnection")


def replicationCacheMaster(*args):
    raise NotImplementedError("replicationCacheMaster")


def replicationCacheMasterUsingMyself(*args):
    raise NotImplementedError("replicationCacheMasterUsingMyself")


def refreshGoodSlavesCount(*args):
    raise NotImplementedError("refreshGoodSlavesCount")


def replicationScriptCacheInit(*args):
    raise NotImplementedError("replicationScriptCacheInit")


def replicationScriptCacheFlush(*args):
    raise NotImplementedError("replicationScriptCacheFlush")


def replicationScriptCacheAdd(*args):
    raise NotImplementedError("replicationScriptCacheAdd")


def replicationScriptCacheExists(*args):
    raise NotImplementedError("replicationScriptCacheExists")


def replicationCountAcksByOffset(*args):
    raise NotImplementedError("replicationCountAcksByOffset")


def unblockClientWaitingReplicas(*args):
    raise NotImplementedError("unblockClientWaitingReplicas")


def processClientsWaitingReplicas(*args):
    raise NotImplementedError("processClientsWaitingReplicas")


def replicationGetSlaveOffset(*args):
    raise NotImplementedError("replicationGetSlaveOffset")


def replicationCron(*args):
    raise NotImplementedError("replicationCron")


def replicationStartPendingFork(*args):
    raise NotImplementedError("replicationStartPendingFork")


def getFailoverStateString(*args):
    raise NotImplementedError("getFailoverStateString")


def clearFailoverState(*args):
    raise NotImplementedError("clearFailoverState")


def abortFailover(*args):
    raise NotImplementedError("abortFailover")


def updateFailoverStatus(*args):
    raise NotImplementedError("updateFailoverStatus")
