"""The order of exemplars that leaves a model least sure of one answer: GlobalE and LocalE (Lu et al. 2022).

arXiv 2104.08786, section 3. Up to 24 permutations of the exemplars are tried on probing samples that the model itself
writes, one after each permutation, and that with the highest entropy is taken: GlobalE of which labels are answered
over all probing samples, LocalE of the labels' probabilities, averaged over them. No labelled sample is used. Meets: a
label is read by scoring all of its words. Concedes: the one best permutation is taken, where the paper averages its
four best; no block on repeated words, which an engine has not.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

from kshot.program import gather
from kshot.prompts.calibration import softmax
from kshot.prompts.exemplars import BY_ENTROPY, PERM, PERMUTATION, choose
from kshot.prompts.scoring import checked, scored
from kshot.prompts.selection import looks_at_the_question
from kshot.prompts.templates import plain
from kshot.prompts.wording import in_front, pieces_of, prompt_for
from kshot.types import Program, Question, Request, Sample, SamplingParams, UserError

CANDIDATES = 24  # permutations: all of four exemplars
PROBE = SamplingParams(temperature=2.0, top_p=0.9, max_new_tokens=64)  # section 3.1 has temperature 2; a small model's
# text is noise there without top_p
TEXT = "\ue001"


def best_order(
    question: Question, order: str, *, k: int, select: str, seed: int, instruction: str
) -> Program[dict[str, object]]:
    """The permutation with the highest entropy of its labels: {"permutation": its number, "entropy", ...}.

    Raises UserError for a task without labels, and a selection that gives each question its own exemplars.
    """
    own = question.shots is not None and select == "first" and question.shots(k) is not None
    if not question.labels or own or looks_at_the_question(select):
        what = "a task with labels" if not question.labels else f"the same exemplars for all questions, not {select}"
        raise UserError(f"order={order} needs {what}; give another order.")
    places = candidates(k, seed)
    orders = [in_order(question, place, k, select, seed) for place in places]
    texts = yield from gather(
        written(question, exemplars, instruction, seed=at + 1) for at, exemplars in enumerate(orders)
    )
    probes = list(dict.fromkeys(one for one in texts if one is not None))
    if not probes:
        raise UserError(f"order={order}: the model has written no probing sample at all; give order=perm.")
    labels = question.words or question.labels
    asked = [
        [
            request
            for probe in probes
            for request in scored(probe_of(question, probe), exemplars, labels, instruction, True)
        ]
        for exemplars in orders
    ]
    replies = yield [request for requests in asked for request in requests]
    entropies, start = [], 0
    for requests in asked:
        logprobs = checked(replies[start : start + len(requests)])
        rows = [softmax(logprobs[at : at + len(labels)]) for at in range(0, len(logprobs), len(labels))]
        entropies.append((global_entropy if order == BY_ENTROPY[0] else local_entropy)(rows))
        start += len(requests)
    best = max(range(len(places)), key=entropies.__getitem__)  # the first of equals
    return {PERMUTATION: places[best], "orders": len(places), "probes": len(probes), "entropy": entropies[best]}


def candidates(k: int, seed: int) -> list[int]:
    """The numbers of the permutations that are tried: all, or a draw of so many."""
    if math.factorial(k) <= CANDIDATES:
        return list(range(math.factorial(k)))
    generator, found = random.Random(f"orders {seed}"), dict[int, None]()
    while len(found) < CANDIDATES:
        found[generator.randrange(math.factorial(k))] = None
    return list(found)


def in_order(question: Question, place: int, k: int, select: str, seed: int) -> tuple[Sample, ...]:
    """The exemplars in their permutation of that number, ablated as the question says."""
    asked = replace(question, showing={**question.showing, PERMUTATION: place})
    return choose(asked, k=k, select=select, order=PERM, seed=seed)


def global_entropy(rows: Sequence[Sequence[float]]) -> float:
    """The entropy, in nats, of which label is the likeliest, over rows of label probabilities (equation 3)."""
    answers = [max(range(len(row)), key=row.__getitem__) for row in rows]
    return entropy([answers.count(label) / len(rows) for label in range(len(rows[0]))])


def local_entropy(rows: Sequence[Sequence[float]]) -> float:
    """The mean entropy, in nats, of the rows (equation 5)."""
    return sum(map(entropy, rows)) / len(rows)


def entropy(shares: Sequence[float]) -> float:
    """Of shares that add up to one, in nats."""
    return -sum(share * math.log(share) for share in shares if share > 0)


# ---------------------------------------------------------------- probing samples

Probe = tuple[str, tuple[tuple[str, str], ...]]
"""The text of a sample that a model wrote, and its fields."""


def written(question: Question, exemplars: Sequence[Sample], instruction: str, *, seed: int) -> Program[Probe | None]:
    """A sample that the model writes after exemplars, text by text as the form has them; None where one is empty."""
    pieces = in_text(question, exemplars, instruction)
    said: dict[str, str] = {}
    text = pieces[0]
    for name, after in zip(pieces[1::2], pieces[2::2], strict=True):
        if name not in said:
            ends = tuple(dict.fromkeys(end for end in ("\n", after.rstrip()) if end))
            blank = len(text) - len(text.rstrip(" "))
            [reply] = yield [Request(text[: len(text) - blank], replace(PROBE, stop=ends), seed=seed)]
            said[name] = reply.text.strip()
            if not said[name]:
                return None
        text += said[name] + after
    fields = tuple((name, said.get(name, said.get("", ""))) for name, _ in question.fields)
    return said.get("", " ".join(said.values())), fields


def in_text(question: Question, exemplars: Sequence[Sample], instruction: str) -> list[str]:
    """The prompt as one text, cut where a sample's texts stand; every second piece names one, "" the question."""
    if question.template is not None:
        first, *others = pieces_of(question)
        return [in_front(question, exemplars, instruction=instruction) + first, *others]
    asked = prompt_for(replace(question, text=TEXT), exemplars, instruction=instruction, direct=True)
    prompt = plain(Request(asked), question.language).prompt
    assert isinstance(prompt, str)
    front, _, after = prompt.partition(TEXT)
    return [front, "", after]


def probe_of(question: Question, probe: Probe) -> Question:
    """The question with a probing sample in its place."""
    return replace(question, text=probe[0], fields=probe[1])
