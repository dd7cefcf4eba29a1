"""The openai engine: any server of that protocol (vLLM, SGLang, llama.cpp, Ollama, `transformers serve`, hosted).

docs/engines.md says what each server can, and how its key is kept. The client library is the extra `openai`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from kshot.harness.engines.registry import engine
from kshot.registry import suggest
from kshot.types import Engine, UserError

if TYPE_CHECKING:
    from kshot.harness.engines.served.address import Secret, ServerAddress
    from kshot.harness.engines.served.discovery import ModelServer
    from kshot.harness.engines.served.wording import CallWording
    from kshot.harness.models.render import Renderer

CHATS = ("auto", "yes", "no")


@engine
def openai(
    *,
    base_url: str = "http://localhost:8000/v1",
    model: str = "",
    chat: str = "auto",
    tokenizer: str = "",
    template: str = "auto",
    chat_options: str = "",
    concurrency: int = 64,
    seed: bool = True,
    stops: str = "auto",
    timeout: float = 600.0,
    patience: float = 300.0,
    key_env: str = "OPENAI_API_KEY",
    key_file: str = "",
    server: str = "auto",
    identity: str = "",
    trust_remote_code: bool = False,
) -> Engine:
    """A model behind a server of OpenAI's protocol: vLLM, SGLang, llama.cpp, Ollama, hosted (docs/engines.md).

    `model` may be left out where the server has one. `tokenizer` (a folder, hub id or bundled name) has kshot make the
    prompts' tokens, as its own engine does. `patience` and `timeout` are seconds. The key is never written here.
    """
    if find_spec("openai") is None:
        raise UserError('the engine openai needs the library of that name: pip install "kshot[openai]".')
    from kshot.harness.engines.served.address import read_address, read_key

    if chat not in CHATS:
        raise UserError(f"chat= is {chat!r}: {suggest(chat, CHATS)}")
    if tokenizer and chat != "auto":
        raise UserError("chat= stands beside tokenizer=, with which kshot renders: say template=chat or plain instead.")
    for name, value in {"concurrency": concurrency, "timeout": timeout, "patience": patience}.items():
        if value <= 0 and (name, value) != ("patience", 0):
            raise UserError(f"{name}= is {value:g}; it must be above 0.")
    address, secret = read_address(base_url), read_key(key_env, key_file)
    renderer, rendered = rendering(tokenizer, template, chat_options, trust_remote_code)
    return served(
        address,
        secret,
        model=model,
        chat=chat,
        renderer=renderer,
        rendered=rendered,
        chat_options=chat_options,
        concurrency=concurrency,
        seed=seed,
        stops=stops,
        limits=(timeout, patience),
        server=server,
        identity=identity,
    )


def rendering(tokenizer: str, template: str, chat_options: str, trust_remote_code: bool) -> tuple[Renderer | None, str]:
    """What makes a prompt's tokens here, and what names it in the engine's id; (None, "") where the server does."""
    if not tokenizer:
        return None, ""
    import hashlib

    from kshot.harness.models.chat_options import read_options, write_options
    from kshot.harness.models.load import load_tokenizer
    from kshot.harness.models.sources import resolve

    options = read_options(chat_options)
    renderer = load_tokenizer(resolve(tokenizer), template, options, trust_remote_code=trust_remote_code)
    told = hashlib.blake2b(digest_size=8)
    tokens = renderer.tokenizer
    for part in (sorted(tokens.get_vocab().items()), str(tokens.special_tokens_map), str(tokens.chat_template)):
        told.update(repr(part).encode())
    how = f"{'chat' if renderer.chat else 'plain'}{write_options(options) if options else ''}"
    return renderer, f"tokens-{told.hexdigest()}/{how}"


def served(
    address: ServerAddress,
    secret: Secret,
    *,
    model: str,
    chat: str,
    renderer: Renderer | None,
    rendered: str,
    chat_options: str,
    concurrency: int,
    seed: bool,
    stops: str,
    limits: tuple[float, float],
    server: str,
    identity: str,
) -> Engine:
    """The engine around a server that is there. Raises UserError where it is not, or not as it was said to be."""
    from kshot.harness.engines.served.background import Background
    from kshot.harness.engines.served.client import ServerClient
    from kshot.harness.engines.served.discovery import FIRST_PATIENCE, discover
    from kshot.harness.engines.served.engine import ServedEngine
    from kshot.harness.engines.served.probes import Probes, opening
    from kshot.harness.engines.served.wording import CallWording, stops_sent

    warn_of_http(address, secret)
    outbox: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
    background = Background()
    client: ServerClient | None = None
    try:

        async def connect() -> ServerClient:
            timeout, patience = limits
            return ServerClient(
                address,
                secret,
                timeout=timeout,
                patience=patience,
                concurrency=concurrency,
                say=lambda text: outbox.put(("say", text)),
            )

        client = background.run(connect())
        found = background.run(discover(client, model, server))
        options = server_options(chat_options, found.dialect.name, found.dialect.template_kwargs, renderer is not None)
        wording = CallWording(found.dialect, found.model, seed, stops_sent(stops, found.dialect), options)
        probes = Probes(client, wording, renderer.chat if renderer else chat != "no", renderer)
        waits = client.patience if found.listed else min(client.patience, FIRST_PATIENCE)
        takes_messages, reported = background.run(opening(probes, "no" if renderer else chat, waits))
        probes.chat = renderer.chat if renderer else takes_messages
        if renderer:
            background.run(probes.takes_tokens())  # a tokenizer that is not the server's is told before a run
        how = rendered or ("chat" if takes_messages else "plain")
        return ServedEngine(
            background,
            client,
            found,
            wording,
            probes,
            outbox,
            id=id_of(address, identity, found, reported, how, wording),
            chat=probes.chat,
            concurrency=concurrency,
            reported=reported,
            renderer=renderer,
        )
    except BaseException:
        if client is not None:
            background.run(client.close())
        background.close()
        raise


def warn_of_http(address: ServerAddress, secret: Secret) -> None:
    """Says so where a key would go over the net as it is."""
    import warnings

    if secret.value and not address.secure and not address.local:
        warnings.warn(
            f"the key goes to {address.host} over http, where everybody on the way can read it: use https.",
            stacklevel=4,
        )


def id_of(
    address: ServerAddress, identity: str, found: ModelServer, reported: str, how: str, wording: CallWording
) -> str:
    """All that changes what a served model answers: place, kind, version, model, and how it is asked.

    The place is a name that it was given, its host, or nothing on this machine.
    """
    from kshot.harness.models.chat_options import write_options

    parts = ["openai", identity or ("" if address.local else address.host), found.named]
    parts.append(reported if reported != found.model else "")
    parts.append(how + (write_options(wording.template_kwargs) if wording.template_kwargs else ""))
    parts.append("" if wording.seed else "no-seed")
    return "/".join(part for part in parts if part)


def server_options(text: str, kind: str, takes: bool, rendered: bool) -> Mapping[str, Any] | None:
    """What the server's own chat template is told. Raises UserError where it would not reach it."""
    from kshot.harness.models.chat_options import read_options

    options = read_options(text)
    if not options or rendered:
        return None
    if not takes:
        raise UserError(
            f"chat_options= would not reach the chat template of this server (kind {kind}): give tokenizer= the "
            "model's folder or hub id, so that kshot renders, or say which server it is (server=vllm)."
        )
    return options


def check_addresses(spec: str) -> None:
    """Raises UserError where an engine's specification, or one within it, has an address with more than an address in
    it (a password, a query), which whoever writes it down would keep."""
    from kshot.harness.engines.served.address import read_address
    from kshot.spec import values_in

    for address in values_in(spec, "base_url"):
        read_address(address)
