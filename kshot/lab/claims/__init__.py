"""Claims and what is measured of them: pure functions of answers, which know no model and no run.

finding.py   a claim, what would show it, and the hash of both
estimate.py  an effect in points with its interval: samples and exemplar seeds drawn again
effects.py   what is taken of the arms' answers
verdict.py   the four verdicts
"""
