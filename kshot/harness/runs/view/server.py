"""Pages over runs for a browser on this machine: the list of runs, a run's report and transcripts, two runs compared.

Meets: loopback only, under a random token, for a local Host header alone (DNS rebinding), read-only; every
filter and every piece of transcripts is one question to SQLite. Concedes: one page at a time is made, and a
run's summary is made anew when its journal has changed.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from kshot.eval.report import html
from kshot.eval.report.model import Figure, Report, Transcript, Transcripts, outcomes
from kshot.eval.report.prompting.build import build
from kshot.eval.report.prompting.compare import compare
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.short_names import short_names
from kshot.eval.report.prompting.transcripts import transcript
from kshot.harness.judging.read import is_judging, judgings_stamp
from kshot.harness.runs.crash import told
from kshot.harness.runs.members import folders_of, is_many
from kshot.harness.runs.read import description, read_run
from kshot.harness.runs.view import store
from kshot.types import Record, UserError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PIECE = 50  # transcripts a page
ROOM = 8_000_000  # characters of prompts and completions a page
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass
class ServedRun:
    """A run that is served, with its report as of the journal's last change."""

    folder: Path
    changed: tuple[int, ...] = ()
    report: Report | None = None
    data: RunData | None = None  # without its records
    names: dict[str, str] = field(default_factory=dict)  # specification -> short name
    tasks: list[str] = field(default_factory=list)


class WrongAddress(UserError):
    """An address that asks for what no page can have."""


class Headed:
    """What every answer says to the browser, those of errors among them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                added = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(pair for pair in added if pair[0] not in own)]
            await send(message)

        await self.app(scope, receive, headed)


def find_runs(given: Sequence[Path]) -> list[Path]:
    """Run folders: those given, and those within a folder of runs, several models' each. Raises UserError where there
    is none.
    """
    found: list[Path] = []
    for path in given:
        inside = runs_in(path) or [run for child in sorted(path.glob("*/")) for run in runs_in(child)]
        inside = [folder for folder in inside if not is_judging(folder)]  # they are in their run's report
        if not inside:
            raise UserError(f"{path} holds no run: give the folder of a run, such as runs/demo, or a folder of runs.")
        found += inside
    return list(dict.fromkeys(found))


def runs_in(path: Path) -> list[Path]:
    """The runs of a run's folder: one, or one a model; [] where it is none."""
    if is_many(path):
        with suppress(UserError):  # its index is damaged
            return folders_of(path)
    return [path] if (path / "journal.sqlite").is_file() else []


