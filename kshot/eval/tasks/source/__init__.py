"""Where a task's samples come from.

generated.py   seeded draws in which train and test never meet
public.py      public sets, from local files or the hub
hub.py         a set of the hub, through datasets
jsonl.py       rows of a JSONL file
told.py        which answer format a file's rows have
perfect.py     a target is what a perfect reply reads as
user.py        a user's own task: a Python file, or a JSONL file and no code
templates.py   ways of wording a question that tasks share
wei2022.py     the published exemplars of Wei et al. 2022
"""
