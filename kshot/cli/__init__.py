"""The command line: parse, call, print. `main` is the program; a file holds the commands of one subject.

main.py      the program, and `kshot list`
bench.py     `kshot bench` and `kshot demo`
runs.py      what is done with a run's folder: show, report, rescore, export, compare, view
search.py    `kshot search`
tune.py      `kshot tune`
reproduce.py `kshot reproduce`
judge.py     `kshot judge`
classic.py   `kshot classic`
study_file.py  a study in a file, in the words of the options of bench
options.py   options that several commands share
group.py     a mistake is one sentence
"""

from kshot.cli.main import main

__all__ = ["main"]