def make_app(folders: Sequence[Path], token: str) -> Starlette:
    """The web application; every address begins with /token/."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
    from starlette.routing import Route

    runs = [ServedRun(folder) for folder in folders]
    lock = threading.Lock()  # one page at a time: figures are drawn by a library that has no threads

    def allowed(request: Request) -> bool:
        return secrets.compare_digest(request.path_params["token"].encode(), token.encode())

    def guarded(make: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            if not allowed(request):
                return PlainTextResponse("not found", 404)
            try:
                with lock:
                    return make(request)
            except UserError as error:
                sentence, status = str(error), 400 if isinstance(error, WrongAddress) else 404
            except Exception as error:
                sentence, status = told(error)[0], 500
            page, rule = message_page(sentence)
            return HTMLResponse(page, status, {"Content-Security-Policy": rule})

        return answer

    def run_of(request: Request, number: Any) -> ServedRun:
        try:
            return runs[int(number)] if int(number) >= 0 else runs[len(runs)]
        except (ValueError, IndexError):
            raise UserError(f"there is no run number {number}: choose one from the list.") from None

    def overview(request: Request) -> Response:
        page, rule = runs_page(runs)
        return HTMLResponse(page, headers={"Content-Security-Policy": rule})

    def run_page(request: Request) -> Response:
        run = run_of(request, request.path_params["number"])
        return HTMLResponse(report_page(run, dict(request.query_params)))

    def state(request: Request) -> Response:
        run = run_of(request, request.path_params["number"])
        with store.opened(run.folder) as journal:
            found = store.state_of(journal)
        counted = {name: getattr(found, name) for name in ("done", "total", "right", "running")}
        return JSONResponse({**counted, "said": said(found)})

    def comparison(request: Request) -> Response:
        first, second = (run_of(request, request.query_params.get(name, "")) for name in "ab")
        (a, journal_a), (b, journal_b) = read_run(first.folder), read_run(second.folder)
        with journal_a, journal_b:
            report = compare(a, b)
        report = replace(report, sections=[s for s in report.sections if not has_transcripts(s.blocks)])
        served = html.Served(home=".")
        return HTMLResponse(html.render(report, [], [], 0, {}, served))

    return Starlette(
        routes=[
            Route("/{token}/", guarded(overview)),
            Route("/{token}/compare", guarded(comparison)),
            Route("/{token}/run/{number}/", guarded(run_page)),
            Route("/{token}/run/{number}/state", guarded(state)),
        ],
        middleware=[Middleware(Headed), Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


def has_transcripts(blocks: Sequence[Any]) -> bool:
    """Whether a section is the one of transcripts."""
    return any(isinstance(block, Transcripts) for block in blocks)


def refresh(run: ServedRun, state: store.State) -> None:
    """Makes the run's report again where its records have changed."""
    file = (run.folder / "journal.sqlite").stat()
    # a reader touches the log, never the journal
    changed = (file.st_mtime_ns, file.st_size, state.done, state.right, *judgings_stamp(run.folder))
    if run.report is not None and changed == run.changed:
        return
    data, opened = read_run(run.folder)
    with opened:
        report = build(data)
    sections = [
        replace(section, blocks=[Transcripts([])]) if has_transcripts(section.blocks) else section
        for section in report.sections
    ]
    run.names = short_names([*data.strategies, *(record.strategy for record in data.records)])
    run.tasks = list(dict.fromkeys(record.task for record in data.records))
    run.report, run.changed = replace(report, sections=sections), changed
    run.data = replace(data, records=())


def report_page(run: ServedRun, query: dict[str, str]) -> str:
    """A run's report with one piece of the transcripts that fit the query."""
    with store.opened(run.folder) as journal:
        state = store.state_of(journal)
        if not state.done:
            raise UserError(f"{run.folder.name} has no attempts yet ({said(state)}); load the page again in a while.")
        refresh(run, state)
        assert run.report is not None and run.data is not None
        whole = {short: name for name, short in run.names.items()}
        given = {f.name: query.get(f.name, "").strip() for f in fields(store.Wanted)}
        wanted = store.Wanted(**{
            **given, "strategy": whole.get(given["strategy"], given["strategy"]),
            "other": whole.get(given["other"], given["other"]),
        })  # fmt: skip
        data = replace(run.data, call=journal.call)

        def shown_as(record: Record) -> Transcript:
            return replace(transcript(data, record), strategy=run.names.get(record.strategy, record.strategy))

        start = start_of(query.get("from", ""))
        count, records = store.find(journal, wanted, limit=PIECE, offset=start)
        if "at" in query:
            named = [
                key for key in store.keys(journal) if html.anchor_of(key[0], run.names[key[1]], *key[2:]) == query["at"]
            ]
            linked = [record for key in named if (record := store.get(journal, key)) is not None]
            records = [*linked, *(record for record in records if record not in linked)][:PIECE]
        others = [] if not wanted.other else [
            other for record in records
            if (other := store.get(journal, (record.task, wanted.other, record.sample_id, record.repeat))) is not None
        ]  # fmt: skip
        items, beside = [shown_as(record) for record in records], [shown_as(record) for record in others]
        shown, prompts = html.embedded([*items, *beside], 2 * PIECE, ROOM)

    def address(at: int) -> str:
        return "?" + urlencode({**{k: v for k, v in given.items() if v}, "from": at}) + "#filter"

    served = html.Served(
        home="../../",
        wanted=given,
        first=start + 1,
        previous=address(max(start - PIECE, 0)) if start else "",
        next=address(start + PIECE) if start + PIECE < count else "",
        live="state" if state.running else "",
        said=said(state),
        beside=frozenset(map(html.anchor, beside)),
    )
    kinds = {
        "task": run.tasks, "strategy": list(dict.fromkeys(run.names.values())),
        "outcome": outcomes(partial=not state.scale.binary, scored=state.scale.kind.right is None),
    }  # fmt: skip
    return html.render(run.report, shown, prompts, count, kinds, served, draw)


