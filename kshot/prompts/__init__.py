"""How a model is asked: templates, exemplars, votes, and the strategies made of them.

instructions.py the words a task is said in: its own, or given ones
phrases.py      the words around a question, by language
templates.py    a question to messages, and messages to plain text
wording.py      a question by a template, to one text
sandbox.py      where templates are rendered
formats.py      a template with other separators and case
common.py       what can be said of every strategy: template, label words, system, stops, sampling
preparation.py  what a strategy finds out beforehand, the best template among it
held_out.py     exemplars to try things on
calibration.py  what a model says of labels unasked
scoring.py      how likely labels and choices are
exemplars.py    which worked samples are shown, in which order
picks.py        or named by their places in the pool
selection/      ways to select them, one file each
search/         programs that find prompts, one file each
ablations.py    what is done to them: other labels, other words, other inputs
orders.py       the order of the highest entropy
responses.py    what a strategy made the model write
voting.py       the answer that most chains give
strategies/     one file each
"""
