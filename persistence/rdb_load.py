"""rdb_load.py - SKELETON, to be written."""
import os
import time

from server.server_h import server
if False:
    pass


def debugDelay(usec):
    if usec > 0:
        time.sleep(usec / 1000000)


def loadingProgress(pos):
    server.loading_loaded_bytes = pos


def rdbLoadRio(*args):
    raise NotImplementedError("rdbLoadRio")


def startLoadingFile(fp, filename, rdbflags):
    server.loading = 1
    server.loading_start_time = int(time.time())
    server.loading_loaded_bytes = 0
    server.loading_total_bytes = os.fstat(fp.fileno()).st_size


def stopLoading(success):
    server.loading = 0
