"""Mutation of rule tables: every row is switched off in turn, and a test must notice.

A rule that no test misses is one that nobody would miss. The tables are read where they stand: the
rows of each module-level literal in the modules that ``tables`` lists.
"""
