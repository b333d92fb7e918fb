"""cluster.py - SKELETON, to be written."""


def clusterInit(*args):
    raise NotImplementedError("clusterInit")


def getClusterConnectionsCount():
    """Connections of the cluster bus: two a node that is linked."""
    return 0


def keyHashSlot(*args):
    raise NotImplementedError("keyHashSlot")


def clusterSendModuleMessageToTarget(*args):
    raise NotImplementedError("clusterSendModuleMessageToTarget")


def clusterPropagatePublish(*args):
    raise NotImplementedError("clusterPropagatePublish")


def clusterCron(*args):
    raise NotImplementedError("clusterCron")


def clusterBeforeSleep(*args):
    raise NotImplementedError("clusterBeforeSleep")


def verifyClusterConfigWithData(*args):
    raise NotImplementedError("verifyClusterConfigWithData")


def migrateCloseTimedoutSockets():
    pass


def getNodeByQuery(*args):
    raise NotImplementedError("getNodeByQuery")


def clusterRedirectClient(*args):
    raise NotImplementedError("clusterRedirectClient")


def clusterRedirectBlockedClientIfNeeded(*args):
    raise NotImplementedError("clusterRedirectBlockedClientIfNeeded")
