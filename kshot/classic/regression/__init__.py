"""Least squares and its penalties: linear, lasso, and what the scale of the features does."""
