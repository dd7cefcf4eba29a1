"""The parts of the transformers engine, one concept a file.

tree.py        which token prefixes exist, who wants them, and their keys and values
store.py       each running row's own keys and values
attention.py   one copy of a prefix attended by many rows, merged with each row's own keys
scheduler.py   the pure decisions: who is admitted, what is encoded once, what is attended in place
sampler.py     logits to tokens, a draw a (seed, position)
decoder.py     the loop: admit, one forward pass for everything in flight, sample, release
"""
