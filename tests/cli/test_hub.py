"""`kshot bench` on models, data sets and adapters of a small hub on this machine, through the whole command."""

from __future__ import annotations

import json
from pathlib import Path

from tests.eval.tasks.source.test_hub import parquet
from tests.hub_server import GOOD, commit_of, folder_files, serving

BENCH = ("bench", "--strategy", "zero-shot:max_new_tokens=4", "--limit", "2", "--template", "plain")
ROWS = [{"text": "so new", "label": 1}, {"text": "too new", "label": 0}]


def test_a_run_of_the_hub_notes_its_commits_and_stays_with_them(tiny_llama: Path, tmp_path: Path) -> None:
    files, sums = folder_files(tiny_llama), {"test.parquet": parquet(ROWS)}
    with serving() as hub:
        hub.add("me/tiny", {"main": files}, gated=True)
        hub.add("me/sums", {"main": sums}, kind="datasets", gated=True)

        def run(*words: str, **more: str) -> tuple[int, str]:
            done = hub.kshot(
                *BENCH,
                *words,
                "--run",
                "one",
                home=tmp_path / "home",
                cwd=tmp_path,
                KSHOT_CACHE=str(tmp_path / "k"),
                **more,
            )
            return done.returncode, " ".join((done.stdout + done.stderr).split())

        ask = ("--task", "hub:me/sums", "--model", "me/tiny")
        code, said = run(*ask)
        assert code == 2 and said.count("kshot:") == 1
        assert "data set me/sums is gated: ask for access on its page, https://huggingface.co/datasets/me/sums" in said
        code, said = run(*ask, HF_TOKEN=GOOD)
        assert code == 0, said
        folder = tmp_path / "runs" / "one"
        described = json.loads((folder / "run.json").read_text())
        assert described["hub"] == {"me/tiny": commit_of("main"), "me/sums": commit_of("main")}
        left = [path for path in tmp_path.rglob("*") if path.is_file() and GOOD.encode() in path.read_bytes()]
        assert not left and GOOD not in said, "a token is written nowhere"

        asked = len(hub.asked)
        code, said = run("--task", "hub:me/sums", "--model", "me/tiny", "--revision", "main", HF_HUB_OFFLINE="1")
        assert code == 0, said  # the same run: what is kept answers, under the branch's name too
        assert len(hub.asked) == asked

        hub.move("me/tiny", {**files, "generation_config.json": b'{"eos_token_id": 3}'})
        code, said = run("--task", "hub:me/sums", "--model", "me/tiny", HF_TOKEN=GOOD)
        assert code == 2 and "was made with other settings" in said
        assert f"me/tiny was at {commit_of('main')} and is at" in said and "name that commit as the revision" in said
        code, said = run("--task", "hub:me/sums", "--model", f"me/tiny@{commit_of('main')}", HF_TOKEN=GOOD)
        assert code == 0, said
        hub.move("me/sums", {"test.parquet": parquet([*ROWS[:1], {"text": "anew", "label": 1}])}, kind="datasets")
        code, said = run("--task", "hub:me/sums", "--model", f"me/tiny@{commit_of('main')}", HF_TOKEN=GOOD)
        assert code == 2 and "the data has changed" in said and f"me/sums was at {commit_of('main')}" in said
