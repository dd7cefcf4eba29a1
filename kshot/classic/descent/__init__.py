"""Gradient descent and its repairs: solvers by formula, optimizers step by step."""
