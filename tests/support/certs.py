"""certs.py - throw-away certificates for TLS tests, made with the openssl command.

    certs = make_certs(directory)         # paths: ca, cert, key, client_cert, client_key, key_encrypted (password "secret")
"""
import os
import shutil
import subprocess

import pytest


class Certs:
    def __init__(self, directory):
        self.ca = os.path.join(directory, "ca.crt")
        self.cert = os.path.join(directory, "server.crt")
        self.key = os.path.join(directory, "server.key")
        self.client_cert = os.path.join(directory, "client.crt")
        self.client_key = os.path.join(directory, "client.key")
        self.key_encrypted = os.path.join(directory, "encrypted.key")

    def conf(self, port):
        """The directives of a server with TLS on `port`."""
        return {"port": 0, "tls-port": port, "tls-cert-file": self.cert, "tls-key-file": self.key,
                "tls-ca-cert-file": self.ca}


def make_certs(directory):
    """A CA, a server's and a client's certificate in `directory`; skips the test where openssl is missing."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl command to make certificates with")

    def run(*args):
        subprocess.run([openssl, *args], cwd=directory, check=True, capture_output=True, timeout=60)

    certs = Certs(str(directory))
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("req", "-x509", *curve, "-keyout", "ca.key", "-out", certs.ca, "-subj", "/O=Test/CN=CA", "-days", "2")
    for name, cert, key in (("localhost", certs.cert, certs.key), ("client", certs.client_cert, certs.client_key)):
        run("req", *curve, "-keyout", key, "-out", "x.csr", "-subj", "/O=Test/CN=" + name)
        run("x509", "-req", "-in", "x.csr", "-CA", certs.ca, "-CAkey", "ca.key", "-CAcreateserial", "-out", cert, "-days", "2")
    run("ec", "-in", certs.key, "-aes256", "-passout", "pass:secret", "-out", certs.key_encrypted)
    return certs
