"""Runs programs on models: engines, models, the runner and its journal."""
