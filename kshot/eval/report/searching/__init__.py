"""The report of a search for prompts: what was found, what it is worth on samples that nothing was chosen on.

outcomes.py   what a search came to, as values
tested.py     what was found, and what it is held against, on the test split
verdicts.py   paired tests over samples with seeds inside, corrected over methods and tasks
tables.py     validation, out-of-bag, test; verdicts; cost; calibration; every prompt
figures.py    best so far, validation against test, differences from what people wrote
build.py      the report
"""
