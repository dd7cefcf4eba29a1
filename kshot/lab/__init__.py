"""The laboratory: findings of the literature tried again on open models, with verdicts settled by a function.

finding.py   a claim, what would show it, and the hash of both
estimate.py  an effect in points with its interval: samples and exemplar seeds drawn again
effects.py   what is taken of the arms' answers
verdict.py   the four verdicts
findings/    the claims, a file a paper
"""
