"""hiredis_read.py - replies of a server, read piece by piece.      Mirrors deps/hiredis/read.c; the replies of hiredis.c

Lives here   redisReader, which turns bytes into redisReply objects, RESP2 and RESP3.
Called from  hiredis_async.redisBufferRead, redisProcessCallbacks [read].
Calls out    none.
State        none of its own.
Outcomes     redisReaderGetReply -> (REDIS_OK, reply): one reply is complete;
             (REDIS_OK, None): more bytes are needed;
             (REDIS_ERR, None): the peer broke the protocol, r.err and r.errstr say how.  The reader is of no use then.
Cost         no byte is searched twice for a line end, and a nested reply takes no Python stack: tasks stand in a list.
Departures   D-72: a line, a reply, its elements and its depth are bounded.  An array grows with its elements, C makes
             room for the number that the peer has announced.
"""
from math import isnan

from datastructs.util import strtod, string2ll

REDIS_OK = 0
REDIS_ERR = -1

# redisContext.err, redisReader.err
REDIS_ERR_IO = 1               # errno has the cause
REDIS_ERR_EOF = 3
REDIS_ERR_PROTOCOL = 4
REDIS_ERR_OOM = 5
REDIS_ERR_TIMEOUT = 6
REDIS_ERR_OTHER = 2

# redisReply.type
REDIS_REPLY_STRING = 1
REDIS_REPLY_ARRAY = 2
REDIS_REPLY_INTEGER = 3
REDIS_REPLY_NIL = 4
REDIS_REPLY_STATUS = 5
REDIS_REPLY_ERROR = 6
REDIS_REPLY_DOUBLE = 7
REDIS_REPLY_BOOL = 8
REDIS_REPLY_MAP = 9
REDIS_REPLY_SET = 10
REDIS_REPLY_PUSH = 12
REDIS_REPLY_VERB = 14

REDIS_READER_STACK_SIZE = 9

# Limits (ours, D-72).  UNIT: bytes, elements of one reply with all that is nested in it, levels.  The largest reply that
# Sentinel needs is INFO.  The loop is blocked while a reply of the maximum size is parsed.
REDIS_READER_MAX_LINE = 64 * 1024
REDIS_READER_MAX_REPLY = 1024 * 1024
REDIS_READER_MAX_ELEMENTS = 4096
REDIS_READER_MAX_DEPTH = 32


class redisReply:
    """One reply, or one element of it."""
    __slots__ = ("type", "integer", "dval", "str", "vtype", "elements", "element")

    def __init__(self, type_):
        self.type = type_          # REDIS_REPLY_*
        self.integer = 0           # of INTEGER, and of BOOL: 0 or 1
        self.dval = 0.0            # of DOUBLE
        self.str = None            # bytes, of ERROR, STATUS, STRING, VERB; of DOUBLE: as it came.  C: with `len`
        self.vtype = None          # bytes, of VERB: the kind of text
        self.elements = 0          # announced number of elements; len(element) once the reply is complete
        self.element = None        # list of redisReply, of ARRAY, MAP (key, value, ...), SET, PUSH

    def __repr__(self):
        return "<redisReply type=%d %r>" % (self.type, self.str if self.element is None else self.element)


class redisReadTask:
    """One level of nesting: which element of its parent is being read."""
    __slots__ = ("type", "elements", "idx", "obj", "parent")

    def __init__(self):
        self.type = -1             # REDIS_REPLY_*; -1 = its first byte is not read yet
        self.elements = -1         # number of elements, once known
        self.idx = -1              # which element of the parent it is
        self.obj = None            # the aggregate whose elements are being read
        self.parent = None         # redisReadTask, or None


class redisReader:
    __slots__ = ("err", "errstr", "buf", "pos", "searched", "start", "elements", "task", "ridx", "reply")

    def __init__(self):
        self.err = 0               # REDIS_ERR_*; 0 = none
        self.errstr = ""
        self.buf = bytearray()     # received data that was not discarded yet.  C: with `len`
        self.pos = 0               # first byte not consumed
        self.searched = 0          # there is no line end between pos and this offset (ours)
        self.start = 0             # offset in buf of the current reply's start; negative if that was discarded already (ours)
        self.elements = 0          # elements announced by the current reply, at all levels (ours)
        self.task = []             # redisReadTask, one per level
        self.ridx = -1             # index of the current task; -1 = between replies
        self.reply = None          # the root of the current reply


