"""rdb_h.py - constants of the RDB format.        Mirrors src/rdb.h (6.2.14)

Lives here   RDB_*: version, length codes, value types, opcodes, flags.
Departures   RDB_VERSION_READABLE and the types 16-19 (Redis 7.0) are ours: read, never written.
"""

RDB_VERSION = 9                    # what we write
RDB_VERSION_READABLE = 10          # the newest version that we load from a local file: Redis 7.0 (D-43)

# Lengths: the two top bits of the first byte
RDB_6BITLEN = 0
RDB_14BITLEN = 1
RDB_32BITLEN = 0x80
RDB_64BITLEN = 0x81
RDB_ENCVAL = 3
RDB_LENERR = 0xffffffffffffffff    # a stored length of 2^64-1 is read as this, too

# Specially encoded strings, after RDB_ENCVAL
RDB_ENC_INT8 = 0
RDB_ENC_INT16 = 1
RDB_ENC_INT32 = 2
RDB_ENC_LZF = 3

# Value types
RDB_TYPE_STRING = 0
RDB_TYPE_LIST = 1
RDB_TYPE_SET = 2
RDB_TYPE_ZSET = 3
RDB_TYPE_HASH = 4
RDB_TYPE_ZSET_2 = 5                # scores as binary doubles
RDB_TYPE_MODULE = 6
RDB_TYPE_MODULE_2 = 7              # can be skipped without the module
RDB_TYPE_HASH_ZIPMAP = 9
RDB_TYPE_LIST_ZIPLIST = 10
RDB_TYPE_SET_INTSET = 11
RDB_TYPE_ZSET_ZIPLIST = 12
RDB_TYPE_HASH_ZIPLIST = 13
RDB_TYPE_LIST_QUICKLIST = 14
RDB_TYPE_STREAM_LISTPACKS = 15
RDB_TYPE_HASH_LISTPACK = 16        # version 10
RDB_TYPE_ZSET_LISTPACK = 17        # version 10
RDB_TYPE_LIST_QUICKLIST_2 = 18     # version 10
RDB_TYPE_STREAM_LISTPACKS_2 = 19   # version 10


def rdbIsObjectType(t, rdbver=10):
    """Tell whether `t` is the type of a value in files of that version.  (C knows one range, since it reads nothing above version 9.)"""
    return 0 <= t <= 7 or 9 <= t <= (RDB_TYPE_STREAM_LISTPACKS if rdbver < 10 else RDB_TYPE_STREAM_LISTPACKS_2)


# Opcodes in the place of a value type
RDB_OPCODE_FUNCTION2 = 245         # version 10: a library of FUNCTION LOAD, refused
RDB_OPCODE_FUNCTION = 246          # version 10, release candidates
RDB_OPCODE_MODULE_AUX = 247
RDB_OPCODE_IDLE = 248              # LRU idle time of the next key, seconds
RDB_OPCODE_FREQ = 249              # LFU counter of the next key
RDB_OPCODE_AUX = 250               # a pair of strings about the file
RDB_OPCODE_RESIZEDB = 251          # sizes of the two dicts of the database
RDB_OPCODE_EXPIRETIME_MS = 252     # of the next key
RDB_OPCODE_EXPIRETIME = 253        # the same in seconds, old
RDB_OPCODE_SELECTDB = 254
RDB_OPCODE_EOF = 255

# Opcodes inside a module's value
RDB_MODULE_OPCODE_EOF = 0
RDB_MODULE_OPCODE_SINT = 1
RDB_MODULE_OPCODE_UINT = 2
RDB_MODULE_OPCODE_FLOAT = 3
RDB_MODULE_OPCODE_DOUBLE = 4
RDB_MODULE_OPCODE_STRING = 5

# Flags of rdbGenericLoadStringObject
RDB_LOAD_NONE = 0                  # an robj, RAW or EMBSTR
RDB_LOAD_ENC = (1 << 0)            # an robj in its best encoding
RDB_LOAD_PLAIN = (1 << 1)          # bytes
RDB_LOAD_SDS = (1 << 2)            # bytes

# Purpose of a save or load
RDBFLAGS_NONE = 0
RDBFLAGS_AOF_PREAMBLE = (1 << 0)
RDBFLAGS_REPLICATION = (1 << 1)
RDBFLAGS_ALLOW_DUP = (1 << 2)      # a key may be there already (DEBUG RELOAD NOFLUSH)

# Reasons why rdbLoadObject returned no object
RDB_LOAD_ERR_EMPTY_KEY = 1
RDB_LOAD_ERR_OTHER = 2
