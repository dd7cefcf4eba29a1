"""Task files of lm-evaluation-harness (Gao et al. 2021, doi 10.5281/zenodo.5371628), read as kshot's tasks.

What is asked is theirs to the character, exemplars included, and what an answer is worth is theirs; docs/lm-eval.md has
the table of their schema. Written against lm-eval 0.4.13, of which nothing is run: its files are data, and what they
name of code (`!function`) is run only where the user says so.

named.py       which specification names such a file, and what it says
reading.py     YAML, includes, and where the package's own files lie
schema.py      every key there is, and what becomes of it
config.py      a file's keys as values
rendering.py   a document as prompt, target and choices, by their rules
documents.py   the documents of a data set: from the hub, from local files, from --data
shots.py       which documents they show before which
filters.py     from what a model wrote to an answer
metrics.py     what an answer is worth
groups.py      groups and tags
samples.py     documents as samples
load.py        all of it as a Task
"""

from __future__ import annotations
