"""Reports: one set of types, three renderers, and what fills them."""
