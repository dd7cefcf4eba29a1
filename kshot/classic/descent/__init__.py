"""Ways down a loss.

solvers.py      gradient descent, Newton's method, L-BFGS: to the minimum of a smooth loss
optimizers.py   SGD, Adagrad, RMSprop, Adam, AdamW: an update from a gradient, in place
schedules.py    how long the next step is
descend.py      batches, and the driver that keeps the way
"""
