"""Classifiers that keep scikit-learn's contract.

classifier.py   what all share: from a score a class to a decision
gaussian.py     a Gaussian a class, and naive Bayes
logistic.py     logistic and softmax regression
kernel.py       transformed features, and kernels
cascade.py      logistic regressions that feed another one
network.py      a fully connected network
"""
