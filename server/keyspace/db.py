"""db.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def delCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def unlinkCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def existsCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def randomkeyCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def selectCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def swapdbCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def moveCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def copyCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def renameCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def renamenxCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def keysCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def scanCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def dbsizeCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def shutdownCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def lastsaveCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def typeCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def flushdbCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def flushallCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def lookupKey(*args):
    raise NotImplementedError("lookupKey")


def lookupKeyReadWithFlags(*args):
    raise NotImplementedError("lookupKeyReadWithFlags")


def lookupKeyRead(*args):
    raise NotImplementedError("lookupKeyRead")


def lookupKeyWriteWithFlags(*args):
    raise NotImplementedError("lookupKeyWriteWithFlags")


def lookupKeyWrite(*args):
    raise NotImplementedError("lookupKeyWrite")


def SentReplyOnKeyMiss(*args):
    raise NotImplementedError("SentReplyOnKeyMiss")


def lookupKeyReadOrReply(*args):
    raise NotImplementedError("lookupKeyReadOrReply")


def lookupKeyWriteOrReply(*args):
    raise NotImplementedError("lookupKeyWriteOrReply")


def dbAdd(*args):
    raise NotImplementedError("dbAdd")


def dbAddRDBLoad(*args):
    raise NotImplementedError("dbAddRDBLoad")


def dbOverwrite(*args):
    raise NotImplementedError("dbOverwrite")


def genericSetKey(*args):
    raise NotImplementedError("genericSetKey")


def setKey(*args):
    raise NotImplementedError("setKey")


def dbRandomKey(*args):
    raise NotImplementedError("dbRandomKey")


def dbSyncDelete(*args):
    raise NotImplementedError("dbSyncDelete")


def dbDelete(*args):
    raise NotImplementedError("dbDelete")


def dbUnshareStringValue(*args):
    raise NotImplementedError("dbUnshareStringValue")


def emptyDbStructure(*args):
    raise NotImplementedError("emptyDbStructure")


def emptyDb(*args):
    raise NotImplementedError("emptyDb")


def backupDb(*args):
    raise NotImplementedError("backupDb")


def discardDbBackup(*args):
    raise NotImplementedError("discardDbBackup")


def restoreDbBackup(*args):
    raise NotImplementedError("restoreDbBackup")


def selectDb(*args):
    raise NotImplementedError("selectDb")


def dbTotalServerKeyCount(*args):
    raise NotImplementedError("dbTotalServerKeyCount")


def signalModifiedKey(*args):
    raise NotImplementedError("signalModifiedKey")


def signalFlushedDb(*args):
    raise NotImplementedError("signalFlushedDb")


def flushAllDataAndResetRDB(*args):
    raise NotImplementedError("flushAllDataAndResetRDB")


def parseScanCursorOrReply(*args):
    raise NotImplementedError("parseScanCursorOrReply")


def scanGenericCommand(*args):
    raise NotImplementedError("scanGenericCommand")


def getObjectTypeName(*args):
    raise NotImplementedError("getObjectTypeName")


def removeExpire(*args):
    raise NotImplementedError("removeExpire")


def setExpire(*args):
    raise NotImplementedError("setExpire")


def getExpire(*args):
    raise NotImplementedError("getExpire")


def deleteExpiredKeyAndPropagate(*args):
    raise NotImplementedError("deleteExpiredKeyAndPropagate")


def propagateExpire(*args):
    raise NotImplementedError("propagateExpire")


def keyIsExpired(*args):
    raise NotImplementedError("keyIsExpired")


def expireIfNeeded(*args):
    raise NotImplementedError("expireIfNeeded")


def getKeysPrepareResult(*args):
    raise NotImplementedError("getKeysPrepareResult")


def getKeysFromCommand(*args):
    raise NotImplementedError("getKeysFromCommand")


def getKeysFreeResult(*args):
    raise NotImplementedError("getKeysFreeResult")


def zunionInterDiffStoreGetKeys(*args):
    raise NotImplementedError("zunionInterDiffStoreGetKeys")


def zunionInterDiffGetKeys(*args):
    raise NotImplementedError("zunionInterDiffGetKeys")


def evalGetKeys(*args):
    raise NotImplementedError("evalGetKeys")


def sortGetKeys(*args):
    raise NotImplementedError("sortGetKeys")


def migrateGetKeys(*args):
    raise NotImplementedError("migrateGetKeys")


def georadiusGetKeys(*args):
    raise NotImplementedError("georadiusGetKeys")


def lcsGetKeys(*args):
    raise NotImplementedError("lcsGetKeys")


def memoryGetKeys(*args):
    raise NotImplementedError("memoryGetKeys")


def xreadGetKeys(*args):
    raise NotImplementedError("xreadGetKeys")


def slotToKeyAdd(*args):
    raise NotImplementedError("slotToKeyAdd")


def slotToKeyDel(*args):
    raise NotImplementedError("slotToKeyDel")


def freeSlotsToKeysMap(*args):
    raise NotImplementedError("freeSlotsToKeysMap")


def slotToKeyFlush(*args):
    raise NotImplementedError("slotToKeyFlush")


def getKeysInSlot(*args):
    raise NotImplementedError("getKeysInSlot")


def delKeysInSlot(*args):
    raise NotImplementedError("delKeysInSlot")


def countKeysInSlot(*args):
    raise NotImplementedError("countKeysInSlot")
