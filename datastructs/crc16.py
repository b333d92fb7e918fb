"""crc16.py - the hash of cluster slots.                 Mirrors src/crc16.c (6.2.14)

Lives here   crc16(): CRC-16/XMODEM (polynomial 0x1021, start 0), which the standard library has as crc_hqx.
Called from  keyHashSlot [command].
Departures   none.
"""
import binascii


def crc16(buf):
    return binascii.crc_hqx(buf, 0)
