"""tls.py - SKELETON, to be written."""
from server.log import serverLog
from server.server_h import C_ERR, LL_WARNING


def tlsInit():
    pass


def tlsCleanup(*args):
    raise NotImplementedError("tlsCleanup")


def tlsConfigure(ctx_config):
    serverLog(LL_WARNING, "TLS is not supported yet.")
    return C_ERR


def connCreateTLS(*args):
    raise NotImplementedError("connCreateTLS")


def connCreateAcceptedTLS(*args):
    raise NotImplementedError("connCreateAcceptedTLS")


def tlsHasPendingData():
    return 0


def tlsProcessPendingData():
    return 0


def connTLSGetPeerCert(*args):
    raise NotImplementedError("connTLSGetPeerCert")
