"""t_hash.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def hsetCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def hsetnxCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def hgetCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def hmgetCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def hincrbyCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def hincrbyfloatCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def hdelCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def hlenCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def hstrlenCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def hkeysCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def hvalsCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def hgetallCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def hexistsCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def hrandfieldCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def hscanCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def hashTypeTryConversion(*args):
    raise NotImplementedError("hashTypeTryConversion")


def hashTypeGetValueObject(*args):
    raise NotImplementedError("hashTypeGetValueObject")


def hashTypeExists(*args):
    raise NotImplementedError("hashTypeExists")


def hashTypeSet(*args):
    raise NotImplementedError("hashTypeSet")


def hashTypeDelete(*args):
    raise NotImplementedError("hashTypeDelete")


def hashTypeLength(*args):
    raise NotImplementedError("hashTypeLength")


def hashTypeInitIterator(*args):
    raise NotImplementedError("hashTypeInitIterator")


def hashTypeReleaseIterator(*args):
    raise NotImplementedError("hashTypeReleaseIterator")


def hashTypeNext(*args):
    raise NotImplementedError("hashTypeNext")


def hashTypeCurrentFromZiplist(*args):
    raise NotImplementedError("hashTypeCurrentFromZiplist")


def hashTypeCurrentFromHashTable(*args):
    raise NotImplementedError("hashTypeCurrentFromHashTable")


def hashTypeCurrentObject(*args):
    raise NotImplementedError("hashTypeCurrentObject")


def hashTypeCurrentObjectNewSds(*args):
    raise NotImplementedError("hashTypeCurrentObjectNewSds")


def hashTypeLookupWriteOrCreate(*args):
    raise NotImplementedError("hashTypeLookupWriteOrCreate")


def hashTypeConvert(*args):
    raise NotImplementedError("hashTypeConvert")


def hashTypeDup(*args):
    raise NotImplementedError("hashTypeDup")


def hashZiplistValidateIntegrity(*args):
    raise NotImplementedError("hashZiplistValidateIntegrity")
