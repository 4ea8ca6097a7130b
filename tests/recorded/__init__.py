"""Recorded provider streams: what is on the wire, in every dialect, the odd ones among them.

Written by hand after the public descriptions of the dialects and of those who speak them. One
module a dialect, each stream with a name and a sentence on what is odd about it.
"""
