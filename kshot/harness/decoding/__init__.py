"""What a decoder does for one sequence, whatever it shares with others. Nothing here knows a prefix tree.

decoder.py    what an engine asks of a decoder
sequence.py   one request as tokens, and what has been decoded of it
sampler.py    logits to tokens, a draw a (seed, position), and the log-likelihoods of given ones
finite.py     logits that are no numbers
layers.py     keys and values of a run of tokens, and the bytes they take
virtual.py    trained tokens before every prompt
packed.py     linear layers as the CPU's matrix product reads them
own_attention.py   which attention a model runs with
plain.py      the plain path: a row at a time, with transformers' own cache
rope.py       rotary positions that hang on the longest row of a pass
by_length.py  rows up to a length side by side, longer ones alone
"""
