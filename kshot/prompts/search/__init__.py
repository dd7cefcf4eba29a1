"""Programs that find prompts, one small file each, registered by name. `FILES` has them.

searchable.py   what a search may see, what it tries, what it gives back
trials.py       the ledger: what was tried, what may still be spent
proposals.py    from what a model wrote to an instruction, or to nothing
flips.py        what is asked of a model's weights, as a request
words.py        the words that a learned prompt is made of
beginning.py    what searches begin with: the first wording, demonstrations
chunks.py       edits of an instruction by words or phrases
registry.py     the registry of searches
"""

from __future__ import annotations

from importlib import import_module

from kshot.prompts.search.registry import SEARCHES, Search, search
from kshot.prompts.search.searchable import Candidate, Found, Searchable, Trial
from kshot.prompts.search.trials import Proposal, Trials

FILES: tuple[str, ...] = (
    *("ape", "best_human", "demos", "edits", "hotflip", "opro", "paraphrase", "random", "reinforce"),
)

for _name in FILES:
    import_module(f"kshot.prompts.search.{_name}")

__all__ = ["SEARCHES", "Candidate", "Found", "Proposal", "Search", "Searchable", "Trial", "Trials", "search"]
