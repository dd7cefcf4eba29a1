"""Public sets that others report on, a few lines each. `FILES` has them, a file a kind; importing this registers them.

sets.py               what they share: from a hub's row to a sample, by kind of answer
equivalence.py        when two expressions are the same
knowledge.py          examinations and facts, by choice
commonsense.py        what goes on, by choice
sentences.py          what two sentences, or a passage, say of each other
reading.py            answers in a few words, from a passage or from memory
mathematics.py        problems whose answer is a number or an expression
language_modelling.py texts whose own words are scored
texts.py              summaries and translations
chinese.py            examinations in Chinese

docs/tasks.md has each one's source, split, metric and published setting.
"""

from __future__ import annotations

from importlib import import_module

FILES: tuple[str, ...] = (
    "chinese",
    "commonsense",
    "knowledge",
    "language_modelling",
    "mathematics",
    "reading",
    "sentences",
    "texts",
)

for _name in FILES:
    import_module(f"kshot.eval.tasks.library.{_name}")
