"""Least squares and its penalties.

linear.py            a line, a polynomial, and both with L2
lasso.py             L1 by coordinate descent
feature_scaling.py   columns of one size
"""
