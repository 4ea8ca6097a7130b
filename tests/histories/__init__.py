"""Conversations that go from vendor to vendor: what one said comes back to each other one.

A history is a conversation of one caller, who speaks one dialect, with several vendors, each turn
another one if a draw has it so, in the middle of a loop of tool calls too. Each request is judged
by the vendor that it is put to (``tests.vendors``), and what the vendor says reaches the caller as
the broker tells it. All of it is drawn from a seed.
"""
