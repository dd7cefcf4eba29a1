"""Classifiers: generative, logistic, kernels, cascades, networks."""
