"""What a decoder does for one sequence, whatever it shares with others. Nothing here knows a prefix tree.

decoder.py    what an engine asks of a decoder
sequence.py   one request as tokens, and what has been decoded of it
sampler.py    logits to tokens, a draw a (seed, position)
layers.py     keys and values of a run of tokens, and the bytes they take
virtual.py    trained tokens before every prompt
packed.py     linear layers as the CPU's matrix product reads them
plain.py      the plain path: a row at a time, with transformers' own cache
"""
