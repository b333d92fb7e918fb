"""tls.py - SKELETON, to be written."""


def tlsInit(*args):
    raise NotImplementedError("tlsInit")


def tlsCleanup(*args):
    raise NotImplementedError("tlsCleanup")


def tlsConfigure(*args):
    raise NotImplementedError("tlsConfigure")


def connCreateTLS(*args):
    raise NotImplementedError("connCreateTLS")


def connCreateAcceptedTLS(*args):
    raise NotImplementedError("connCreateAcceptedTLS")


def tlsHasPendingData(*args):
    raise NotImplementedError("tlsHasPendingData")


def tlsProcessPendingData(*args):
    raise NotImplementedError("tlsProcessPendingData")


def connTLSGetPeerCert(*args):
    raise NotImplementedError("connTLSGetPeerCert")
