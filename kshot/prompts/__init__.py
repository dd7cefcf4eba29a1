"""How a model is asked: templates, exemplars, votes, and the strategies made of them.

phrases.py      the words around a question, by language
templates.py    a question to messages, and messages to plain text
sandbox.py      where templates of a user are rendered
exemplars.py    which worked samples are shown, in which order
voting.py       the answer that most chains give
strategies/     one file each
"""
