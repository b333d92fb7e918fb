"""rdb.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def saveCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def bgsaveCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def rdbSaveType(*args):
    raise NotImplementedError("rdbSaveType")


def rdbLoadType(*args):
    raise NotImplementedError("rdbLoadType")


def rdbLoadTime(*args):
    raise NotImplementedError("rdbLoadTime")


def rdbSaveMillisecondTime(*args):
    raise NotImplementedError("rdbSaveMillisecondTime")


def rdbLoadMillisecondTime(*args):
    raise NotImplementedError("rdbLoadMillisecondTime")


def rdbSaveLen(*args):
    raise NotImplementedError("rdbSaveLen")


def rdbLoadLenByRef(*args):
    raise NotImplementedError("rdbLoadLenByRef")


def rdbLoadLen(*args):
    raise NotImplementedError("rdbLoadLen")


def rdbSaveRawString(*args):
    raise NotImplementedError("rdbSaveRawString")


def rdbSaveStringObject(*args):
    raise NotImplementedError("rdbSaveStringObject")


def rdbGenericLoadStringObject(*args):
    raise NotImplementedError("rdbGenericLoadStringObject")


def rdbLoadStringObject(*args):
    raise NotImplementedError("rdbLoadStringObject")


def rdbSaveBinaryDoubleValue(*args):
    raise NotImplementedError("rdbSaveBinaryDoubleValue")


def rdbLoadBinaryDoubleValue(*args):
    raise NotImplementedError("rdbLoadBinaryDoubleValue")


def rdbSaveBinaryFloatValue(*args):
    raise NotImplementedError("rdbSaveBinaryFloatValue")


def rdbLoadBinaryFloatValue(*args):
    raise NotImplementedError("rdbLoadBinaryFloatValue")


def rdbSaveObjectType(*args):
    raise NotImplementedError("rdbSaveObjectType")


def rdbLoadObjectType(*args):
    raise NotImplementedError("rdbLoadObjectType")


def rdbSaveObject(*args):
    raise NotImplementedError("rdbSaveObject")


def rdbSavedObjectLen(*args):
    raise NotImplementedError("rdbSavedObjectLen")


def rdbSaveKeyValuePair(*args):
    raise NotImplementedError("rdbSaveKeyValuePair")


def rdbSaveSingleModuleAux(*args):
    raise NotImplementedError("rdbSaveSingleModuleAux")


def rdbSaveRio(*args):
    raise NotImplementedError("rdbSaveRio")


def rdbSave(*args):
    raise NotImplementedError("rdbSave")


def rdbSaveBackground(*args):
    raise NotImplementedError("rdbSaveBackground")


def rdbRemoveTempFile(*args):
    raise NotImplementedError("rdbRemoveTempFile")


def rdbLoadCheckModuleValue(*args):
    raise NotImplementedError("rdbLoadCheckModuleValue")


def rdbLoadObject(*args):
    raise NotImplementedError("rdbLoadObject")


def startLoading(*args):
    raise NotImplementedError("startLoading")


def startLoadingFile(*args):
    raise NotImplementedError("startLoadingFile")


def loadingProgress(*args):
    raise NotImplementedError("loadingProgress")


def stopLoading(*args):
    raise NotImplementedError("stopLoading")


def startSaving(*args):
    raise NotImplementedError("startSaving")


def stopSaving(*args):
    raise NotImplementedError("stopSaving")


def rdbLoadRio(*args):
    raise NotImplementedError("rdbLoadRio")


def rdbLoad(*args):
    raise NotImplementedError("rdbLoad")


def backgroundSaveDoneHandler(*args):
    raise NotImplementedError("backgroundSaveDoneHandler")


def killRDBChild(*args):
    raise NotImplementedError("killRDBChild")


def rdbSaveToSlavesSockets(*args):
    raise NotImplementedError("rdbSaveToSlavesSockets")


def rdbPopulateSaveInfo(*args):
    raise NotImplementedError("rdbPopulateSaveInfo")
