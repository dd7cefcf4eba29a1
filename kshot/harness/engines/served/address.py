"""Where a server is, and the key that it wants. The key is shown to nobody else: not on disk, not in a sentence.

Meets: no key in a specification, an address or a journal; every text that a server sent is cleaned of it before it is
said. Concedes: a server that sends the key back in pieces, or encoded, is not seen through.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from kshot.types import UserError

HIDDEN = "[the key]"
SHORTEST = 6  # characters of a key that is looked for: "none" would be found everywhere


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server's address, whole and in parts."""

    base_url: str  # http://localhost:8000/v1, without a slash at its end
    host: str  # localhost
    local: bool  # whether it is this machine's own loopback
    secure: bool

    @property
    def root(self) -> str:
        """The address without the protocol's own path."""
        return self.base_url.removesuffix("/v1")

    @property
    def shown(self) -> str:
        """As it stands in a sentence."""
        return self.base_url


@dataclass(frozen=True, slots=True)
class Secret:
    """A key. Its value is in no repr."""

    value: str = field(default="", repr=False)

    def clean(self, text: str) -> str:
        """A text without the key in it, in whatever way it is written there; nor its beginning, where it is cut off."""
        if len(self.value) >= SHORTEST:
            for written in {self.value, quote(self.value, safe=""), json.dumps(self.value)[1:-1]}:
                text = text.replace(written, HIDDEN)
                for length in range(len(written) - 1, SHORTEST - 1, -1):
                    if written[:length] in text:
                        text = re.sub(rf"{re.escape(written[:length])}(?![\w-])", HIDDEN, text)
        return text


def read_address(base_url: str) -> ServerAddress:
    """An address as it is given. Raises UserError, which repeats nothing secret, where it is none or holds more."""
    try:
        parts = urlsplit(base_url.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise UserError("base_url is no address: write it as http://localhost:8000/v1.") from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UserError(
            "base_url holds more than an address (a user, a password or a ?query), which would be kept with the run: "
            "leave it out; the key comes from the environment (OPENAI_API_KEY, or key_env=NAME) or key_file=FILE."
        )
    if parts.scheme not in ("http", "https") or not host:
        raise UserError(f"base_url is {base_url!r}, which is no address: write it as http://localhost:8000/v1.")
    path = parts.path.rstrip("/")
    for tail in ("/chat/completions", "/completions", "/models"):
        path = path.removesuffix(tail)
    whole = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
    return ServerAddress(whole, host, is_loopback(host), parts.scheme == "https")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, and what is sent there stays on it."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def read_key(key_env: str, key_file: str) -> Secret:
    """The key of a file, or of the environment; an empty one where neither has any.

    Raises UserError, which never repeats what it read.
    """
    if key_file:
        path = Path(key_file).expanduser()
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise UserError(f"the key file {path} cannot be read: give key_file= a text file with the key.") from None
        where = f"the key file {path}"
        if not text:
            raise UserError(f"{where} is empty: write the key into it.")
    else:
        text = os.environ.get(key_env, "").strip()
        where = f"the environment variable {key_env if key_env.isidentifier() else 'of key_env='}"
        if not key_env.isidentifier():
            raise UserError("key_env= takes the name of an environment variable, such as OPENAI_API_KEY, never a key.")
        if not text and key_env != "OPENAI_API_KEY":
            raise UserError(f"{where} is not set: set it to the key, or leave key_env= out.")
    if any(not "!" <= character <= "~" for character in text):
        raise UserError(f"{where} holds something that no key has (blanks, lines or letters beyond ASCII): mend it.")
    return Secret(text)
