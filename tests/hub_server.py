"""A small hub on this machine: models, data sets and adapters, with what huggingface_hub and datasets ask of one.

It speaks the plain protocol: listings, redirects to large files with their SHA-256, ranges, gates, and faults that a
test asks for by a file's name. Xet, which the real hub stores large files in, it does not speak.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.places import ROOT

Files = dict[str, bytes]
GOOD, OTHER = "hf_mayreadall0123456789", "hf_maynotread0123456789"  # tokens: one that was let in, and one that was not
LARGE = (".safetensors", ".bin", ".gguf")  # kept apart, as LFS does


def commit_of(revision: str) -> str:
    """The commit that a branch has at first."""
    return {"main": "a" * 40, "v1": "b" * 40, "refs/convert/parquet": "c" * 40}.get(
        revision, hashlib.sha1(revision.encode()).hexdigest()
    )


def sha1(content: bytes) -> str:
    """A small file's name in git."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def folder_files(folder: Path) -> Files:
    """A folder's files, to be served."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@dataclass
class Repo:
    """What stands under one id: commits by branch, files by commit, and who may read them."""

    branches: dict[str, str]
    commits: dict[str, Files]
    gated: bool = False


@dataclass
class Faults:
    """What goes wrong, by a file's name."""

    drop: dict[str, list[int]] = field(default_factory=dict)  # a request each: the connection ends after so many bytes
    status: dict[str, list[int]] = field(default_factory=dict)  # a request each: this code in place of an answer
    stall: dict[str, int] = field(default_factory=dict)  # after so many bytes nothing more, until `go` is set
    change: dict[str, bytes] = field(default_factory=dict)  # what is sent in place of the content
    go: Event = field(default_factory=Event)
    stalled: Event = field(default_factory=Event)


