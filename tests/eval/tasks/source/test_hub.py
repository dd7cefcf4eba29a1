"""Sets of the hub by id: loaded through datasets from a hub on this machine, by name, revision and split."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from tests.eval.tasks.source.hub import hub
from tests.places import ROOT

CODE = """
import json, sys
from kshot.eval.tasks import get_task
from kshot.types import Source, UserError

found = []
for spec in sys.argv[1:]:
    try:
        task = get_task(spec)
        found.append({"name": task.name, "note": task.note, "form": task.format.name,
                      **{s: [(x.question, x.target) for x in task.load(s, Source())] for s in ("train", "test")}})
    except UserError as error:
        found.append(str(error))
print(json.dumps(found))
"""
README = b"""---
configs:
- config_name: plain
  data_files: [{split: train, path: data/train.parquet}, {split: test, path: data/test.parquet}]
- config_name: odd
  data_files: [{split: validation, path: odd.parquet}]
---
"""


def parquet(rows: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    table = pyarrow.Table.from_pylist(rows)
    names = {"_type": "ClassLabel", "names": ["bad", "good"]}
    features = {"info": {"features": {"text": {"dtype": "string", "_type": "Value"}, "label": names}}}
    pyarrow.parquet.write_table(table.replace_schema_metadata({"huggingface": json.dumps(features)}), file)
    return file.getvalue()


def test_a_set_of_the_hub_is_loaded_by_its_id(tmp_path: Path) -> None:
    old = [{"text": "so old", "label": 1}, {"text": "too old", "label": 0}]
    new = [{"text": "so new", "label": 1}, {"text": "too new", "label": 0}]
    train = [{"text": "fine", "label": 1}]
    odd = parquet([{"text": "sing", "label": 0}])
    files = {
        "README.md": README,
        "data/train.parquet": parquet(train),
        "data/test.parquet": parquet(new),
        "odd.parquet": odd,
    }
    versions = {"main": files, "v1": {**files, "data/test.parquet": parquet(old)}}
    specs = [
        "hub:me/sums:config=plain",
        "hub:me/sums:config=plain,revision=v1,exemplars=0",
        "hub:me/sums:config=odd",
        "hub:me/sums:config=plain,split=train",
        "hub:me/sums",
        "hub:me/sums:config=plain,split=dev",
        "hub:me/nothing",
    ]
    with hub("me/sums", versions) as (address, asked):
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
            **{"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)},
        }
        command = [sys.executable, "-c", CODE, *specs]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    plain, first, other, trained, unnamed, dev, gone = json.loads(done.stdout.splitlines()[-1])
    assert plain["name"] == "me/sums:config=plain" and plain["form"] == "label"
    assert plain["test"] == [["so new", "good"], ["too new", "bad"]] and plain["train"] == [["fine", "good"]]
    assert first["test"] == [["so old", "good"], ["too old", "bad"]] and first["train"] == []
    assert other["test"] == [["sing", "bad"]]
    assert trained["test"] == [["fine", "good"]]
    assert "config=NAME" in unnamed and "plain" in unnamed and "odd" in unnamed
    assert "me/sums has no split 'dev'" in dev and "train" in dev
    assert "the hub has no data set 'me/nothing' that you may read" in gone
    assert any(path.endswith("/data/test.parquet") for path in asked)


def test_a_script_in_a_set_is_not_run(tmp_path: Path) -> None:
    script = f"open({str(tmp_path / 'ran')!r}, 'w').close()\n".encode()
    with hub("me/sums", {"main": {"sums.py": script, "README.md": b"# sums\n"}}) as (address, _):
        environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
            environment.pop(name, None)
        command = [sys.executable, "-c", CODE, "hub:me/sums"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    [said] = json.loads(done.stdout.splitlines()[-1])
    assert "me/sums cannot be had from the hub" in said
    assert not (tmp_path / "ran").exists()
