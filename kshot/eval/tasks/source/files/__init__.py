"""A user's data as rows, each with its place: whatever the kind of file, nothing in it is run, guessed or rounded.

table.py       rows, and where each stands
lines.py       JSON Lines, and the text of any file
delimited.py   CSV and TSV: a cell is the text that stands there
windows.py     text in the encodings of Excel on Windows
whole.py       JSON: a list, columns, splits, or a list inside an object
arrow.py       Parquet, `save_to_disk` folders and sets of the hub: the types that they have
hub_sets.py    a set of the hub, of the commit that was asked for
folder.py      a folder of files, a split each
named.py       which specification names data, and what it says
"""
