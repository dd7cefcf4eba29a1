"""The engine `ray`: replicas of any other engine, on this machine or on a cluster (docs/cluster.md)."""

from __future__ import annotations

from importlib.util import find_spec

from kshot.harness.engines.registry import INNER, engine, find_engine
from kshot.registry import USER_MODULES, suggest
from kshot.types import Engine, UserError

ROUTES = ("prefix", "round-robin")
MISSING = "the engine ray needs the package ray, which is not installed: pip install 'kshot[ray]'."


@engine
def ray(
    *,
    engine: str = "transformers",
    replicas: int = 2,
    address: str = "",
    cpus: str = "auto",
    gpus: str = "auto",
    route: str = "prefix",
) -> Engine:
    """Replicas of an engine, each in a process of its own: `ray:engine=transformers(model=x),replicas=4`.

    `address`: "" starts Ray here, for this command alone; auto or HOST:PORT joins a cluster (`ray start --head`).
    `cpus`, `gpus`: of each replica, auto: an even share. `route`: prefix, requests go where their prefix is, within a
    bound of load; round-robin, in turn.
    """
    inner = find_engine(engine)
    if replicas < 1:
        raise UserError(f"replicas is {replicas}; it must be at least 1.")
    if route not in ROUTES:
        raise UserError(f"unknown route {route!r}: {suggest(route, ROUTES)}")
    within = [inner]
    while INNER in within[-1].params:
        within.append(find_engine(within[-1].params[INNER]))
    if any(one.function is ray for one in within):
        raise UserError("the engine ray cannot stand within itself: give the replicas to the outer one.")
    share = (number_of("cpus", cpus, whole=True), number_of("gpus", gpus))
    if find_spec("ray") is None:
        raise UserError(MISSING)
    from kshot.harness.engines.ray_replicas import RayReplicas
    from kshot.harness.engines.replicated import ReplicatedEngine

    modules = [one.function.__module__ for one in within]
    registering = [module for module in modules if not module.startswith(USER_MODULES)]
    made = RayReplicas(inner.name, registering, replicas, address=address, cpus=share[0], gpus=share[1])
    return ReplicatedEngine(made, by_prefix=route == "prefix")


def number_of(name: str, text: str, *, whole: bool = False) -> float | None:
    """How much of something each replica gets, as it is written: a number, or auto, which is None. Raises UserError."""
    if text == "auto":
        return None
    try:
        found = int(text) if whole else float(text)
    except ValueError:
        found = -1
    if not (1 if whole else 0) <= found < 1e6:
        kind = "a whole number above 0" if whole else "a number of GPUs, such as 1, 0.5 or 0"
        raise UserError(f"{name} is {text!r}; give {kind}, or auto.")
    return found
