"""Runs: tasks, strategies and an engine joined, kept in a folder, read again. The upper floor of harness."""
