"""gopher.py - keys served by the Gopher protocol.  Mirrors src/gopher.c (6.2.14)

Lives here   processGopherRequest, for `gopher-enabled yes`.
Called from  processInputBuffer [read], for an inline request of one argument that starts with a slash, or of none.
Departures   none.
"""
from typing import TYPE_CHECKING

from server.client.networking_reply import addReply, addReplyProto
from server.object import createStringObject
from server.server_h import OBJ_STRING
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.keyspace.db import lookupKeyRead


def addReplyGopherItem(c, type, descr, selector, hostname, port):
    """Add one line of a Gopher menu: <type><descr>, selector, host and port, with tabs between."""
    addReplyProto(c, b"%b%b\t%b\t%b\t%d\r\n" % (type, descr, selector if selector is not None else b"(NULL)",
                                                hostname if hostname is not None else b"(NULL)", port))


def processGopherRequest(c):
    """Answer with the string at the key named, "/" when none is.  The caller closes the connection.

    Gopher's last line, a lone dot, is not sent: binary files could not do with it, and clients do without.
    """
    keyname = createStringObject(b"/") if c.argc == 0 else c.argv[0]
    o = lookupKeyRead(c.db, keyname)
    if o is None or o.type != OBJ_STRING:
        if o is None:
            errstr = b"Error: no content at the specified key"
        else:
            errstr = b"Error: selected key type is invalid for Gopher output"
        addReplyGopherItem(c, b"i", errstr, None, None, 0)
        addReplyGopherItem(c, b"i", b"Redis Gopher server", None, None, 0)
    else:
        addReply(c, o)
