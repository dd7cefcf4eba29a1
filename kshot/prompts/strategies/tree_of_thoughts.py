"""Several thoughts at every step, weighed by the model, the best of which go on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kshot.program import gather, reseed
from kshot.prompts.exemplars import check_name
from kshot.prompts.phrases import said_in
from kshot.prompts.strategies.least_to_most import parse_steps
from kshot.prompts.strategies.registry import strategy
from kshot.prompts.strategies.self_consistency import check_draws
from kshot.prompts.templates import lettered
from kshot.types import Generation, Message, Prediction, Program, Prompt, Question, Request, SamplingParams, UserError

GENERATE, EVALUATE = ("sample", "propose"), ("vote", "value")
THOUGHT_LIMIT = 2_000  # characters kept of a thought
MOST = 100  # steps, and states kept
VALUES = (20.0, 1.0, 0.001)  # of sure, likely and impossible, as in the authors' code


@dataclass(frozen=True, slots=True)
class ThoughtWords:
    """What is asked, and how verdicts are read."""

    asked: str
    strategy: str
    answer: str
    stand_in: str  # for the answer in the sentence that states it
    propose: str
    vote: str
    choice: str
    best: re.Pattern[str]
    value: str
    values: tuple[str, str, str]
    rated: re.Pattern[str]


# asked, vote: the paper's for zero-shot use, appendix B.1; propose and value are Game of 24's without its examples
# (src/tot/prompts/game24.py), of steps in place of numbers; the Chinese is ours
WORDS = {
    "en": ThoughtWords(
        "Answer the following question: {question}\n\nMake a strategy then write. Your output should be of the "
        "following format:\n\nStrategy:\nYour strategy about how to answer the question.\n\nAnswer:\nYour answer to "
        'the question. It should end with "{format}"',
        "Strategy:",
        "Answer:",
        "X",
        "Possible next steps:",
        "Given an instruction and several choices, decide which choice is most promising. Analyze each choice in "
        'detail, then conclude in the last line "The best choice is {s}", where s the integer id of the choice.',
        "Choice {at}:\n{text}",
        re.compile(r"best choice is\D{0,40}?(\d{1,5})(?!\d)", re.IGNORECASE),
        "Evaluate if given steps can reach the answer (sure/likely/impossible)",
        ("sure", "likely", "impossible"),
        re.compile(r"(?<!not )(?<!n't )(?<!\w)(sure|likely|impossible)\W*$"),
    ),
    "zh": ThoughtWords(
        "回答下面的问题：{question}\n\n先制定一个策略，再写出答案。请按下面的格式输出：\n\n"
        "策略：\n你打算怎样回答这个问题。\n\n答案：\n你对问题的回答，最后一句写成“{format}”",
        "策略：",
        "答案：",
        "……",
        "可能的下一步：",
        "给定一个任务和若干个选择，判断哪个选择最有希望。请仔细分析每个选择，最后一行以“最好的选择是几”作结，“几”写成选择的编号。",
        "选择{at}：\n{text}",
        re.compile(r"最好的选择是\D{0,20}?(\d{1,5})(?!\d)"),
        "判断给出的步骤能不能得到答案（一定/可能/不可能）",
        ("一定", "可能", "不可能"),
        re.compile(r"((?<!不)一定|不可能|(?<!不)可能)\W*$"),
    ),
}


@strategy
def tree_of_thoughts(
    question: Question,
    *,
    generate: str = "sample",
    evaluate: str = "vote",
    depth: int = 2,
    breadth: int = 1,
    n: int = 5,
    votes: int = 5,
    temperature: float = 0.7,
    top_p: float = 1.0,
    thought_tokens: int = 128,
    vote_tokens: int = 256,
    max_new_tokens: int = 256,
) -> Program[Prediction]:
    """A breadth-first search: n thoughts a state, weighed by the model, the best go on (Yao et al. 2023).

    arXiv 2305.10601, section 3, algorithm 1. `depth` T steps, the last of them the answer; the `breadth` b best states
    are kept. `generate` draws n thoughts each (sample), or asks for n in one list (propose). `evaluate` compares all
    states (vote), or rates each (value: sure 20, likely 1, impossible 0.001), `votes` times. The defaults are the
    paper's for any task (appendix B.1): a strategy of five, then an answer of five. A verdict that cannot be read
    counts for nothing; of equals the first goes on. `detail` has the states kept, their values and how many
    verdicts were read.
    """
    check_name("generate", generate, GENERATE)
    check_name("evaluate", evaluate, EVALUATE)
    check_draws("tree-of-thoughts", n, temperature, "thought")
    for name, number in (("depth", depth), ("breadth", breadth), ("votes", votes)):
        if not 1 <= number <= MOST:
            raise UserError(f"{name} is {number}; it must lie between 1 and {MOST}.")
    tokens = {"thought_tokens": thought_tokens, "vote_tokens": vote_tokens, "max_new_tokens": max_new_tokens}
    for name, number in tokens.items():  # told before the first thought is asked for
        if number < 1:
            raise UserError(f"{name} is {number}; it must be at least 1.")
    words = said_in(question.language, WORDS)
    tree = ThoughtTree(question, words, n, votes, SamplingParams(temperature, top_p, vote_tokens))
    states: list[Thoughts] = [Thoughts(())]
    trace = []
    for step in range(1, depth + 1):
        last = step == depth
        room = replace(tree.params, max_new_tokens=max_new_tokens if last else thought_tokens)
        stop = () if last else (f"\n{words.answer}", *(("\n",) if depth > 2 else ()))
        if generate == "propose" and not last:
            found = yield from gather(tree.proposed(state, room) for state in states)
        else:
            count = 1 if generate == "propose" else n
            found = yield from gather(tree.drawn(state, count, last, replace(room, stop=stop)) for state in states)
        candidates = [state for some in found for state in some] or states
        values, read = yield from (tree.voted(candidates) if evaluate == "vote" else tree.valued(candidates))
        order = sorted(range(len(candidates)), key=lambda at: -values[at])[:breadth]
        states = [candidates[at] for at in order]
        kept = [state.thoughts[-1][:200] if state.thoughts else "" for state in states]
        trace.append({"kept": kept, "values": [values[at] for at in order], "of": len(candidates), "read": read})
    reply = states[0].reply
    assert reply is not None
    prediction = question.format.read(reply, question.choices)
    detail = {**prediction.detail, "steps": trace}
    return replace(prediction, span=None, rule=f"{prediction.rule}, in the best leaf", detail=detail)


@dataclass(frozen=True, slots=True)
class Thoughts:
    """The thoughts so far; at the end, the reply that answers."""

    thoughts: tuple[str, ...]
    reply: Generation | None = None


@dataclass(frozen=True, slots=True)
class ThoughtTree:
    """A question's tree: what is asked of a state."""

    question: Question
    words: ThoughtWords
    n: int
    votes: int
    params: SamplingParams  # of verdicts

    @property
    def text(self) -> str:
        return lettered(self.question.text, self.question.choices, self.question.language)

    def drawn(self, state: Thoughts, count: int, last: bool, params: SamplingParams) -> Program[list[Thoughts]]:
        """States with one more thought each, drawn independently from the format that was asked for."""
        plan = [self.words.strategy, *state.thoughts] if state.thoughts or not last else []
        opened = "\n".join([*plan, *([self.words.answer] if last else []), ""])
        prompt = (Message("user", self.asked()), Message("assistant", opened))
        replies = yield from draws(prompt, count, params)
        kept = (reply if last else None for reply in replies)
        return [
            Thoughts((*state.thoughts, thought_of(reply)), answer) for reply, answer in zip(replies, kept, strict=True)
        ]

    def proposed(self, state: Thoughts, params: SamplingParams) -> Program[list[Thoughts]]:
        """States with one more thought each, out of one list; a list that cannot be read gives none."""
        so_far = "\n".join([self.text, self.words.strategy, *state.thoughts])
        [reply] = yield from draws((Message("user", f"{so_far}\n{self.words.propose}"),), 1, params)
        return [Thoughts((*state.thoughts, step)) for step in parse_steps(reply)[: self.n]]

    def voted(self, states: Sequence[Thoughts]) -> Program[tuple[list[float], int]]:
        """How often each state is called the best of all, and how many votes could be read."""
        listed = [self.words.choice.format(at=at, text="\n".join(state.thoughts)) for at, state in enumerate(states, 1)]
        prompt = (Message("user", "\n\n".join([self.words.vote, self.text, *listed])),)
        replies = yield from draws(prompt, self.votes, self.params)
        numbers = [int(found[-1]) - 1 for reply in replies if (found := self.words.best.findall(whole_lines(reply)))]
        read = [number for number in numbers if 0 <= number < len(states)]
        return [float(read.count(at)) for at in range(len(states))], len(read)

    def valued(self, states: Sequence[Thoughts]) -> Program[tuple[list[float], int]]:
        """Each state's value, added up over its ratings, and how many could be read; 0 for one met before."""
        different = {state.thoughts: state for state in reversed(states)}
        shown = {
            thoughts: f"{self.words.value}\n{self.text}\n{self.words.strategy}\n" + "\n".join(thoughts)
            for thoughts in different
        }
        rated = yield from gather(draws((Message("user", text),), self.votes, self.params) for text in shown.values())
        ratings = {
            thoughts: [value for reply in replies if (value := self.rating(reply)) is not None]
            for thoughts, replies in zip(shown, rated, strict=True)
        }
        first = {state.thoughts: at for at, state in reversed(list(enumerate(states)))}
        values = [sum(ratings[s.thoughts]) if first[s.thoughts] == at else 0.0 for at, s in enumerate(states)]
        return values, sum(map(len, ratings.values()))

    def rating(self, reply: Generation) -> float | None:
        """The value of the rating that the last line ends in, as the authors read it; None where it ends in none."""
        lines = reply.text[-THOUGHT_LIMIT:].lower().split("\n")
        line = next((line for line in reversed(lines) if line.strip()), "")
        found = self.words.rated.search(line)
        return dict(zip(self.words.values, VALUES, strict=True))[found[1]] if found else None

    def asked(self) -> str:
        """The question, with the format of a strategy and an answer."""
        stated = self.question.format.statement.format(answer=self.words.stand_in)
        return self.words.asked.format(question=self.text, format=stated)


def draws(prompt: Prompt, count: int, params: SamplingParams) -> Program[list[Generation]]:
    """Independent replies to one prompt; counted from 1, as repeats reseed by their own number."""

    def one() -> Program[Generation]:
        [reply] = yield [Request(prompt, params)]
        return reply

    return (yield from gather(reseed(one(), draw) for draw in range(1, count + 1)))


def thought_of(reply: Generation) -> str:
    """A thought as it stands in later prompts."""
    return reply.text.strip()[:THOUGHT_LIMIT]


def whole_lines(reply: Generation) -> str:
    """The end of a verdict; of one cut off at its length without the number that it may have been cut in."""
    text = reply.text[-THOUGHT_LIMIT:]
    return text.rstrip("0123456789") if reply.finish_reason == "length" else text