# ------ hiredis.c: making replies ------

def createReplyObject(type_):
    return redisReply(type_)


def put_into_parent(task, r):
    """Append `r` to the aggregate of the level above (C: parent->element[task->idx] = r, in each create function)."""
    if task.parent is not None:
        task.parent.obj.element.append(r)
    return r


def createStringObject(task, s):
    r = createReplyObject(task.type)
    if task.type == REDIS_REPLY_VERB:
        r.vtype = bytes(s[:3])
        r.str = bytes(s[4:])
    else:
        r.str = bytes(s)
    return put_into_parent(task, r)


def createArrayObject(task, elements):
    r = createReplyObject(task.type)
    r.elements = elements
    r.element = []
    return put_into_parent(task, r)


def createIntegerObject(task, value):
    r = createReplyObject(REDIS_REPLY_INTEGER)
    r.integer = value
    return put_into_parent(task, r)


def createDoubleObject(task, value, s):
    r = createReplyObject(REDIS_REPLY_DOUBLE)
    r.dval = value
    r.str = bytes(s)
    return put_into_parent(task, r)


def createNilObject(task):
    return put_into_parent(task, createReplyObject(REDIS_REPLY_NIL))


def createBoolObject(task, bval):
    r = createReplyObject(REDIS_REPLY_BOOL)
    r.integer = bval
    return put_into_parent(task, r)


# ------ read.c ------

def __redisReaderSetError(r, type_, str_):
    """Drop the half-read reply and all input; the reader answers REDIS_ERR from now on."""
    r.reply = None
    r.buf = bytearray()
    r.pos = r.searched = r.start = 0
    r.task.clear()
    r.ridx = -1
    r.err = type_
    r.errstr = str_


def chrtos(byte):
    """Return how an error message shows one byte, quotes included."""
    if byte in b'\\"':
        return '"\\%c"' % byte
    found = b"\n\r\t\a\b".find(bytes((byte,)))
    if found != -1:
        return '"\\%s"' % "nrtab"[found]
    if 0x20 <= byte <= 0x7e:
        return '"%c"' % byte
    return '"\\x%02x"' % byte


def __redisReaderSetErrorProtocolByte(r, byte):
    __redisReaderSetError(r, REDIS_ERR_PROTOCOL, "Protocol error, got %s as reply type byte" % chrtos(byte))


def readBytes(r, count):
    """Consume `count` bytes -> bytearray, or None when they have not come yet."""
    if len(r.buf) - r.pos >= count:
        p = r.buf[r.pos:r.pos + count]
        r.pos += count
        return p
    return None


def seekNewline(r):
    """Return the offset in r.buf of the line end that follows r.pos, or -1: not there yet, or the line is too long,
    and r.err is set then."""
    buf = r.buf
    s = buf.find(b"\r\n", max(r.pos, r.searched))
    end = s
    if s == -1:
        # The last byte may be the first half of a line end.
        end = len(buf) - 1
        r.searched = max(r.pos, end)
    if end - r.pos > REDIS_READER_MAX_LINE:
        __redisReaderSetError(r, REDIS_ERR_PROTOCOL, "Line too long")
        return -1
    return s


def readLine(r):
    """Consume a line -> its bytes without the line end, or None (see seekNewline)."""
    s = seekNewline(r)
    if s != -1:
        p = bytes(r.buf[r.pos:s])
        r.pos = s + 2
        return p
    return None


def moveToNextTask(r):
    """An item is complete: go to the next element of its aggregate, or up, as long as aggregates become complete."""
    while r.ridx >= 0:
        if r.ridx == 0:
            r.ridx -= 1
            return

        cur = r.task[r.ridx]
        prv = r.task[r.ridx - 1]
        if cur.idx == prv.elements - 1:
            cur.obj = None
            r.ridx -= 1
        else:
            cur.type = -1
            cur.elements = -1
            cur.idx += 1
            cur.obj = None
            return


