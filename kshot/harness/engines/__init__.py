"""Engines answer requests. Each is a file, and its name a line here; what is heavy is imported when one is made.

registry.py       engines by name, and one that is named and not yet made
transformers.py   any causal language model that transformers loads
token_engine.py   requests to tokens and tokens to texts, around a decoder; what `transformers` makes
scripted.py       replies from a function
ray.py            replicas of any engine, on this machine or a cluster
ray_replicas.py   Ray: where they run, what each gets of a machine, how a death is told
replicated.py     one engine out of replicas: who gets what, and what a death costs
replica.py        what runs on one
router.py         requests go where their prefix is, within a bound of load
deferred.py       an engine that is made at its first request
openai.py         a model behind a server of OpenAI's protocol
served/           what is sent to such a server, and what may come back
vllm.py           vLLM: how it is made; vllm_engine.py around vllm_decoder.py, vllm_process.py its processes
orphans.py        processes below this one end with it, however it ends
lora_folder.py    an adapter's folder, for an engine that loads it by itself
"""

from __future__ import annotations

from importlib import import_module

from kshot.harness.engines.registry import ENGINES, engine, get_engine

MODULES: tuple[str, ...] = (
    "ray",
    "openai",
    "scripted",
    "transformers",
    "vllm",
)

for _name in MODULES:
    import_module(f"kshot.harness.engines.{_name}")

__all__ = ["ENGINES", "engine", "get_engine"]
