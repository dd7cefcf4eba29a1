"""Data sets of the hub, of the commit that was asked for: gates, moved branches, and nobody who answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kshot import hub as of_the_hub
from kshot.eval.tasks.source.files.hub_sets import load_set
from kshot.types import UserError
from tests.eval.tasks.source.test_hub import parquet
from tests.hub_server import GOOD, OTHER, Hub, commit_of, online, serving

PAGE = "https://huggingface.co/datasets/me/sums"
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving() as server:
        online(monkeypatch, server.address, tmp_path)
        server.add("me/sums", {"main": rows("new"), "v1": rows("old")}, kind="datasets")
        yield server


def rows(text: str) -> dict[str, bytes]:
    return {"test.parquet": parquet([{"text": text, "label": 1}])}


def texts(revision: str | None = None) -> list[str]:
    return list(load_set("me/sums", None, revision)["test"]["text"])


def unplugged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody answers; a client that waits to try again fails."""
    online(monkeypatch, NOBODY, tmp_path)
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail(f"waits {seconds} s for nobody"))


def switched_off(monkeypatch: pytest.MonkeyPatch, _: Path) -> None:
    """HF_HUB_OFFLINE, as the clients read it."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)


def test_a_set_is_of_the_commit_that_its_revision_is_by_now(hub: Hub) -> None:
    with of_the_hub.noted() as commits:
        assert texts("v1") == ["old"]
        assert commits == {"me/sums": commit_of("v1")}
        assert texts() == ["new"]
        assert commits == {"me/sums": commit_of("main")}
        commit = hub.move("me/sums", rows("newer"), kind="datasets")
        assert texts() == ["newer"] and commits == {"me/sums": commit}
        assert texts(commit_of("main")) == ["new"]
    with pytest.raises(UserError, match=r"me/sums has no revision 'v9'; give a branch"):
        texts("v9")


@pytest.mark.parametrize("nobody", [unplugged, switched_off])
def test_where_nobody_answers_the_copy_of_that_commit_does_and_no_other(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nobody: object
) -> None:
    assert callable(nobody)
    nobody(monkeypatch, tmp_path)
    said = "the hub cannot be reached" if nobody is unplugged else "HF_HUB_OFFLINE is set"
    with pytest.raises(UserError, match=rf"{said} and the data set me/sums is not kept here from before"):
        texts()
    online(monkeypatch, hub.address, tmp_path)
    assert texts("v1") == ["old"]
    nobody(monkeypatch, tmp_path)
    assert texts("v1") == ["old"] and texts(commit_of("v1")) == ["old"]
    with pytest.raises(UserError, match=rf"of the commit {'b' * 12}, is its revision main: connect"):
        texts()
    with pytest.raises(UserError, match=rf"of the commit {'b' * 12} and not of {'a' * 40}"):
        texts("a" * 40)


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", rf"data set me/sums is gated: ask for access on its page, {PAGE}, and log in"),
        (OTHER, rf"not read it yet.*{PAGE}"),
    ],
)
def test_a_gate_is_said_with_its_page(hub: Hub, monkeypatch: pytest.MonkeyPatch, token: str, said: str) -> None:
    hub.repos["datasets", "me/sums"].gated = True
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(UserError, match=said) as caught:
        texts()
    assert not token or token not in str(caught.value)
    monkeypatch.setenv("HF_TOKEN", GOOD)
    assert texts() == ["new"]