@dataclass
class Hub:
    """The server's state, which a test may change while it runs."""

    address: str = ""
    repos: dict[tuple[str, str], Repo] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # METHOD PATH, in order
    fetched: list[str] = field(default_factory=list)  # files that were sent, in whole or part, in order
    ranges: list[str] = field(default_factory=list)  # FILE RANGE
    faults: Faults = field(default_factory=Faults)

    def add(self, name: str, versions: Mapping[str, Files], *, kind: str = "models", gated: bool = False) -> None:
        """Serves an id's files by revision."""
        branches = {revision: commit_of(revision) for revision in versions}
        files = {branches[revision]: dict(found) for revision, found in versions.items()}
        self.repos[kind, name] = Repo(branches, files, gated)

    def move(self, name: str, files: Files, *, kind: str = "models") -> str:
        """A commit more on main; its name."""
        repo = self.repos[kind, name]
        commit = hashlib.sha1(repo.branches["main"].encode()).hexdigest()
        repo.branches["main"], repo.commits[commit] = commit, dict(files)
        return commit

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """What a process needs to ask this hub, with a cache of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        told = {"HF_ENDPOINT": self.address, "HF_HOME": str(home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        return {**kept, **told, "HF_HUB_DISABLE_TELEMETRY": "1", **more}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    hub: Hub  # set by `serving`
    protocol_version = "HTTP/1.1"
    kind = name = path_asked = ""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        whole = urlsplit(self.path)
        raw, query = whole.path, parse_qs(whole.query)
        self.hub.asked.append(f"{self.command} {unquote(raw)}")
        if "Range" in self.headers:
            self.hub.ranges.append(f"{unquote(raw).rpartition('/')[2]} {self.headers['Range']}")
        for (kind, name), repo in self.hub.repos.items():
            place = "" if kind == "models" else f"/{kind}"
            if raw.startswith((f"{place}/{name}/resolve/", f"/api/{kind}/{name}/", f"/sent/{kind}/{name}/")) or (
                raw == f"/api/{kind}/{name}"
            ):
                self.kind, self.name = kind, name
                rest = raw.partition(f"/{name}")[2]
                if self.refused(repo, raw):
                    return
                if raw.startswith("/api/"):
                    self.api(repo, rest.lstrip("/"), query, body)
                elif raw.startswith("/sent/"):
                    commit, file = map(unquote, rest.lstrip("/").split("/", 1))
                    self.send_file(repo.commits[commit][file], file, commit)
                else:
                    self.resolve(repo, *map(unquote, rest.removeprefix("/resolve/").split("/", 1)))
                return
        self.answer(b"{}", 401 if "Authorization" not in self.headers else 404, X_Error_Code="RepoNotFound")

    do_HEAD = do_POST = do_GET

    def refused(self, repo: Repo, raw: str) -> bool:
        """Whether a fault or a gate answered."""
        codes = self.hub.faults.status.get(raw.rpartition("/")[2]) or self.hub.faults.status.get("*")
        if codes:
            self.answer(b"{}", codes.pop(0), Retry_After="0")
            return True
        info = raw.startswith("/api/") and not any(f"/{call}" in raw for call in ("tree/", "paths-info/", "auth-check"))
        token = str(self.headers.get("Authorization", "")).removeprefix("Bearer ")
        if repo.gated and not info and token != GOOD:
            said = "Access to it is restricted."
            self.answer(b"{}", 403 if token else 401, X_Error_Code="GatedRepo", X_Error_Message=said)
            return True
        return False

    def resolve(self, repo: Repo, revision: str, file: str) -> None:
        """A file, or where it is."""
        commit = repo.branches.get(revision, revision)
        if commit not in repo.commits:
            self.answer(b"", 404, X_Error_Code="RevisionNotFound")
            return
        content = repo.commits[commit].get(file)
        if content is None:
            self.answer(b"", 404, X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
        elif file.endswith(LARGE):
            place = f"/sent/{self.kind}/{self.name}/{commit}/{file}"
            linked = {"X_Linked_Size": str(len(content)), "X_Linked_ETag": f'"{sha256(content)}"'}
            self.answer(b"", 302, Location=f"{self.hub.address}{place}", X_Repo_Commit=commit, **linked)
        else:
            self.send_file(content, file, commit)

    def api(self, repo: Repo, rest: str, query: dict[str, list[str]], body: str) -> None:
        """What is in a repository."""
        call, _, place = rest.partition("/")
        if call == "auth-check":
            self.send_json({})
            return
        revision, _, folder = place.partition("/")
        commit = repo.branches.get(unquote(revision) or "main", unquote(revision))
        if commit not in repo.commits:
            self.answer(b"{}", 404, X_Error_Code="RevisionNotFound")
            return
        files = repo.commits[commit]
        if call in ("", "revision"):
            siblings = [{"rfilename": path, "size": len(content)} for path, content in files.items()]
            gated = "manual" if repo.gated else False
            self.send_json(
                {"id": self.name, "sha": commit, "private": False, "gated": gated, "tags": [], "siblings": siblings}
            )
        elif call == "tree":
            deep = query.get("recursive", ["false"])[0].lower() in ("true", "1")
            within = tree(files, unquote(folder).rstrip("/"), recursive=deep)
            self.send_json(within) if within else self.answer(b"{}", 404, X_Error_Code="EntryNotFound")
        elif call == "paths-info":
            try:
                wanted = json.loads(body)["paths"]
            except ValueError:
                wanted = parse_qs(body).get("paths", [])
            self.send_json([entry(path, content) for path, content in files.items() if path in wanted])
        else:
            self.answer(b"{}", 404, X_Error_Code="EntryNotFound")

    def send_file(self, content: bytes, file: str, commit: str) -> None:
        """A file or a range of it, with the faults that it has."""
        faults, name = self.hub.faults, file.rpartition("/")[2]
        tag = sha256(content) if file.endswith(LARGE) else sha1(content)
        sent = faults.change.get(name, content)
        first, last, code = 0, len(sent), 200
        asked = self.headers.get("Range", "").removeprefix("bytes=")
        if asked:
            start, _, end = asked.partition("-")
            first, last, code = int(start), min(len(sent), int(end) + 1 if end else len(sent)), 206
        self.send_response(code)
        headers = {"ETag": f'"{tag}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if code == 206:
            headers["Content-Range"] = f"bytes {first}-{last - 1}/{len(sent)}"
        for key, value in {**headers, "Content-Length": str(last - first)}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.hub.fetched.append(file)
        part = sent[first:last]
        if faults.drop.get(name):
            self.wfile.write(part[: faults.drop[name].pop(0)])
            self.close_connection = True
        elif name in faults.stall and not faults.go.is_set():
            self.wfile.write(part[: faults.stall[name]])
            self.wfile.flush()
            faults.stalled.set()
            faults.go.wait(60)
            self.close_connection = True
        else:
            self.wfile.write(part)

    def answer(self, content: bytes, code: int = 200, **headers: str) -> None:
        self.send_response(code)
        for key, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_json(self, value: object) -> None:
        self.answer(json.dumps(value).encode(), Content_Type="application/json")

    def log_message(self, *_: object) -> None:
        pass


def entry(path: str, content: bytes) -> dict[str, object]:
    found: dict[str, object] = {"type": "file", "path": path, "size": len(content), "oid": sha1(content)}
    if path.endswith(LARGE):
        found["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
    return found


def tree(files: Files, folder: str, *, recursive: bool) -> list[dict[str, object]]:
    """What lies in a folder, "" the whole repository: files and folders, those in its folders too where recursive."""
    start = f"{folder}/" if folder else ""
    found: dict[str, dict[str, object]] = {}
    for path, content in files.items():
        if path.startswith(start):
            parts = path.removeprefix(start).split("/")
            for depth in range(1, len(parts) if recursive else min(2, len(parts))):
                inner = start + "/".join(parts[:depth])
                found[inner] = {"type": "directory", "path": inner, "size": 0, "oid": sha1(inner.encode())}
            if recursive or len(parts) == 1:
                found[path] = entry(path, content)
    return list(found.values())


class Quiet(ThreadingHTTPServer):
    """A connection that the other side has closed is no error here."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


def online(monkeypatch: pytest.MonkeyPatch, address: str, home: Path) -> None:
    """Has the clients in this process ask the hub at that address, with caches of their own and without waiting."""
    import datasets.config
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", address)
    files = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", address)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", home / "datasets")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("time.sleep", lambda _: None)  # between tries


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub without anything on it."""
    hub = Hub()
    server = Quiet(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.faults.go.set()
        server.shutdown()
        server.server_close()
        thread.join()
