"""sentinel.py - what the server needs to refuse Sentinel mode.          Mirrors src/sentinel.c (6.2.14), its entry points

Lives here   initSentinelConfig, which ends a start with `--sentinel`; the functions that config.py, serverCron and main
             call in Sentinel mode only.
Called from  main [startup].
Departures   D-3, see docs/departures.md: Sentinel is not written yet.
"""
import sys

from server.log import serverLog, serverPanic
from server.server_h import LL_WARNING


def initSentinelConfig():
    """End the start of a server in Sentinel mode."""
    serverLog(LL_WARNING, "FATAL: Sentinel mode is not supported yet: this version runs standalone servers and replicas.")
    sys.exit(1)


def unreachable(*args):
    """Nobody gets here: initSentinelConfig has ended the process."""
    serverPanic("Sentinel mode is not supported")


initSentinel = unreachable
sentinelTimer = unreachable
sentinelIsRunning = unreachable
sentinelCheckConfigFile = unreachable
loadSentinelConfigFromQueue = unreachable
queueSentinelConfig = unreachable
rewriteConfigSentinelOption = unreachable
