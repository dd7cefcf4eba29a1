"""Engines answer requests. `load_engine` makes one by name; each is a file of its own, imported when used."""
