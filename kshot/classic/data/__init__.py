"""Tables that the experiments need and no library ships."""
