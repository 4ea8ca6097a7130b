"""The command line: ``streamhold`` and the processes that it starts.

One module a command, loaded when the command runs; beside them ``valkey`` (the embedded
store), ``supervisor`` and ``child`` (the processes of ``up``), and ``client`` (HTTP for the
commands that talk to a running API).
"""
