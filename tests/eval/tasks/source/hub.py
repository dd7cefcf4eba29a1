"""A small hub on this machine: one data set, with what huggingface_hub and datasets ask of a hub."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

COMMITS = {"main": "a" * 40, "v1": "b" * 40}


def etag(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def hub(name: str, versions: dict[str, dict[str, bytes]]) -> Iterator[tuple[str, list[str]]]:
    """Serves the set's files by revision; gives the address, and what was asked so far."""
    asked: list[str] = []
    files = {COMMITS[revision]: found for revision, found in versions.items()}

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
            path = unquote(urlsplit(self.path).path)
            asked.append(f"{self.command} {path}")
            info, resolve = f"/api/datasets/{name}", f"/datasets/{name}/resolve/"
            if path.startswith(resolve):
                revision, _, file = path.removeprefix(resolve).partition("/")
                commit = COMMITS.get(revision, revision)
                content = files.get(commit, {}).get(file)
                if content is None:
                    self.answer(b"", 404, X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
                else:
                    self.answer(content, ETag=f'"{etag(content)}"', X_Repo_Commit=commit, Accept_Ranges="bytes")
            elif path.startswith(info):
                kind, _, rest = path.removeprefix(info).lstrip("/").partition("/")
                revision, _, folder = rest.partition("/")
                commit = COMMITS.get(revision or "main", revision)
                entries = [self.entry(file, content) for file, content in files.get(commit, {}).items()]
                if commit not in files:
                    self.answer(b"{}", 404, X_Error_Code="RevisionNotFound")
                elif kind in ("", "revision"):
                    siblings = [{"rfilename": one["path"]} for one in entries]
                    self.send_json({"id": name, "sha": commit, "private": False, "tags": [], "siblings": siblings})
                elif kind == "tree":
                    within = [one for one in entries if one["path"].startswith(folder)]
                    self.send_json(within) if within else self.answer(b"{}", 404, X_Error_Code="EntryNotFound")
                elif kind == "paths-info":
                    wanted = body.decode()
                    self.send_json([one for one in entries if one["path"] in unquote(wanted)])
                else:
                    self.answer(b"{}", 404)
            else:
                self.answer(b"{}", 404, X_Error_Code="RepoNotFound")

        do_HEAD = do_POST = do_GET

        @staticmethod
        def entry(path: str, content: bytes) -> dict[str, object]:
            return {"type": "file", "path": path, "size": len(content), "oid": etag(content)}

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
