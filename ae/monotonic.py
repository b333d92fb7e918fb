"""monotonic.py - SKELETON, to be written by the owner of ae/."""
import time


def ustime():
    return time.time_ns() // 1000


def mstime():
    return time.time_ns() // 1000000


def getMonotonicUs():
    return time.monotonic_ns() // 1000
