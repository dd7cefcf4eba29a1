"""One sequence decoded by itself: its tokens, the draws, what a model has before and inside it."""
