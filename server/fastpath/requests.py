"""requests.py - reading, parsing, executing and answering the requests of plain clients.

Shortens     server/client/connection.py, networking.py; server/server.py: processCommand, call, propagate.
"""


def replacements():
    """Return the table of (function of the text, replacement) of this room."""
    return []


def prepare():
    """Build the tables that depend on the configuration.  Called before the replacements are bound."""
