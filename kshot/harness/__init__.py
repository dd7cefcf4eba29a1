"""Runs programs on models.

runner.py       drives all programs at once, and asks each request once
schema.py       the journal's tables, today's and earlier ones
keys.py         what names all that can change a request's answer
rows.py         requests, generations and records as rows of them
damage.py       what is wrong with a journal, in a sentence
folder_lock.py  one writer of a folder at a time
medium.py       a journal opened to be read, where nothing can be written too
journal.py      what was asked and answered, on disk: a killed run goes on where it was
provenance.py   what is needed to repeat a run: versions, hardware, hashes
models/         a name to weights in memory
embeddings/     texts to vectors
engines/        requests to generations
decoding/       what a decoder does for one sequence
prefix/         what sequences share: a decoder that computes it once
judging/        a model's opinion of what models wrote
runs/           the upper floor: tasks, strategies and an engine joined
"""
