"""Ways to select k exemplars of a pool, one small file each, registered by name. `FILES` has them."""

from __future__ import annotations

from importlib import import_module

from kshot.prompts.selection.registry import SELECTIONS, looks_at_the_question, selected, selection

FILES: tuple[str, ...] = ("balanced", "bm25", "first", "knn", "labelled", "mmr", "random", "spread", "votek")

for _name in FILES:
    import_module(f"kshot.prompts.selection.{_name}")

__all__ = ["SELECTIONS", "looks_at_the_question", "selected", "selection"]
