"""server.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def pingCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def echoCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def monitorCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def timeCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def commandCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def _serverLog(*args):
    raise NotImplementedError("_serverLog")


def exitFromChild(*args):
    raise NotImplementedError("exitFromChild")


def dictSdsKeyCompare(*args):
    raise NotImplementedError("dictSdsKeyCompare")


def dictSdsDestructor(*args):
    raise NotImplementedError("dictSdsDestructor")


def dictSdsHash(*args):
    raise NotImplementedError("dictSdsHash")


def htNeedsResize(*args):
    raise NotImplementedError("htNeedsResize")


def updateDictResizePolicy(*args):
    raise NotImplementedError("updateDictResizePolicy")


def hasActiveChildProcess(*args):
    raise NotImplementedError("hasActiveChildProcess")


def resetChildState(*args):
    raise NotImplementedError("resetChildState")


def isMutuallyExclusiveChildType(*args):
    raise NotImplementedError("isMutuallyExclusiveChildType")


def allPersistenceDisabled(*args):
    raise NotImplementedError("allPersistenceDisabled")


def clientsCronTrackClientsMemUsage(*args):
    raise NotImplementedError("clientsCronTrackClientsMemUsage")


def updateCachedTime(*args):
    raise NotImplementedError("updateCachedTime")


def checkChildrenDone(*args):
    raise NotImplementedError("checkChildrenDone")


def serverCron(*args):
    raise NotImplementedError("serverCron")


def blockingOperationStarts(*args):
    raise NotImplementedError("blockingOperationStarts")


def blockingOperationEnds(*args):
    raise NotImplementedError("blockingOperationEnds")


def whileBlockedCron(*args):
    raise NotImplementedError("whileBlockedCron")


def restartServer(*args):
    raise NotImplementedError("restartServer")


def setOOMScoreAdj(*args):
    raise NotImplementedError("setOOMScoreAdj")


def adjustOpenFilesLimit(*args):
    raise NotImplementedError("adjustOpenFilesLimit")


def createSocketAcceptHandler(*args):
    raise NotImplementedError("createSocketAcceptHandler")


def listenToPort(*args):
    raise NotImplementedError("listenToPort")


def resetServerStats(*args):
    raise NotImplementedError("resetServerStats")


def makeThreadKillable(*args):
    raise NotImplementedError("makeThreadKillable")


def populateCommandTableParseFlags(*args):
    raise NotImplementedError("populateCommandTableParseFlags")


def populateCommandTable(*args):
    raise NotImplementedError("populateCommandTable")


def resetCommandTableStats(*args):
    raise NotImplementedError("resetCommandTableStats")


def resetErrorTableStats(*args):
    raise NotImplementedError("resetErrorTableStats")


def redisOpArrayInit(*args):
    raise NotImplementedError("redisOpArrayInit")


def redisOpArrayAppend(*args):
    raise NotImplementedError("redisOpArrayAppend")


def redisOpArrayFree(*args):
    raise NotImplementedError("redisOpArrayFree")


def lookupCommand(*args):
    raise NotImplementedError("lookupCommand")


def lookupCommandByCString(*args):
    raise NotImplementedError("lookupCommandByCString")


def lookupCommandOrOriginal(*args):
    raise NotImplementedError("lookupCommandOrOriginal")


def propagate(*args):
    raise NotImplementedError("propagate")


def alsoPropagate(*args):
    raise NotImplementedError("alsoPropagate")


def forceCommandPropagation(*args):
    raise NotImplementedError("forceCommandPropagation")


def preventCommandPropagation(*args):
    raise NotImplementedError("preventCommandPropagation")


def preventCommandAOF(*args):
    raise NotImplementedError("preventCommandAOF")


def preventCommandReplication(*args):
    raise NotImplementedError("preventCommandReplication")


def slowlogPushCurrentCommand(*args):
    raise NotImplementedError("slowlogPushCurrentCommand")


def call(*args):
    raise NotImplementedError("call")


def rejectCommandFormat(*args):
    raise NotImplementedError("rejectCommandFormat")


def afterCommand(*args):
    raise NotImplementedError("afterCommand")


def processCommand(*args):
    raise NotImplementedError("processCommand")


def incrementErrorCount(*args):
    raise NotImplementedError("incrementErrorCount")


def closeListeningSockets(*args):
    raise NotImplementedError("closeListeningSockets")


def prepareForShutdown(*args):
    raise NotImplementedError("prepareForShutdown")


def writeCommandsDeniedByDiskError(*args):
    raise NotImplementedError("writeCommandsDeniedByDiskError")


def getSafeInfoString(*args):
    raise NotImplementedError("getSafeInfoString")


def usage(*args):
    raise NotImplementedError("usage")


def changeBindAddr(*args):
    raise NotImplementedError("changeBindAddr")


def changeListenPort(*args):
    raise NotImplementedError("changeListenPort")


def setupSignalHandlers(*args):
    raise NotImplementedError("setupSignalHandlers")


def removeSignalHandlers(*args):
    raise NotImplementedError("removeSignalHandlers")


def redisFork(*args):
    raise NotImplementedError("redisFork")


def sendChildCowInfo(*args):
    raise NotImplementedError("sendChildCowInfo")


def sendChildInfo(*args):
    raise NotImplementedError("sendChildInfo")


def validateProcTitleTemplate(*args):
    raise NotImplementedError("validateProcTitleTemplate")


def redisSetProcTitle(*args):
    raise NotImplementedError("redisSetProcTitle")


def redisSetCpuAffinity(*args):
    raise NotImplementedError("redisSetCpuAffinity")


def redisCommunicateSystemd(*args):
    raise NotImplementedError("redisCommunicateSystemd")


def iAmMaster(*args):
    raise NotImplementedError("iAmMaster")


def main(*args):
    raise NotImplementedError("main")
