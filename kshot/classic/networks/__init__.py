"""Networks by hand and by torch: layers, backpropagation, a tape of operations, what a trained one sees."""
