"""Which server it is and which model it has: what the engine's id is made of, before anything is asked.

Meets: a server that was restarted, on whatever port of this machine, is the same; another model, another version of
vLLM or llama.cpp, or another host is another engine, whose answers never mix with these in a journal.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kshot.harness.engines.served.client import ServerClient
from kshot.harness.engines.served.dialects import Dialect, dialect_of
from kshot.harness.engines.served.faults import Malformed, Refusal
from kshot.registry import suggest
from kshot.types import EngineError, UserError

FIRST_PATIENCE = 6.0  # seconds for a server that has never answered: most often its address is wrong
LISTED = 8  # models that a sentence lists


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A server with the one model that is asked there."""

    dialect: Dialect
    version: str  # "" where it does not say
    model: str
    root: str  # where its weights are from, as far as it says and that is not the model's name
    context: int | None  # tokens, where it says
    listed: bool = True  # whether it has listed any models

    @property
    def named(self) -> str:
        """Kind, version and model, as they stand in the engine's id."""
        kind = f"{self.dialect.name}-{self.version}" if self.version else self.dialect.name
        at = f"@{hashlib.blake2b(self.root.encode(), digest_size=4).hexdigest()}" if self.root else ""
        return f"{kind}/{self.model}{at}"


async def discover(client: ServerClient, model: str, server: str) -> ModelServer:
    """Asks a server what it is. Raises UserError where none is named of several models, or none listed."""
    asked = dialect_of(server, "")  # a wrong name is told first
    patience = min(client.patience, FIRST_PATIENCE) if asked.lists or not model else 0
    try:
        rows = await client.call("/models", None, read_models, patience=patience)
    except Refusal as refusal:
        if refusal.status not in (404, 405) or not model:
            raise
        rows = []  # some gateways list nothing
    except EngineError as error:
        if not model:
            raise UserError(f"{error} Is it running, and is that its address?") from None
        rows = []  # whether it is there at all the first request tells
    named = {str(row["id"]): row for row in rows}
    dialect = dialect_of(server, str(next(iter(rows), {}).get("owned_by", "")))
    if not model:
        model = only_one(list(named), client.address.shown)
    elif dialect.names_models and model not in named:
        raise UserError(f"the server at {client.address.shown} has no model {model!r}: {suggest(model, named)}")
    row = named.get(model, {})
    root = row.get("root")
    length = row.get("max_model_len")
    return ModelServer(
        dialect,
        await version_of(client, dialect),
        model,
        root if isinstance(root, str) and root != model else "",
        length if type(length) is int and length > 0 else None,
        bool(rows),
    )


def only_one(names: list[str], where: str) -> str:
    """The one model there is. Raises UserError, with the names, where there are several or none."""
    if len(names) == 1:
        return names[0]
    if not names:
        raise UserError(f"the server at {where} lists no model: name the one it has, as model=NAME.")
    more = f" ... {len(names) - LISTED} more" if len(names) > LISTED else ""
    raise UserError(
        f"the server at {where} has {len(names)} models ({', '.join(names[:LISTED])}{more}): name one, as model=NAME."
    )


def read_models(value: Any) -> list[dict[str, Any]]:
    """The rows of a list of models. Raises Malformed where it is none."""
    rows = value.get("data") if isinstance(value, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows):
        raise Malformed(f"what it lists as its models is no list of them ({value!r:.80})")
    return rows


async def version_of(client: ServerClient, dialect: Dialect) -> str:
    """The server's version, where its kind tells one."""
    if not dialect.version_at:
        return ""

    def read(value: Any) -> str:
        return str(value.get(dialect.version_key, "")) if isinstance(value, dict) else ""

    with suppress(UserError, EngineError):
        return await client.call(client.address.root + dialect.version_at, None, read, patience=2.0)
    return ""