def start_of(text: str) -> int:
    """Which attempt a page begins with; the first where nothing is said. Raises WrongAddress."""
    if text and not (text.isdecimal() and len(text) < 16):
        raise WrongAddress(f"a page cannot begin with attempt {text[:40]!r}: go back, and follow a link.")
    return int(text or 0)


def said(state: store.State) -> str:
    """How far a run is, in words."""
    if not state.done:
        return "running, no attempt is done" if state.running else "no attempt is done"
    of = f" of {state.total:,}" if state.total is not None else ""
    how = "running" if state.running else "complete" if state.done == state.total else "not running"
    return f"{how}: {state.done:,}{of} attempts, {state.score}"


@lru_cache(maxsize=256)
def draw(figure: Figure) -> str:
    """A figure as SVG; kept, as a page is asked for again with every filter."""
    from kshot.eval.report.style import svg

    return svg(figure)


def runs_page(runs: Sequence[ServedRun]) -> tuple[str, str]:
    """The list of runs, and its Content-Security-Policy."""
    rows = []
    for number, run in enumerate(runs):
        row = {"name": run.folder.name, "number": number, "link": f"run/{number}/", "model": "", "done": "0",
               "score": "–", "state": "", "when": ""}  # fmt: skip
        try:
            with store.opened(run.folder) as journal:
                state = store.state_of(journal)
            model = model_of(description(run.folder))
        except UserError as error:
            rows.append({**row, "link": "", "state": str(error)})
            continue
        written = max(path.stat().st_mtime for path in run.folder.glob("journal.sqlite*"))
        rows.append({
            **row, "model": model, "done": f"{state.done:,}",
            "score": state.score or "–",
            "state": said(state).split(":")[0], "when": time.strftime("%Y-%m-%d %H:%M", time.localtime(written)),
        })  # fmt: skip
    return simple_page("kshot: runs", runs=rows)


def model_of(described: Mapping[str, Any]) -> str:
    """A run's model as it was named, and the adapter on it; "" for a run that was made from Python without a name."""
    named = [str(described.get("model") or ""), Path(str(described.get("adapter") or "")).name]
    return " + ".join(part for part in named if part)


def message_page(message: str) -> tuple[str, str]:
    """A page of one sentence, and its Content-Security-Policy."""
    return simple_page("kshot", message=message)


def simple_page(title: str, *, runs: Sequence[dict[str, Any]] = (), message: str = "") -> tuple[str, str]:
    """A page without script, and its Content-Security-Policy."""
    files = resources.files("kshot.eval.report") / "page"
    style = (files / "page.css").read_text(encoding="utf-8")
    template = html.templates().from_string((files / "runs.html").read_text(encoding="utf-8"))
    return template.render(title=title, style=style, runs=runs, message=message), html.policy(style, "", served=True)


def serve(folders: Sequence[Path], port: int, ready: Callable[[str], None]) -> None:
    """Serves until it is interrupted. `ready` is told the address. Raises UserError where the port is taken."""
    import socket

    import uvicorn

    token = secrets.token_urlsafe(16)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()  # whoever opens the address at once finds somebody there
    except OSError as error:
        listener.close()
        raise UserError(f"port {port} cannot be used ({error.strerror}): give another --port, or none.") from error
    with listener:
        config = uvicorn.Config(make_app(folders, token), log_level="error", server_header=False)
        ready(f"http://127.0.0.1:{listener.getsockname()[1]}/{token}/")
        uvicorn.Server(config).run(sockets=[listener])
