"""object.py - SKELETON, to be written."""


def createObject(*args):
    raise NotImplementedError("createObject")


def makeObjectShared(*args):
    raise NotImplementedError("makeObjectShared")


def createRawStringObject(*args):
    raise NotImplementedError("createRawStringObject")


def createEmbeddedStringObject(*args):
    raise NotImplementedError("createEmbeddedStringObject")


def createStringObject(*args):
    raise NotImplementedError("createStringObject")


def tryCreateRawStringObject(*args):
    raise NotImplementedError("tryCreateRawStringObject")


def tryCreateStringObject(*args):
    raise NotImplementedError("tryCreateStringObject")


def createStringObjectFromLongLong(*args):
    raise NotImplementedError("createStringObjectFromLongLong")


def createStringObjectFromLongLongForValue(*args):
    raise NotImplementedError("createStringObjectFromLongLongForValue")


def createStringObjectFromLongDouble(*args):
    raise NotImplementedError("createStringObjectFromLongDouble")


def dupStringObject(*args):
    raise NotImplementedError("dupStringObject")


def createQuicklistObject(*args):
    raise NotImplementedError("createQuicklistObject")


def createZiplistObject(*args):
    raise NotImplementedError("createZiplistObject")


def createSetObject(*args):
    raise NotImplementedError("createSetObject")


def createIntsetObject(*args):
    raise NotImplementedError("createIntsetObject")


def createHashObject(*args):
    raise NotImplementedError("createHashObject")


def createZsetObject(*args):
    raise NotImplementedError("createZsetObject")


def createZsetZiplistObject(*args):
    raise NotImplementedError("createZsetZiplistObject")


def createStreamObject(*args):
    raise NotImplementedError("createStreamObject")


def createModuleObject(*args):
    raise NotImplementedError("createModuleObject")


def freeStringObject(*args):
    raise NotImplementedError("freeStringObject")


def freeListObject(*args):
    raise NotImplementedError("freeListObject")


def freeSetObject(*args):
    raise NotImplementedError("freeSetObject")


def freeZsetObject(*args):
    raise NotImplementedError("freeZsetObject")


def freeHashObject(*args):
    raise NotImplementedError("freeHashObject")


def incrRefCount(*args):
    raise NotImplementedError("incrRefCount")


def decrRefCount(*args):
    raise NotImplementedError("decrRefCount")


def decrRefCountVoid(*args):
    raise NotImplementedError("decrRefCountVoid")


def checkType(*args):
    raise NotImplementedError("checkType")


def isSdsRepresentableAsLongLong(*args):
    raise NotImplementedError("isSdsRepresentableAsLongLong")


def isObjectRepresentableAsLongLong(*args):
    raise NotImplementedError("isObjectRepresentableAsLongLong")


def trimStringObjectIfNeeded(*args):
    raise NotImplementedError("trimStringObjectIfNeeded")


def tryObjectEncoding(*args):
    raise NotImplementedError("tryObjectEncoding")


def getDecodedObject(*args):
    raise NotImplementedError("getDecodedObject")


def compareStringObjects(*args):
    raise NotImplementedError("compareStringObjects")


def collateStringObjects(*args):
    raise NotImplementedError("collateStringObjects")


def equalStringObjects(*args):
    raise NotImplementedError("equalStringObjects")


def stringObjectLen(*args):
    raise NotImplementedError("stringObjectLen")


def getDoubleFromObject(*args):
    raise NotImplementedError("getDoubleFromObject")


def getDoubleFromObjectOrReply(*args):
    raise NotImplementedError("getDoubleFromObjectOrReply")


def getLongDoubleFromObject(*args):
    raise NotImplementedError("getLongDoubleFromObject")


def getLongDoubleFromObjectOrReply(*args):
    raise NotImplementedError("getLongDoubleFromObjectOrReply")


def getLongLongFromObject(*args):
    raise NotImplementedError("getLongLongFromObject")


def getLongLongFromObjectOrReply(*args):
    raise NotImplementedError("getLongLongFromObjectOrReply")


def getLongFromObjectOrReply(*args):
    raise NotImplementedError("getLongFromObjectOrReply")


def getRangeLongFromObjectOrReply(*args):
    raise NotImplementedError("getRangeLongFromObjectOrReply")


def getPositiveLongFromObjectOrReply(*args):
    raise NotImplementedError("getPositiveLongFromObjectOrReply")


def getIntFromObjectOrReply(*args):
    raise NotImplementedError("getIntFromObjectOrReply")


def strEncoding(*args):
    raise NotImplementedError("strEncoding")


def freeMemoryOverheadData(*args):
    raise NotImplementedError("freeMemoryOverheadData")


def getMemoryOverheadData(*args):
    raise NotImplementedError("getMemoryOverheadData")


def objectSetLRUOrLFU(*args):
    raise NotImplementedError("objectSetLRUOrLFU")


def objectCommandLookup(*args):
    raise NotImplementedError("objectCommandLookup")


def objectCommandLookupOrReply(*args):
    raise NotImplementedError("objectCommandLookupOrReply")
