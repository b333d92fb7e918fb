"""blocked.py - SKELETON, to be written."""


def blockClient(*args):
    raise NotImplementedError("blockClient")


def updateStatsOnUnblock(*args):
    raise NotImplementedError("updateStatsOnUnblock")


def processUnblockedClients(*args):
    raise NotImplementedError("processUnblockedClients")


def queueClientForReprocessing(*args):
    raise NotImplementedError("queueClientForReprocessing")


def unblockClient(*args):
    raise NotImplementedError("unblockClient")


def replyToBlockedClientTimedOut(*args):
    raise NotImplementedError("replyToBlockedClientTimedOut")


def disconnectAllBlockedClients(*args):
    raise NotImplementedError("disconnectAllBlockedClients")


def handleClientsBlockedOnKeys(*args):
    raise NotImplementedError("handleClientsBlockedOnKeys")


def blockForKeys(*args):
    raise NotImplementedError("blockForKeys")


def unblockClientWaitingData(*args):
    raise NotImplementedError("unblockClientWaitingData")


def signalKeyAsReady(*args):
    raise NotImplementedError("signalKeyAsReady")
