"""Prompting beside training on the same samples: many trainings, one report.

plan.py       what is trained, and what it is compared with
folder.py     the names in a study's folder
lock.py       one process at a time in it
base.py       the base in memory, with one adapter after the other on it
search.py     a method's learning rate, looked for
run.py        prompting, then training by training
evaluate.py   an adapter judged as prompts are
read.py       what has come so far
report.py     trained parameters beside prompts
figures.py    its figures
console.py    with progress, to a report
"""
