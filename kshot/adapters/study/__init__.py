"""Prompting beside training on the same samples: many trainings, one report."""
