"""Which model to trust.

validation.py      splits, folds, choosing, nested cross-validation
refits.py          one estimator fitted to many training sets
bias_variance.py   the parts of the loss: noise, bias, variance
"""
