"""The documents of a task's data set, as `datasets` gives them: from the hub, from local files, or from --data.

`datasets` reads all of them, since columns and types as it has them are what a template sees. Of its readers of files
those are taken that read data and run nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kshot.eval.tasks.lm_eval.config import TaskFile
from kshot.eval.tasks.lm_eval.rendering import Document
from kshot.eval.tasks.source.files.hub_sets import load_set
from kshot.eval.tasks.source.files.lines import json_lines
from kshot.registry import suggest, words_of
from kshot.types import UserError

READERS = ("json", "csv", "parquet", "text")
PLAIN = {".json", ".jsonl", ".csv", ".tsv", ".parquet", ".txt", ".gz", ".md", ".arrow"}  # what a local folder may hold


@dataclass(eq=False)
class Documents:
    """The documents of one task, each split loaded once."""

    file: TaskFile
    data: Path | None  # --data
    splits: dict[str, Any] = field(default_factory=dict)
    whole: Any = None  # what datasets gave

    def asked(self) -> Any:
        """Those that are asked: a Dataset, or a list of rows."""
        file = self.file
        split = file.splits["test"] if file.splits["test"] is not None else file.splits["validation"]
        assert split is not None
        return self.processed(split, file.process_docs)

    def shown(self) -> Sequence[Document]:
        """Those that exemplars are drawn from, as `ConfigurableTask.fewshot_docs` has them."""
        file, split = self.file, self.file.splits["fewshot"]
        if split is not None:
            return list(self.processed(split, file.shown_process_docs))
        if file.samples is not None:
            rows = file.samples() if callable(file.samples) else file.samples
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise UserError(f"{file.where}: `samples` of fewshot_config is {rows!r:.60}; give a list of rows.")
            return rows
        for kind in ("training", "validation", "test"):
            if file.splits[kind] is not None:
                return list(self.processed(str(file.splits[kind]), file.process_docs))
        return []

    def processed(self, split: str, process: Any) -> Any:
        """A split, gone through process_docs."""
        rows = self.split(split)
        if process is None:
            return rows
        try:
            return process(rows)
        except Exception as error:  # the user's own code may raise anything, and the sentence must name it
            said = f"{type(error).__name__}: {words_of(error)}"
            raise UserError(
                f"{self.file.where}: process_docs failed on the split {split} ({said}); mend it."
            ) from error

    def split(self, name: str) -> Any:
        """A split as it is stored. Raises UserError for one that there is not."""
        if name not in self.splits:
            self.splits[name] = self.local(name) if self.data is not None else self.stored(name)
        return self.splits[name]

    def local(self, name: str) -> Any:
        """A split out of --data: DIR/TASK/SPLIT.jsonl, or by the data set's name."""
        import datasets

        assert self.data is not None
        file = self.file
        own = Path(file.dataset_path).name
        folders = [file.task, *([f"{own}/{file.dataset_name}"] if file.dataset_name else []), own]
        paths = [self.data / folder / f"{name}.jsonl" for folder in folders]
        path = next((one for one in paths if one.is_file()), None)
        if path is None:
            raise UserError(f"{paths[0]} does not exist; --data takes a folder that holds {folders[0]}/{name}.jsonl.")
        rows = [row for _, row in json_lines(path)]
        if not rows:
            raise UserError(f"{path} is empty; give it at least one line.")
        return datasets.Dataset.from_list(rows)

    def stored(self, name: str) -> Any:
        """A split of what `datasets` loads."""
        if self.whole is None:
            self.whole = load(self.file)
        if name not in self.whole:
            raise UserError(
                f"{self.file.where}: the data set has no split {name!r}: {suggest(name, map(str, self.whole))}"
            )
        return self.whole[name]


def load(file: TaskFile) -> Any:
    """All splits of a data set. Raises UserError where it cannot be had."""
    import datasets
    from datasets.utils.logging import disable_progress_bar

    check_reader(file)
    kwargs = {key: value for key, value in file.dataset_kwargs.items() if key != "trust_remote_code"}  # as lm-eval's
    if "data_files" in kwargs:
        kwargs["data_files"] = placed(kwargs["data_files"], file.folder)
    disable_progress_bar()
    try:
        if file.dataset_path in READERS or Path(file.dataset_path).exists():
            whole = datasets.load_dataset(path=file.dataset_path, name=file.dataset_name, **kwargs)
        else:
            whole = load_set(file.dataset_path, file.dataset_name, kwargs.pop("revision", None), **kwargs)
    except Exception as error:  # of the network, the hub, its files, any format: the sentence must name it
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(
            f"{file.where}: the data set {file.dataset_path} cannot be had ({said}); check `dataset_path` and "
            f"`dataset_kwargs`, or give --data DIR with {file.task}/SPLIT.jsonl in it."
        ) from error
    return whole


def check_reader(file: TaskFile) -> None:
    """Raises UserError for a reader of `datasets` that does more than read data, and for a folder that holds more."""
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES

    path, kwargs = file.dataset_path, file.dataset_kwargs
    if path in _PACKAGED_DATASETS_MODULES and path not in READERS:
        raise UserError(
            f"{file.where}: `dataset_path: {path}` is a reader that kshot does not take: {suggest(path, READERS)}"
        )
    if kwargs.get("streaming"):
        raise UserError(f"{file.where}: `streaming` of dataset_kwargs is not taken; leave it out.")
    if path in READERS and "data_files" not in kwargs and "data_dir" not in kwargs:
        raise UserError(f"{file.where}: `dataset_path: {path}` needs `data_files` in `dataset_kwargs`; add it.")
    folder = Path(path).expanduser()
    other = (
        [one for one in folder.rglob("*") if one.is_file() and one.suffix.lower() not in PLAIN]
        if folder.is_dir()
        else []
    )
    if other:
        raise UserError(
            f"{file.where}: the folder {path} holds {other[0].name}, which is no data that kshot reads; take it out."
        )


def placed(files: Any, folder: Path | None) -> Any:
    """Local files as lm-eval finds them, in the folder it is run in, or else beside the task file."""
    if isinstance(files, Mapping):
        return {split: placed(one, folder) for split, one in files.items()}
    if isinstance(files, list):
        return [placed(one, folder) for one in files]
    if not isinstance(files, str) or folder is None or "://" in files or Path(files).exists():
        return files
    return str(folder / files) if (folder / files).exists() else files
