"""networking.py - SKELETON, to be written."""


def sdsZmallocSize(*args):
    raise NotImplementedError("sdsZmallocSize")


def getStringObjectSdsUsedMemory(*args):
    raise NotImplementedError("getStringObjectSdsUsedMemory")


def dupClientReplyValue(*args):
    raise NotImplementedError("dupClientReplyValue")


def freeClientReplyValue(*args):
    raise NotImplementedError("freeClientReplyValue")


def linkClient(*args):
    raise NotImplementedError("linkClient")


def authRequired(*args):
    raise NotImplementedError("authRequired")


def createClient(*args):
    raise NotImplementedError("createClient")


def clientHasPendingReplies(*args):
    raise NotImplementedError("clientHasPendingReplies")


def acceptTcpHandler(*args):
    raise NotImplementedError("acceptTcpHandler")


def acceptTLSHandler(*args):
    raise NotImplementedError("acceptTLSHandler")


def acceptUnixHandler(*args):
    raise NotImplementedError("acceptUnixHandler")


def freeClientOriginalArgv(*args):
    raise NotImplementedError("freeClientOriginalArgv")


def disconnectSlaves(*args):
    raise NotImplementedError("disconnectSlaves")


def unlinkClient(*args):
    raise NotImplementedError("unlinkClient")


def freeClient(*args):
    raise NotImplementedError("freeClient")


def freeClientAsync(*args):
    raise NotImplementedError("freeClientAsync")


def freeClientsInAsyncFreeQueue(*args):
    raise NotImplementedError("freeClientsInAsyncFreeQueue")


def lookupClientByID(*args):
    raise NotImplementedError("lookupClientByID")


def writeToClient(*args):
    raise NotImplementedError("writeToClient")


def sendReplyToClient(*args):
    raise NotImplementedError("sendReplyToClient")


def handleClientsWithPendingWrites(*args):
    raise NotImplementedError("handleClientsWithPendingWrites")


def resetClient(*args):
    raise NotImplementedError("resetClient")


def protectClient(*args):
    raise NotImplementedError("protectClient")


def unprotectClient(*args):
    raise NotImplementedError("unprotectClient")


def processPendingCommandsAndResetClient(*args):
    raise NotImplementedError("processPendingCommandsAndResetClient")


def processInputBuffer(*args):
    raise NotImplementedError("processInputBuffer")


def readQueryFromClient(*args):
    raise NotImplementedError("readQueryFromClient")


def getClientsMaxBuffers(*args):
    raise NotImplementedError("getClientsMaxBuffers")


def getClientPeerId(*args):
    raise NotImplementedError("getClientPeerId")


def catClientInfoString(*args):
    raise NotImplementedError("catClientInfoString")


def getAllClientsInfoString(*args):
    raise NotImplementedError("getAllClientsInfoString")


def redactClientCommandArgument(*args):
    raise NotImplementedError("redactClientCommandArgument")


def rewriteClientCommandVector(*args):
    raise NotImplementedError("rewriteClientCommandVector")


def replaceClientCommandVector(*args):
    raise NotImplementedError("replaceClientCommandVector")


def rewriteClientCommandArgument(*args):
    raise NotImplementedError("rewriteClientCommandArgument")


def getClientOutputBufferMemoryUsage(*args):
    raise NotImplementedError("getClientOutputBufferMemoryUsage")


def getClientType(*args):
    raise NotImplementedError("getClientType")


def getClientTypeByName(*args):
    raise NotImplementedError("getClientTypeByName")


def getClientTypeName(*args):
    raise NotImplementedError("getClientTypeName")


def closeClientOnOutputBufferLimitReached(*args):
    raise NotImplementedError("closeClientOnOutputBufferLimitReached")


def flushSlavesOutputBuffers(*args):
    raise NotImplementedError("flushSlavesOutputBuffers")


def pauseClients(*args):
    raise NotImplementedError("pauseClients")


def unpauseClients(*args):
    raise NotImplementedError("unpauseClients")


def areClientsPaused(*args):
    raise NotImplementedError("areClientsPaused")


def checkClientPauseTimeoutAndReturnIfPaused(*args):
    raise NotImplementedError("checkClientPauseTimeoutAndReturnIfPaused")


def processEventsWhileBlocked(*args):
    raise NotImplementedError("processEventsWhileBlocked")
