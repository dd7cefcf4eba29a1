"""A model judges what models wrote: rubrics, programs that ask, verdicts kept in a run's folder and read again.

rubrics.py  what a judge is asked, by name or out of a user's file
judge.py    who judges what, how a verdict is read, and the program that asks for it
items.py    what of a run is judged, worded
labels.py   people's labels of a run's attempts
read.py     the judgings of a run's folder
"""
