"""`kshot bench` on models and data sets of a small hub on this machine, through the whole command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from kshot.cli import main
from tests.eval.tasks.source.test_hub import parquet
from tests.hub_server import GOOD, commit_of, folder_files, online, serving

BENCH = ("bench", "--strategy", "zero-shot:max_new_tokens=4", "--limit", "2", "--template", "plain", "--run", "one")
ROWS = [{"text": "so new", "label": 1}, {"text": "too new", "label": 0}]


def test_a_run_of_the_hub_notes_its_commits_and_stays_with_them(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, sums = folder_files(tiny_llama), {"test.parquet": parquet(ROWS)}
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path / "kshot"))
    first = commit_of("main")

    def run(model: str, *words: str) -> tuple[int, str]:
        ask = [*BENCH, "--runs", str(tmp_path / "runs"), "--task", "hub:me/sums", "--model", model, *words]
        result = CliRunner().invoke(main, ask)
        return result.exit_code, " ".join(result.output.split())

    with serving() as hub:
        online(monkeypatch, hub.address, tmp_path)
        hub.add("me/tiny", {"main": files}, gated=True)
        hub.add("me/sums", {"main": sums}, kind="datasets", gated=True)
        code, said = run("me/tiny")
        assert code == 2 and said.count("kshot:") == 1
        assert "data set me/sums is gated: ask for access on its page, https://huggingface.co/datasets/me/sums" in said
        monkeypatch.setenv("HF_TOKEN", GOOD)
        code, said = run("me/tiny")
        assert code == 0, said
        described = json.loads((tmp_path / "runs" / "one" / "run.json").read_text())
        assert described["hub"] == {"me/tiny": first, "me/sums": first}
        left = [path for path in tmp_path.rglob("*") if path.is_file() and GOOD.encode() in path.read_bytes()]
        assert not left and GOOD not in said, "a token is written nowhere"
        asked = len(hub.asked)
        with monkeypatch.context() as patched:
            patched.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
            patched.setattr("datasets.config.HF_HUB_OFFLINE", True)
            code, said = run("me/tiny", "--revision", "main")
        assert code == 0, said  # the same run under the branch's name, from what is kept
        assert len(hub.asked) == asked
        hub.move("me/tiny", {**files, "generation_config.json": b'{"eos_token_id": 3}'})
        code, said = run("me/tiny")
        assert code == 2 and "was answered by another engine" in said
        assert f"me/tiny was at {first} and is at" in said and "name that commit as the revision" in said
        code, said = run(f"me/tiny@{first}")
        assert code == 0, said
        hub.move("me/sums", {"test.parquet": parquet([*ROWS[:1], {"text": "anew", "label": 1}])}, kind="datasets")
        code, said = run(f"me/tiny@{first}")
        assert code == 2 and "the data has changed" in said and f"me/sums was at {first}" in said
