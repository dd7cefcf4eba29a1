"""From a model's name to its weights, its tokenizer and its text.

`sources` finds a model's folder by name, `bundled` fetches the bundled one, `gguf` converts what comes as GGUF, `cache`
keeps what is made once, `load` brings weights and tokenizer into memory, `render` turns prompts into tokens.
"""
