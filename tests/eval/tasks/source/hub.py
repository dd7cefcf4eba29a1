"""A small hub on this machine: data sets, with what huggingface_hub and datasets ask of a hub."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

COMMITS = {"main": "a" * 40, "v1": "b" * 40, "refs/convert/parquet": "c" * 40}


def etag(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def entry(path: str, content: bytes) -> dict[str, object]:
    return {"type": "file", "path": path, "size": len(content), "oid": etag(content)}


def tree(files: dict[str, bytes], folder: str, *, recursive: bool) -> list[dict[str, object]]:
    """What lies in a folder, "" the whole set: files and folders, those in its folders too where it is recursive."""
    start = f"{folder}/" if folder else ""
    found: dict[str, dict[str, object]] = {}
    for path, content in files.items():
        if path.startswith(start):
            parts = path.removeprefix(start).split("/")
            for depth in range(1, len(parts) if recursive else min(2, len(parts))):
                inner = start + "/".join(parts[:depth])
                found[inner] = {"type": "directory", "path": inner, "size": 0, "oid": etag(inner.encode())}
            if recursive or len(parts) == 1:
                found[path] = entry(path, content)
    return list(found.values())


def hub(name: str, versions: dict[str, dict[str, bytes]]) -> AbstractContextManager[tuple[str, list[str]]]:
    """Serves one set's files by revision; gives the address, and what was asked so far."""
    return hub_of({name: versions})


@contextmanager
def hub_of(sets: dict[str, dict[str, dict[str, bytes]]]) -> Iterator[tuple[str, list[str]]]:
    """Serves sets by name, each one's files by revision; gives the address, and what was asked so far."""
    asked: list[str] = []
    known = {
        name: {COMMITS[revision]: found for revision, found in versions.items()} for name, versions in sets.items()
    }

    class Handler(BaseHTTPRequestHandler):
        def answer(self, content: bytes, code: int = 200, **headers: str) -> None:
            self.send_response(code)
            for key, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(key.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            raw = urlsplit(self.path).path
            path = unquote(raw)
            asked.append(f"{self.command} {path}")
            name = next(
                (one for one in known if f"/datasets/{one}" in (path, path[4:]) or f"/datasets/{one}/" in path), ""
            )
            files = known.get(name, {})
            info, resolve = f"/api/datasets/{name}", f"/datasets/{name}/resolve/"
            if name and raw.startswith(resolve):
                revision, file = map(unquote, raw.removeprefix(resolve).split("/", 1))
                commit = COMMITS.get(revision, revision)
                content = files.get(commit, {}).get(file)
                if content is None:
                    self.answer(b"", 404, X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
                else:
                    self.answer(content, ETag=f'"{etag(content)}"', X_Repo_Commit=commit, Accept_Ranges="bytes")
            elif name and raw.startswith(info):
                kind, _, rest = raw.removeprefix(info).lstrip("/").partition("/")
                revision, folder = (unquote(part) for part in f"{rest}/".split("/", 1))
                folder = folder.rstrip("/")
                commit = COMMITS.get(revision or "main", revision)
                entries = [entry(file, content) for file, content in files.get(commit, {}).items()]
                if commit not in files:
                    self.answer(b"{}", 404, X_Error_Code="RevisionNotFound")
                elif kind in ("", "revision"):
                    siblings = [{"rfilename": one["path"]} for one in entries]
                    self.send_json({"id": name, "sha": commit, "private": False, "tags": [], "siblings": siblings})
                elif kind == "tree":
                    within = tree(files.get(commit, {}), folder, recursive="recursive=true" in self.path.lower())
                    self.send_json(within) if within else self.answer(b"{}", 404, X_Error_Code="EntryNotFound")
                elif kind == "paths-info":
                    wanted = body.decode()
                    self.send_json([one for one in entries if one["path"] in unquote(wanted)])
                else:
                    self.answer(b"{}", 404)
            else:
                self.answer(b"{}", 404, X_Error_Code="RepoNotFound")

        do_HEAD = do_POST = do_GET

        def send_json(self, value: object) -> None:
            self.answer(json.dumps(value).encode(), Content_Type="application/json")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
