"""Engines by name: specifications, engines within engines, a user's own, and what is told before one is made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import kshot.adapters.registered  # noqa: F401  one of the engines
from kshot.harness.engines import ENGINES, engine, get_engine
from kshot.harness.engines.registry import find_engine
from kshot.types import Engine, Message, Request, UserError

OWN = '''
from kshot.harness.engines import engine
from kshot.harness.engines.scripted import ScriptedEngine

@engine
def my_echo(*, capacity: int = 3):
    """Says what it was asked."""
    return ScriptedEngine(lambda request: str(request.prompt), id="my-echo", capacity=capacity)
'''


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("    return None", "gave None, which is no engine: its id is not there"),
        ("    yield 1", "which is no engine: its id is not there"),
        ("    return type('E', (), {'id': 5})()", "its id is not there"),
        ("    return type('E', (), {'id': 'e', 'chat': True, 'capacity': 1})()", "its submit is not there"),
    ],
)
def test_what_a_users_own_file_gives_is_an_engine(tmp_path: Path, body: str, said: str) -> None:
    (tmp_path / "mine.py").write_text(f"def x():\n{body}\n")
    with pytest.raises(UserError, match=said):
        get_engine(f"{tmp_path}/mine.py:x")


@pytest.fixture
def around() -> Iterator[None]:
    """An engine that has another one within it."""
    known = dict(ENGINES.entries)

    @engine
    def two_of(*, engine: str = "transformers", replicas: int = 2) -> Engine:
        return get_engine(engine)

    yield
    ENGINES.entries = known


def test_a_name_is_canonical_and_makes_the_engine_again() -> None:
    named = find_engine('scripted:seed=0,chat=no,reply="one, two"')
    assert named.name == 'scripted:reply="one, two",chat=False'
    made, again = named(), get_engine(named.name)
    assert made.id == again.id != get_engine("scripted").id
    assert made.chat is again.chat is named.chat is False
    made.submit(0, Request("p"))
    assert made.collect()[0][1].text == "one, two"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("transformer", "unknown engine 'transformer': did you mean transformers"),
        ("transformers:modle=x", "has no parameter 'modle': did you mean model"),
        ("two-of:engine=scriptd(seed=1)", "unknown engine 'scriptd': did you mean scripted"),
        ("two-of:engine=scripted(seeds=1)", "no parameter 'seeds'"),
        ("two-of:replicas=many", "'many' is not a whole number"),
        ("missing.py:echo", "missing.py does not exist"),
    ],
)
def test_a_mistake_is_told_before_an_engine_is_made(around: None, spec: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        find_engine(spec)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("transformers:model=nowhere", "unknown model 'nowhere'"),
        ("transformers:batch=some", "--batch is 'some'"),
        ("adapted", "needs an adapter"),
        ("scripted:order=fofo", "unknown order 'fofo': did you mean lifo or fifo"),
        ("scripted:capacity=0", "capacity is 0"),
    ],
)
def test_a_mistake_in_a_value_is_told_when_it_is_made(spec: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        get_engine(spec)


def test_an_engine_within_another_has_the_model(around: None, tiny_folder: Path) -> None:
    named = find_engine(f"two-of:engine=transformers(dtype=auto,template=plain,model={tiny_folder}),replicas=3")
    assert named.name == f"two-of:engine=transformers(model={tiny_folder},template=plain),replicas=3"
    assert (named.model, named.adapter, named.note()) == (str(tiny_folder), "", "")
    renderer = named.renderer()
    assert renderer is not None
    assert not renderer.chat
    made = named()
    assert made.id.startswith("transformers/")
    made.close()
    assert find_engine("two-of:engine=scripted").model == "scripted"
    assert find_engine("adapted:model=m,adapter=a/b").adapter == "a/b"


def test_an_engine_that_renders_elsewhere_has_no_tokenizer_here() -> None:
    named = find_engine("scripted")
    assert (named.model, named.note(), named.renderer(), named.chat) == ("scripted", "", None, True)


def test_a_users_own_engine_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(OWN)
    named = find_engine(f"{path}:my_echo:capacity=5")
    assert (named.model, named.name) == ("my_echo", f"{path}:my_echo:capacity=5")
    made = named()
    assert made.capacity == 5
    made.submit(7, Request((Message("user", "hello"),)))
    [(ticket, generation)] = made.collect()
    assert ticket == 7
    assert "hello" in generation.text
    assert "my-echo" in ENGINES.entries
    del ENGINES.entries["my-echo"]
