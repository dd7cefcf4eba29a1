"""Runs: tasks, strategies and an engine joined, kept in a folder, read again. The upper floor of harness.

plan.py      what is to be run, and what it loads: tasks, strategies, samples
taught.py    a prompt to train on
samples.py   which samples of a task it asks, however often it grew
growth.py    what a command adds to a run, and what must not mix
reuse.py     answers that other runs have
scored.py    by which further metrics it is scored
budget.py    which samples a strategy is asked, where it is not all
run.py       a plan on an engine, into a folder; and its answers read again
pools.py     that its exemplars stay the same
brought.py   that embedders and other tasks' inputs stay the same
prepare.py   what its strategies find out before their first question
wordings.py  the templates that it was asked in
names.py     what its strategies and tasks are called, so that reading runs nothing
kinds.py     what the values of users' own metrics are
sources.py   the user's own files that it was made with
sizes.py     how large its model is
resumed.py   its engine, made only where something is left to ask
read.py      a folder, read for a report
many.py      several models on one plan, and their report
members.py   which models a folder holds the runs of, and where
maker.py     which command a folder's run is of
judge.py     a judge on a finished run
console.py   what the commands do: run with progress, report, show, print prompts
progress.py  how far a command is, on a terminal and in a log
crash.py     an error that nobody foresaw
demo.py      the plan of `kshot demo`
export.py    records and calls as tables
view/        runs in a browser
"""
