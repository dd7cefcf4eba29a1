"""Texts as vectors of unit length, to tell which are near: what selections of exemplars by meaning stand on.

minilm   the sentence encoder of the Python package index, fetched once and checked
encoder  a model's files to vectors: mean pooling, kept in the cache; the only file here with torch
words    TF-IDF, which needs no model
space    the cosines of a task's texts, each encoded once
brought  what a run brings along for its strategies: vectors by name, and other tasks' inputs
"""
