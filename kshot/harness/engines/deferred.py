"""An engine that is made at its first request: a run that has all its answers loads no model.

Meets: what it writes goes by the very id of the engine behind it, which is held to that when it is made.
"""

from __future__ import annotations

from kshot.harness.engines.registry import ENGINES, NamedEngine
from kshot.registry import hyperparameters
from kshot.types import Engine, Generation, Request, UserError

ROWS = 128  # as the engine on a CPU


class DeferredEngine:
    """An engine that is known by its id, and not loaded before it is asked. Raises UserError as making it does."""

    def __init__(self, named: NamedEngine, id: str, chat: bool, capacity: int = ROWS) -> None:
        self.named, self.id, self.chat, self.capacity = named, id, chat, capacity
        self.engine: Engine | None = None

    def made(self) -> Engine:
        """The engine, made where it is not there yet. Raises UserError where it is another than was said."""
        if self.engine is None:
            made = self.named()
            if (made.id, made.chat) != (self.id, self.chat):
                made.close()
                raise UserError(
                    f"{self.named.model} is another model than the run's, {made.id} and not {self.id}: use another "
                    "--run name, or the model that it was made with."
                )
            self.engine = made
        return self.engine

    def submit(self, ticket: int, request: Request) -> None:
        """Passes a request on, to an engine that the first one makes."""
        self.made().submit(ticket, request)

    def collect(self) -> list[tuple[int, Generation]]:
        """What the engine has answered."""
        return [] if self.engine is None else self.engine.collect()

    def close(self) -> None:
        """Closes the engine, where there is one."""
        if self.engine is not None:
            self.engine.close()
            self.engine = None


KNOWN = ("model", "device", "dtype", "template", "trust_remote_code", "chat_options")
"""What an id of the engine `transformers` follows from; `batch`, `memory` and `share` change nothing in it."""


def is_known(named: NamedEngine, id: str) -> bool:
    """Whether an id is that of this very engine, told from its model's files; False also where that cannot be told.

    Fetches the model where needed. Raises UserError where it cannot be had.
    """
    if named.function is not ENGINES.entries.get("transformers"):
        return False
    defaults, params = hyperparameters(named.function), dict(named.params)
    told = {*KNOWN, "batch", "memory", "share"}
    if any(value != defaults.get(key) for key, value in params.items() if key not in told):
        return False
    from kshot.harness.engines.token_engine import DECODING

    ours = f"{id_by_files(**{key: params[key] for key in KNOWN})}/decoding-{DECODING}"
    return id in {f"{ours}{length}{thinks}" for length in ("", "-by-length") for thinks in ("", "-thinking")}


def id_by_files(model: str, device: str, dtype: str, template: str, trust_remote_code: bool, chat_options: str) -> str:
    """What names a model's engine but for its decoding, without its weights in memory. Raises UserError."""
    from kshot.harness.engines.transformers import engine_id
    from kshot.harness.models.cache import weights_hash
    from kshot.harness.models.chat_options import read_options
    from kshot.harness.models.devices import where_to_run
    from kshot.harness.models.load import LoadedModel, check_weights_are_there, load_tokenizer
    from kshot.harness.models.sources import folder_of, resolve

    source, options = resolve(model), read_options(chat_options)
    device, dtype = where_to_run(device, dtype)
    folder = folder_of(source, trust_remote_code)
    check_weights_are_there(folder)
    renderer = load_tokenizer(source, template, options, trust_remote_code=trust_remote_code)
    unloaded = LoadedModel(None, None, weights_hash(folder, code=trust_remote_code), device, dtype, 0, source)
    return engine_id(unloaded, renderer.chat, chat_options=options)
