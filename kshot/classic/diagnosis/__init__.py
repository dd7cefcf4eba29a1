"""Why training fails: a ladder of models, the course's questions in order, and their report."""
