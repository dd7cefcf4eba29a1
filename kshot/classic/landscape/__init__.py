"""The surface of the loss, of any torch module.

critical_points.py   gradient, Hessian, extreme eigenvalues, the way out of a saddle
slices.py            the loss along one or two directions
"""
