"""From a model's name to its weights, its tokenizer and its text.

sources.py   a name to the folder of its files
bundled.py   the bundled model, out of a package of the Python package index
gguf.py      what comes as GGUF, converted once
hub.py       a repository of the hub to a folder, whole or not at all
cache.py     what is made once and kept whole; hashes, remembered
devices.py   where a model runs, and what is free there
memory.py    whether it fits, before it is read
load.py      files to a model and a tokenizer in memory
quantized.py   weights in 8 or 4 bits
chat_options.py  what a chat template is told beside the messages
reasoning.py    marks around what is thought, where a reply would lack them
size.py      how large a model is, by its files' headers
render.py    prompts to text and tokens
control_tokens.py   what a template writes and a message may not
"""
