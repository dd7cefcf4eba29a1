"""The laboratory: findings of the literature tried again on open models, with verdicts settled by a function.

read.py     from a run's records to an effect's tables
judge.py    all findings of a run, with Holm's correction
several.py  runs judged, and what compares models
figures.py  a finding's picture, and the family's
report.py   one table for hits and misses, a column a model
cost.py     what findings ask, shared cells once; which goes first
run.py      findings in one run that grows, settled before anything is asked
console.py  what the command does

claims/ has what a claim is and how it is decided, findings/ the claims, a file a paper.
"""
