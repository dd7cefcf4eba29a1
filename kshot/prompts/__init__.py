"""How a model is asked: templates, exemplars, votes, and the strategies made of them."""
