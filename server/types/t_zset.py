"""t_zset.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def zaddCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zincrbyCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zremCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zremrangebyscoreCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zremrangebyrankCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zremrangebylexCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zunionstoreCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zinterstoreCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zdiffstoreCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zunionCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zinterCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zdiffCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zrangeCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zrangestoreCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zrangebyscoreCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zrevrangebyscoreCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zrangebylexCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zrevrangebylexCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zcountCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zlexcountCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zrevrangeCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zcardCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zscoreCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zmscoreCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zrankCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zrevrankCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zscanCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zpopminCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zpopmaxCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def bzpopminCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def bzpopmaxCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zrandmemberCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def zslCreate(*args):
    raise NotImplementedError("zslCreate")


def zslFree(*args):
    raise NotImplementedError("zslFree")


def zslInsert(*args):
    raise NotImplementedError("zslInsert")


def zslDelete(*args):
    raise NotImplementedError("zslDelete")


def zslValueGteMin(*args):
    raise NotImplementedError("zslValueGteMin")


def zslValueLteMax(*args):
    raise NotImplementedError("zslValueLteMax")


def zslFirstInRange(*args):
    raise NotImplementedError("zslFirstInRange")


def zslLastInRange(*args):
    raise NotImplementedError("zslLastInRange")


def zslGetRank(*args):
    raise NotImplementedError("zslGetRank")


def zslFreeLexRange(*args):
    raise NotImplementedError("zslFreeLexRange")


def zslParseLexRange(*args):
    raise NotImplementedError("zslParseLexRange")


def zslLexValueGteMin(*args):
    raise NotImplementedError("zslLexValueGteMin")


def zslLexValueLteMax(*args):
    raise NotImplementedError("zslLexValueLteMax")


def zslFirstInLexRange(*args):
    raise NotImplementedError("zslFirstInLexRange")


def zslLastInLexRange(*args):
    raise NotImplementedError("zslLastInLexRange")


def zzlGetScore(*args):
    raise NotImplementedError("zzlGetScore")


def ziplistGetObject(*args):
    raise NotImplementedError("ziplistGetObject")


def zzlNext(*args):
    raise NotImplementedError("zzlNext")


def zzlPrev(*args):
    raise NotImplementedError("zzlPrev")


def zzlFirstInRange(*args):
    raise NotImplementedError("zzlFirstInRange")


def zzlLastInRange(*args):
    raise NotImplementedError("zzlLastInRange")


def zzlLexValueGteMin(*args):
    raise NotImplementedError("zzlLexValueGteMin")


def zzlLexValueLteMax(*args):
    raise NotImplementedError("zzlLexValueLteMax")


def zzlFirstInLexRange(*args):
    raise NotImplementedError("zzlFirstInLexRange")


def zzlLastInLexRange(*args):
    raise NotImplementedError("zzlLastInLexRange")


def zzlInsert(*args):
    raise NotImplementedError("zzlInsert")


def zsetLength(*args):
    raise NotImplementedError("zsetLength")


def zsetConvert(*args):
    raise NotImplementedError("zsetConvert")


def zsetConvertToZiplistIfNeeded(*args):
    raise NotImplementedError("zsetConvertToZiplistIfNeeded")


def zsetScore(*args):
    raise NotImplementedError("zsetScore")


def zsetAdd(*args):
    raise NotImplementedError("zsetAdd")


def zsetDel(*args):
    raise NotImplementedError("zsetDel")


def zsetRank(*args):
    raise NotImplementedError("zsetRank")


def zsetDup(*args):
    raise NotImplementedError("zsetDup")


def zsetZiplistValidateIntegrity(*args):
    raise NotImplementedError("zsetZiplistValidateIntegrity")


def genericZpopCommand(*args):
    raise NotImplementedError("genericZpopCommand")


def zslGetElementByRank(*args):
    raise NotImplementedError("zslGetElementByRank")
