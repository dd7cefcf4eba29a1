"""Where samples come from: a generator, local files, the hub, a user's own task, a paper."""
