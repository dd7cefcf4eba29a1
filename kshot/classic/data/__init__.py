"""What is learned from, and what an estimator asks of it.

inputs.py    the array types; input and hyperparameters checked, in sentences
tables.py    rows and a target out of a .csv or .jsonl file
digits.py    the handwritten digits, and the ways in which they are divided
images.py    image sets and transforms, as torch and torchvision name them
cp.py        the lecture's ten Pokemon, before evolution and after
pokemon.py   721 Pokemon with their types (pokemon.tsv)
"""
