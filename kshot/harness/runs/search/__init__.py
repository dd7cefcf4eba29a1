"""Searches for prompts, run: all of them at once on one engine, kept, and what they found benched once at the end.

split.py     a task's pool in two, to learn from and to choose on; its test split is not read
subject.py   a task as a search sees it
trying.py    a candidate on a sample: what it is worth, by likelihood or accuracy
engines.py   an engine that scores and another that proposes, as one
meter.py     what a search's requests cost, proposals and scorings apart
plan.py      which searches: tasks, methods, seeds, what each may spend
run.py       them as jobs of one run; kept in RUN/search, resumed by asking the journal
found.py     RUN/found.json: what each search came to
bench.py     the winners and their baselines as an ordinary run, which alone reads the test split
console.py   what `kshot search` does once its words are read
"""
