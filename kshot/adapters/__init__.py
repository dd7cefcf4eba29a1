"""Trained instead of prompted: a few parameters added to a base model, kept in a folder, run by kshot's own engine."""
