"""The surface of the loss: its critical points and its slices."""
