"""The course before the language models: regression, classification, backpropagation, and why training fails."""