def processLineItem(r):
    """Read an item that is a line: error, status, integer, double, nil, bool -> REDIS_OK, or REDIS_ERR: no progress."""
    cur = r.task[r.ridx]
    p = readLine(r)
    if p is None:
        return REDIS_ERR
    if cur.type == REDIS_REPLY_INTEGER:
        ok, v = string2ll(p)
        if not ok:
            __redisReaderSetError(r, REDIS_ERR_PROTOCOL, "Bad integer value")
            return REDIS_ERR
        obj = createIntegerObject(cur, v)
    elif cur.type == REDIS_REPLY_DOUBLE:
        if len(p) >= 326:
            __redisReaderSetError(r, REDIS_ERR_PROTOCOL, "Double value is too large")
            return REDIS_ERR
        d, used = strtod(p)
        if not used or used < len(p.partition(b"\0")[0]) or isnan(d):
            __redisReaderSetError(r, REDIS_ERR_PROTOCOL, "Bad double value")
            return REDIS_ERR
        obj = createDoubleObject(cur, d, p)
    elif cur.type == REDIS_REPLY_NIL:
        obj = createNilObject(cur)
    elif cur.type == REDIS_REPLY_BOOL:
        obj = createBoolObject(cur, 1 if p[:1] in (b"t", b"T") else 0)
    else:
        obj = createStringObject(cur, p)

    if r.ridx == 0:
        r.reply = obj
    moveToNextTask(r)
    return REDIS_OK


def processBulkItem(r):
    """Read a length and as many bytes -> REDIS_OK, or REDIS_ERR: no progress."""
    cur = r.task[r.ridx]
    s = seekNewline(r)
    if s == -1:
        return REDIS_ERR
    ok, length = string2ll(r.buf[r.pos:s])
    if not ok:
        __redisReaderSetError(r, REDIS_ERR_PROTOCOL, "Bad bulk string length")
        return REDIS_ERR
    if length < -1 or length > REDIS_READER_MAX_REPLY:
        __redisReaderSetError(r, REDIS_ERR_PROTOCOL, "Bulk string length out of range")
        return REDIS_ERR

    if length == -1:
        obj = createNilObject(cur)
        r.pos = s + 2
    else:
        end = s + 2 + length
        if end + 2 > len(r.buf):
            return REDIS_ERR       # continue when all of it was received
        if cur.type == REDIS_REPLY_VERB and (length < 4 or r.buf[s + 5] != 58):        # b":"
            __redisReaderSetError(r, REDIS_ERR_PROTOCOL, "Verbatim string 4 bytes of content type are missing or "
                                  "incorrectly encoded.")
            return REDIS_ERR
        obj = createStringObject(cur, r.buf[s + 2:end])
        r.pos = end + 2

    if r.ridx == 0:
        r.reply = obj
    moveToNextTask(r)
    return REDIS_OK


def processAggregateItem(r):
    """Read the head of an array, map, set or push, and go down to its first element -> REDIS_OK, REDIS_ERR."""
    cur = r.task[r.ridx]
    p = readLine(r)
    if p is None:
        return REDIS_ERR
    ok, elements = string2ll(p)
    if not ok:
        __redisReaderSetError(r, REDIS_ERR_PROTOCOL, "Bad multi-bulk length")
        return REDIS_ERR
    if cur.type == REDIS_REPLY_MAP and elements > 0:
        elements *= 2
    root = r.ridx == 0

    if elements < -1 or r.elements + elements > REDIS_READER_MAX_ELEMENTS:
        __redisReaderSetError(r, REDIS_ERR_PROTOCOL, "Multi-bulk length out of range")
        return REDIS_ERR

    if elements == -1:
        obj = createNilObject(cur)
        moveToNextTask(r)
    else:
        obj = createArrayObject(cur, elements)
        if elements > 0:
            if r.ridx + 1 > REDIS_READER_MAX_DEPTH:
                __redisReaderSetError(r, REDIS_ERR_PROTOCOL, "Nested too deeply")
                return REDIS_ERR
            r.elements += elements
            cur.elements = elements
            cur.obj = obj
            r.ridx += 1
            if r.ridx == len(r.task):
                r.task.append(redisReadTask())
            child = r.task[r.ridx]
            child.type = -1
            child.elements = -1
            child.idx = 0
            child.obj = None
            child.parent = cur
        else:
            moveToNextTask(r)

    if root:
        r.reply = obj
    return REDIS_OK


