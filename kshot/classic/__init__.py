"""The course before the language models: regression, classification, backpropagation, and why training fails.

data/             what is learned from: tables, images, digits; and what an estimator asks of its input
descent/          ways down a loss: solvers, optimisers, schedules
regression/       least squares and its penalties
classification/   classifiers: generative, logistic, kernels, cascades, networks
networks/         layers, networks and backpropagation, by hand and by torch
selection/        which model to trust: validation, refits, bias and variance
landscape/        the surface of the loss: critical points, slices
diagnosis/        why training fails: the course's questions in order
experiments/      findings of the course, each one function that ends in a report
console.py        what the commands do: list, run, diagnose
"""
