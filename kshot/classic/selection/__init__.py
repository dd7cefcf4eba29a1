"""Which model to trust: validation, refits, bias and variance."""
