"""Why training fails.

ladder.py      models from small to large on the same rows
questions.py   the course's questions, each answered by a measurement
verdicts.py    what follows from each verdict, and what was tried next
examine.py     the tree: questions in order, and the verdict
report.py      a diagnosis as the shared report
"""
