"""Trained instead of prompted: a few parameters added to a base model, kept in a folder, run by kshot's own engine.

adapted.py      a base with what is trained on it: its size, its values, how to take it off
base_state.py   a base as it was, and the way back to it
attach.py       puts an adapter on a base, and takes one from its folder
folder.py       an adapter's folder: what is written, whose it is
weights.py      the weights out of its file: whole, finite and its own
engine.py       adapters through kshot's own engine
discrete.py     gradients by the tokens of a prompt's own text, for the search hotflip
spelled.py      that text as tokens, and which exchanges of one of them are texts
registered.py   the engine `adapted`, by name
encoder.py      encoders, and the cloze
heads.py        what classifies
padding.py      rows of unequal length as one batch
methods/        one file a method
training/       how weights are changed
study/          many trainings beside prompting, one report
"""
