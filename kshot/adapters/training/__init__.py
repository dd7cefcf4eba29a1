"""How the weights of an adapter are changed: what is trained on, by which recipe, and the training itself.

data.py          a train split as tokens, in the prompts that evaluation sends
recipe.py        the settings of a training, and what it took
supervised.py    the training
checkpoints.py   what an unfinished one keeps
memory.py        the most memory that a piece of work held
"""
