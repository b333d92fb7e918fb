"""replies.py - a bulk or a number appended to a reply at once.

Shortens     server/client/networking_reply.py.
Called from  everywhere that replies are made [command].
State        none.
"""
from datastructs.util import to_llong
from server.client.networking_reply import (
    addReplyBulk as text_addReplyBulk, addReplyBulkCBuffer as text_addReplyBulkCBuffer, addReplyBulkSds as text_addReplyBulkSds,
    addReplyLongLong as text_addReplyLongLong, addReplyProto,
)
from server.server_h import OBJ_ENCODING_INT, PROTO_REPLY_CHUNK_BYTES


def replacements():
    """Return the table of (function of the text, replacement) of this module."""
    return [
        (text_addReplyBulk, addReplyBulk),
        (text_addReplyBulkCBuffer, addReplyBulkCBuffer),
        (text_addReplyBulkSds, addReplyBulkSds),
        (text_addReplyLongLong, addReplyLongLong),
    ]


def addReplyBulk(c, obj):
    """Append header, contents and line end of a string object together.

    When          the contents are smaller than a block of the output list.
    Same because  the client receives the same bytes in the same order.
    Skips         addReplyBulkLen, addReplyLongLongWithPrefix, addReply twice; prepareClientToWrite and _addReplyToBuffer run once.
    Gains         replies of many bulks take a third of the time: see the README (LRANGE).
    """
    s = obj.ptr
    if obj.encoding == OBJ_ENCODING_INT:
        s = b"%d" % s
    elif len(s) >= PROTO_REPLY_CHUNK_BYTES:
        return text_addReplyBulk(c, obj)
    return addReplyProto(c, b"$%d\r\n%b\r\n" % (len(s), s))


def addReplyBulkCBuffer(c, p):
    """Append header, contents and line end of a bulk together.

    When          as addReplyBulk.
    Same because  of the same.
    Skips         addReplyLongLongWithPrefix, addReply; prepareClientToWrite and _addReplyToBuffer run once.
    Gains         as addReplyBulk.
    """
    if len(p) >= PROTO_REPLY_CHUNK_BYTES:
        return text_addReplyBulkCBuffer(c, p)
    return addReplyProto(c, b"$%d\r\n%b\r\n" % (len(p), p))


def addReplyBulkSds(c, s):
    """Append header, contents and line end of an sds together.

    When          as addReplyBulk.
    Same because  of the same.
    Skips         addReplyLongLongWithPrefix, addReplySds, addReply.
    Gains         as addReplyBulk.
    """
    if len(s) >= PROTO_REPLY_CHUNK_BYTES:
        return text_addReplyBulkSds(c, s)
    return addReplyProto(c, b"$%d\r\n%b\r\n" % (len(s), s))


def addReplyLongLong(c, ll):
    """Append an integer reply.

    When          the number is neither 0 nor 1, which are shared objects.
    Same because  the bytes are the same.
    Skips         addReplyLongLongWithPrefix.
    Gains         one call for each integer in a reply.
    """
    if ll == 0 or ll == 1:
        return text_addReplyLongLong(c, ll)
    return addReplyProto(c, b":%d\r\n" % to_llong(ll))
