"""Decoding with shared prefixes, one concept a file.

tree.py        which token prefixes exist, who wants them, and their keys and values
row.py         a sequence's place: the nodes that it stands on, and what it holds itself
store.py       each running row's own keys and values
scheduler.py   the pure decisions: who is admitted, what is encoded once, what is attended in place
step.py        one forward pass, described: which token is whose, and what it attends to
attention.py   one copy of a prefix attended by many rows, merged with each row's own keys
decoder.py     the loop: admit, one forward pass for everything in flight, sample, release
switch.py      whether a model takes this attention, and the switch to it
"""
