"""How the weights of an adapter are changed: what is trained on, by which recipe, and the training itself."""
