"""study - tools for those who read the server and watch it run.       No counterpart in C

Lives here   cside (C beside Python); trace and tracepoints (DEBUG TRACE); trace_show (the life of a command), perfetto;
             state and walks (DEBUG STATE); view, view_nodes, seen (the page), recording.
Called from  its console scripts and make targets; debugCommand and main by an import inside the function.
Invariant    this room imports what it likes, and nothing outside it imports it at import time.
Departures   all of it is ours.
"""
