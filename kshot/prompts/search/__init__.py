"""Programs that find prompts, one small file each, registered by name. `FILES` has them.

searchable.py   what a search may see, what it tries, what it gives back
registry.py     the registry of searches
"""

from __future__ import annotations

from importlib import import_module

from kshot.prompts.search.registry import SEARCHES, Search, search
from kshot.prompts.search.searchable import Candidate, Found, Searchable, Trial

FILES: tuple[str, ...] = ()

for _name in FILES:
    import_module(f"kshot.prompts.search.{_name}")

__all__ = ["SEARCHES", "Candidate", "Found", "Search", "Searchable", "Trial", "search"]