#: The first byte of an item -> REDIS_REPLY_*.
REPLY_TYPE_BYTES = {
    45: REDIS_REPLY_ERROR,         # -
    43: REDIS_REPLY_STATUS,        # +
    58: REDIS_REPLY_INTEGER,       # :
    44: REDIS_REPLY_DOUBLE,        # ,
    95: REDIS_REPLY_NIL,           # _
    36: REDIS_REPLY_STRING,        # $
    42: REDIS_REPLY_ARRAY,         # *
    37: REDIS_REPLY_MAP,           # %
    126: REDIS_REPLY_SET,          # ~
    35: REDIS_REPLY_BOOL,          # #
    61: REDIS_REPLY_VERB,          # =
    62: REDIS_REPLY_PUSH,          # >
}


def processItem(r):
    """Read the current item, or its head -> REDIS_OK; REDIS_ERR: bytes are missing, or r.err is set."""
    cur = r.task[r.ridx]
    if cur.type < 0:
        p = readBytes(r, 1)
        if p is None:
            return REDIS_ERR
        cur.type = REPLY_TYPE_BYTES.get(p[0], -1)
        if cur.type == -1:
            __redisReaderSetErrorProtocolByte(r, p[0])
            return REDIS_ERR

    if cur.type in (REDIS_REPLY_STRING, REDIS_REPLY_VERB):
        return processBulkItem(r)
    if cur.type in (REDIS_REPLY_ARRAY, REDIS_REPLY_MAP, REDIS_REPLY_SET, REDIS_REPLY_PUSH):
        return processAggregateItem(r)
    return processLineItem(r)


def redisReaderCreate():
    return redisReader()


def redisReaderFree(r):
    """Forget input and tasks; tasks point at each other only upwards, so this cuts no cycle, it gives memory back."""
    r.buf = bytearray()
    r.task.clear()
    r.reply = None


def redisReaderFeed(r, buf):
    """Append what was read -> REDIS_OK; REDIS_ERR after an error."""
    if r.err:
        return REDIS_ERR
    r.buf += buf
    return REDIS_OK


def redisReaderGetReply(r):
    """Return (status, reply), see the three outcomes in the module's header."""
    if r.err:
        return REDIS_ERR, None
    if len(r.buf) == r.pos and r.ridx == -1:
        return REDIS_OK, None

    if r.ridx == -1:
        if not r.task:
            r.task.append(redisReadTask())
        root = r.task[0]
        root.type = -1
        root.elements = -1
        root.idx = -1
        root.obj = None
        root.parent = None
        r.ridx = 0
        r.start = r.pos
        r.elements = 0

    while r.ridx >= 0:
        if processItem(r) != REDIS_OK:
            break
        if r.pos - r.start > REDIS_READER_MAX_REPLY:
            __redisReaderSetError(r, REDIS_ERR_PROTOCOL, "Reply too long")
    if not r.err and r.ridx >= 0 and len(r.buf) - r.start > REDIS_READER_MAX_REPLY:
        __redisReaderSetError(r, REDIS_ERR_PROTOCOL, "Reply too long")
    if r.err:
        return REDIS_ERR, None

    # Discard consumed bytes, but not for every small reply.
    if r.pos >= 1024 or r.pos == len(r.buf):
        del r.buf[:r.pos]
        r.searched = max(r.searched - r.pos, 0)
        r.start -= r.pos
        r.pos = 0

    if r.ridx == -1:
        reply = r.reply
        r.reply = None
        r.task[0].obj = None
        return REDIS_OK, reply
    return REDIS_OK, None
