"""Where a task's samples come from.

generated.py   seeded draws in which train and test never meet
public.py      public sets, from local files or the hub
hub.py         a set of the hub, through datasets
jsonl.py       what the fields of a row say
told.py        which answer format a file's rows have
perfect.py     a target is what a perfect reply reads as
user.py        a user's own task in a Python file
data.py        a task from a user's data, and no code
plain_text.py  texts whose likelihood is asked
files/         a user's data as rows, whatever the kind of file
columns.py     which column is what
choosing.py    which choice an answer means
talks.py       chat messages as questions and answers
samples.py     rows of a user's data as samples
language.py    in which language a task is
chinese.py     names and words of generated tasks in Chinese
templates.py   ways of wording a question that tasks share
stories.py     a story as the context of the question that it ends in
wei2022.py     the published exemplars of Wei et al. 2022
wei2022_zh.py  the same in Chinese
"""
