"""remote.py - the options and the connection of the tools that look at a running server.

    parser = argparse.ArgumentParser(); add_options(parser); args = parser.parse_args()
    with connect(args) as client: ...       # ends the process with one line when the server refuses or wants a password
"""
import os
import sys

from tests.support.resp import RespClient, RespError


def add_options(parser, required=False):
    """Add --host, --port, --user, --password and --db to an argparse parser."""
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=required)
    parser.add_argument("--user", help="ACL user, with --password")
    parser.add_argument("--password", default=os.environ.get("REDISCLI_AUTH"), help="default: $REDISCLI_AUTH")
    parser.add_argument("--db", type=int, default=0)


def connect(args):
    """Connect, authenticate and select the database -> RespClient.  Exits with a line on stderr when that fails."""
    where = "%s:%d" % (args.host, args.port)
    try:
        client = RespClient(args.port, args.host)
    except OSError as error:
        sys.exit("cannot connect to %s: %s" % (where, error.strerror or error))
    if args.password is not None:
        ask(client, where, *(["AUTH"] + ([args.user] if args.user else []) + [args.password]))
    ask(client, where, "PING")
    if args.db:
        ask(client, where, "SELECT", args.db)
    return client


def ask(client, where, *words):
    """Send one command -> its reply.  Exits with a line on stderr when the reply is an error or the connection is lost."""
    try:
        reply = client.execute(*words)
    except OSError as error:
        sys.exit("%s: %s" % (where, error.strerror or error))
    if isinstance(reply, RespError):
        hint = " (give --password, and --user for an ACL user)" if reply.text.startswith("NOAUTH") else ""
        sys.exit("%s: %s: %s%s" % (where, words[0], reply.text, hint))
    return reply


def info_fields(client, where, section):
    """Return the fields of INFO `section`: numbers as int, `slave0:ip=...,port=...` as a dict, the rest as text."""
    fields = {}
    for line in ask(client, where, "INFO", section).decode("utf-8", "replace").splitlines():
        name, colon, value = line.partition(":")
        if colon and not line.startswith("#"):
            if "=" in value:
                fields[name] = {key: number(word) for key, _, word in (pair.partition("=") for pair in value.split(","))}
            else:
                fields[name] = number(value)
    return fields


def number(text):
    digits = text[1:] if text.startswith("-") else text
    return int(text) if digits.isascii() and digits.isdigit() else text
