"""The loop of the engine: admit what waits, one forward pass for everything in flight, sample, release.

A pass mixes running rows (one token each) with the spans of newly admitted ones, so that no row waits for
another's prompt and the matrix products stay wide; a finished row's place is taken in the next pass.
Concedes: a prefix that is to be shared is encoded in a pass of its own, before the rows that stand on it.
"""

from __future__ import annotations

import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import torch

from kshot.harness.prefix.attention import Pass, Span
from kshot.harness.prefix.sampler import sample
from kshot.harness.prefix.scheduler import ATTEND_IN_PLACE, admit, attended_in_place, encoded_once, runs_to_encode
from kshot.harness.prefix.store import RowStore, rounded
from kshot.harness.prefix.tree import Layers, Node, PrefixTree
from kshot.harness.prefix.virtual import Virtual, plant
from kshot.types import FinishReason, SamplingParams

PASS_TOKENS = 2048  # tokens of new spans in one pass; a longer span still goes as one
LOGIT_ROWS = 512  # positions that go through the output layer together


@dataclass(eq=False)
class Flight:
    """One request in flight, as tokens."""

    ticket: int
    ids: list[int]
    params: SamplingParams
    seed: int
    targets: list[int] | None = None  # the continuation to score; ids then end before its last token
    max_new: int = 0
    out: list[int] = field(default_factory=list)
    logprob: float = 0.0
    finish: FinishReason | None = None
    cached: int = 0
    seconds: float = 0.0
    leaf: Node | None = None  # in the tree, while waiting
    above: Node | None = None  # the deepest node that its row attends to in place
    held: int = 0  # tokens in the row's own store
    twins: list[Flight] = field(default_factory=list)  # score other targets after the same input, and share its pass

    @property
    def prompt_tokens(self) -> int:
        return len(self.ids) if self.targets is None else len(self.ids) + 1 - len(self.targets)

    @property
    def shareable(self) -> int:
        """Leading tokens whose logits are not needed, so that their keys are all there is to compute."""
        return self.prompt_tokens - 1

    @property
    def room(self) -> int:
        """Tokens that its row may come to hold beside the nodes that it attends to in place."""
        assert self.above is not None
        return len(self.ids) + self.max_new - self.above.end

    def rewind(self) -> None:
        """Forgets what has been decoded. The same tokens come again: a draw depends on its seed and position alone."""
        self.out, self.logprob, self.finish, self.cached = [], 0.0, None, 0
        self.leaf, self.above, self.held = None, None, 0


class PrefixDecoder:
    """Decodes many sequences with one model, sharing what they have in common.

    `stopped(sequence)` is asked after every token whether a stop string ended the text. With `virtual` tokens, every
    sequence's ids must begin with theirs.
    """

    def __init__(
        self,
        model: Any,
        *,
        rows: int,
        budget: int,
        kept: int,
        end_ids: frozenset[int],
        stopped: Callable[[Flight], bool],
        in_place: int = ATTEND_IN_PLACE,
        virtual: Virtual | None = None,
    ) -> None:
        self.model = model
        self.in_place = in_place
        self.rows = rows
        self.budget = budget  # tokens of keys and values that rows may hold together
        self.end_ids = end_ids
        self.stopped = stopped
        self.device: torch.device = model.device
        self.dtype: torch.dtype = model.dtype
        self.tree = PrefixTree(kept)
        self.store = RowStore(rows, self.budget)
        self.waiting: deque[Flight] = deque()
        self.running: list[Flight] = []  # index = slot
        self.starting: list[Flight] = []  # taken from the queue in the pass that is under way
        self.leaders: dict[tuple[int, tuple[int, ...]], Flight] = {}  # waiting inputs to score, by what they are
        self.passes = 0
        self.decoding_passes = 0  # passes with rows
        self.row_passes = 0  # sum over passes of the rows that took part
        self.shapes = self.measure()
        self.virtual = virtual
        self.virtual_layers = self.encode(virtual) if virtual else []
        if virtual:
            plant(self.tree, virtual, self.virtual_layers)

    def add(self, sequence: Flight) -> None:
        """Puts a sequence in the queue, by its ticket; one to be scored after an input that waits joins it."""
        if sequence.targets is not None:
            leader = self.leaders.setdefault((len(sequence.targets), tuple(sequence.ids)), sequence)
            if leader is not sequence:
                leader.twins.append(sequence)
                return
        sequence.leaf = self.tree.want(sequence.ids[: sequence.shareable])
        insort(self.waiting, sequence, key=attrgetter("ticket"))

    @torch.inference_mode()
    def measure(self) -> list[tuple[int, int, int]]:
        """(key heads, key dim, value dim) of every layer, from a pass over one token."""
        span = Span(0, 1, 0, self.tree.root, layers=[])
        self.run_model([0], [span], [], torch.zeros(1, dtype=torch.long))
        assert span.layers is not None
        return [(keys.shape[0], keys.shape[-1], values.shape[-1]) for keys, values in span.layers]

    @torch.inference_mode()
    def encode(self, virtual: Virtual) -> Layers:
        """Keys and values of the virtual tokens, as every layer of this model has them."""
        if virtual.embeddings is None:
            assert virtual.layers is not None
            return [
                (keys.to(self.device, self.dtype), values.to(self.device, self.dtype))
                for keys, values in virtual.layers
            ]
        span = Span(0, virtual.tokens, 0, self.tree.root, layers=[])
        embeddings = virtual.embeddings.to(self.device, self.dtype)[None]
        self.run_model(virtual.ids, [span], [], torch.zeros(1, dtype=torch.long), embeddings)
        assert span.layers is not None
        return span.layers

    @torch.inference_mode()
    def probe(self, ids: list[int], last: int) -> torch.Tensor:
        """Logits (last, vocabulary) of a prompt whose first half is encoded as a shared prefix. Leaves no trace."""
        half = len(ids) // 2
        node = Node(ids[:half], self.tree.root, 0)
        span = Span(0, half, 0, self.tree.root, layers=[])
        self.run_model(ids[:half], [span], [], torch.zeros(1, dtype=torch.long))
        node.layers = span.layers
        rest = Span(0, len(ids) - half, half, node)
        return self.run_model(ids[half:], [rest], [], torch.arange(len(ids) - half - last, len(ids) - half))

    @property
    def key_tokens(self) -> int:
        """Tokens that room is allocated for, of rows and of prefixes."""
        return self.store.slots * self.store.capacity + self.tree.held

    def __bool__(self) -> bool:
        return bool(self.waiting or self.running)

    @torch.inference_mode()
    def step(self) -> list[Flight]:
        """One pass. Returns the sequences that it finished. After an out-of-memory error, `restart` goes on."""
        admitted = self.starting = self.take()
        paths = {id(s): self.tree.path(s.leaf) for s in admitted if s.leaf is not None}
        self.encode_prefixes(admitted, paths)
        spans = self.start_rows(admitted, paths)
        finished = self.forward(admitted, spans)
        self.starting = []
        self.tree.shrink()
        return finished

    def restart(self, rows: int) -> None:
        """Frees all keys and values and begins everything in flight again, with so many rows."""
        waiting = [*self.running, *(s for s in self.starting if s not in self.running), *self.waiting]
        self.tree, self.store = PrefixTree(self.tree.budget), RowStore(rows, self.budget)
        self.rows, self.running, self.starting, self.waiting, self.leaders = rows, [], [], deque(), {}
        if self.virtual:
            plant(self.tree, self.virtual, self.virtual_layers)
        for sequence in waiting:
            twins, sequence.twins = sequence.twins, []
            for one in (sequence, *twins):
                one.rewind()
                self.add(one)

    # ------------------------------------------------------------ admission

    def take(self) -> list[Flight]:
        """The waiting sequences that start in this pass, in order."""
        spare = PASS_TOKENS
        chosen: list[Flight] = []
        running = [rounded(s.room) for s in self.running]
        rows: list[int] = []
        while self.waiting:
            sequence = self.waiting[0]
            assert sequence.leaf is not None
            path = self.tree.path(sequence.leaf)
            own = len(sequence.ids) - sum(len(node.ids) for node in path[: encoded_once(path)])
            if chosen and own > spare:
                break
            if sequence.targets is None:
                above = path[: attended_in_place(path, self.rows, self.in_place)]
                needed = rounded(len(sequence.ids) + sequence.max_new - (above[-1].end if above else 0))
                if admit([*rows, needed], running, self.rows, self.budget) <= len(rows):
                    break
                rows.append(needed)
            spare -= own
            chosen.append(self.waiting.popleft())
            if sequence.targets is not None:
                del self.leaders[len(sequence.targets), tuple(sequence.ids)]
        return chosen

    def encode_prefixes(self, admitted: Sequence[Flight], paths: dict[int, list[Node]]) -> None:
        """Encodes, a level of the tree at a time, the prefixes that more than one of the requests need."""
        for sequence in admitted:
            path = paths[id(sequence)]
            del path[encoded_once(path) :]
            sequence.cached = sum(len(node.ids) for node in path if node.layers is not None)
        fresh: set[int] = set()
        started = time.perf_counter()
        while runs := runs_to_encode([paths[id(s)] for s in admitted]):
            spans, ids, at = [], [], 0
            for run in runs:
                tokens = [token for node in run for token in node.ids]
                above = run[0].parent
                assert above is not None
                spans.append(Span(at, at + len(tokens), run[0].start, above, layers=[]))
                ids.extend(tokens)
                at += len(tokens)
            self.run_model(ids, spans, [], torch.zeros(0, dtype=torch.long))
            for run, span in zip(runs, spans, strict=True):
                assert span.layers is not None
                for node in run:
                    at = node.start - run[0].start
                    self.tree.fill(node, span.layers if len(run) == 1 else pieces(span.layers, at, at + len(node.ids)))
                    fresh.add(id(node))
        spent = time.perf_counter() - started
        for sequence in admitted:
            sequence.seconds += spent / len(admitted)
            for node in paths[id(sequence)]:
                self.tree.touch(node)
                if id(node) in fresh:
                    fresh.discard(id(node))  # the first that needs it paid for it
                elif node.start + len(node.ids) > sequence.cached:
                    sequence.cached += len(node.ids)

    def start_rows(self, admitted: Sequence[Flight], paths: dict[int, list[Node]]) -> list[Span]:
        """Gives each admitted sequence its slot, its shared nodes and the span of tokens that are its own."""
        at = len(self.running)
        spans: list[Span] = []
        rooms = [s.room for s in self.running]
        for sequence in admitted:
            path = paths[id(sequence)]
            place = len(path) if sequence.targets is not None else attended_in_place(path, self.rows, self.in_place)
            sequence.above = path[place - 1] if place else self.tree.root
            sequence.held = (path[-1].end if path else 0) - sequence.above.end
            if sequence.targets is None:
                rooms.append(sequence.room)
        held = max((s.held for s in self.running), default=0)
        self.store.reserve(len(rooms), max(rooms, default=0), held, self.shapes, self.dtype, self.device)
        slot = at
        for sequence in admitted:
            path, leaf = paths[id(sequence)], sequence.leaf
            assert sequence.above is not None and leaf is not None
            for node in self.tree.path(sequence.above):
                node.uses += 1
            own = sequence.above.end + sequence.held
            if sequence.targets is None:
                for node in path:
                    if node.start >= sequence.above.end:
                        assert node.layers is not None
                        self.store.load(slot, node.start - sequence.above.end, node.layers)
            span = Span(at, at + len(sequence.ids) - own, own, sequence.above, held=sequence.held)
            if sequence.targets is None:
                span.slot = slot
                slot += 1
            spans.append(span)
            at = span.stop
        for sequence in admitted:
            assert sequence.leaf is not None
            self.tree.unwant(sequence.leaf)
            sequence.leaf = None
        return spans

    # ------------------------------------------------------------ the pass

    def run_model(
        self,
        ids: list[int],
        spans: list[Span],
        running: Sequence[Flight],
        keep: torch.Tensor,
        embeddings: torch.Tensor | None = None,  # (1, tokens, hidden) instead of the ids' own
    ) -> torch.Tensor:
        """One forward pass over running rows' last tokens and the spans' `ids`. Logits (kept positions, vocabulary)."""
        tokens = [s.out[-1] for s in running] + ids
        positions = [len(s.ids) + len(s.out) - 1 for s in running]
        users: dict[int, tuple[Node, list[int]]] = {}
        for index, sequence in enumerate(running):
            assert sequence.above is not None
            for node in self.tree.path(sequence.above):
                users.setdefault(id(node), (node, []))[1].append(index)
        for span in spans:
            positions.extend(range(span.position, span.position + span.stop - span.start))
            for node in self.tree.path(span.above):
                users.setdefault(id(node), (node, []))[1].extend(range(span.start, span.stop))
        count = len(tokens)
        step = Pass(
            store=self.store,
            lengths=[s.held for s in running],
            positions=torch.tensor(positions, device=self.device),
            spans=spans,
            nodes=[
                (node, None if len(at) == count else torch.tensor(at, device=self.device))
                for node, at in users.values()
            ],
            device=self.device,
            dtype=self.dtype,
        )
        self.passes += 1
        given: dict[str, torch.Tensor] = {"input_ids": torch.tensor([tokens], device=self.device)}
        logits: torch.Tensor = self.model(
            **(given if embeddings is None else {"inputs_embeds": embeddings}),
            position_ids=step.positions[None],
            use_cache=False,
            logits_to_keep=keep.to(self.device),
            kshot_pass=step,
        ).logits[0]
        return logits

    def forward(self, admitted: Sequence[Flight], spans: list[Span]) -> list[Flight]:
        """Runs the pass, samples a token a row, scores continuations, and takes finished rows out."""
        running = list(self.running)
        keep = list(range(len(running)))
        for sequence, span in zip(admitted, spans, strict=True):
            first = span.stop - (1 if sequence.targets is None else len(sequence.targets))
            keep.extend(range(first, span.stop))
        ids = [token for s, span in zip(admitted, spans, strict=True) for token in s.ids[span.position :]]
        started = time.perf_counter()
        logits = self.run_model(ids, spans, running, torch.tensor(keep))
        spent = (time.perf_counter() - started) / max(len(running) + len(ids), 1)
        for sequence in running:
            sequence.held += 1
            sequence.seconds += spent
        for sequence, span in zip(admitted, spans, strict=True):
            sequence.seconds += spent * (span.stop - span.start)
        rows, choices = list(running), list(range(len(running)))
        done: list[Flight] = []
        at = len(running)
        for sequence, span in zip(admitted, spans, strict=True):
            if sequence.targets is None:
                sequence.held += span.stop - span.start
                self.running.append(sequence)
                rows.append(sequence)
                choices.append(at)
                at += 1
            else:
                part = logits[at : at + len(sequence.targets)].float().log_softmax(-1)
                group = [sequence, *sequence.twins]
                wanted = torch.tensor([one.targets for one in group], device=part.device)
                scores = part.gather(-1, wanted.T).sum(0).tolist()
                for one, score in zip(group, scores, strict=True):
                    one.logprob, one.finish, one.seconds = score, "scored", sequence.seconds / len(group)
                for twin in sequence.twins:
                    twin.cached = twin.prompt_tokens
                at += len(sequence.targets)
                self.release(sequence)
                done.extend(group)
        if rows:
            self.decoding_passes += 1
            self.row_passes += len(rows)
            draws = [(s.params, s.seed, len(s.out)) for s in rows]
            picked = logits if len(choices) == len(logits) else logits[torch.tensor(choices, device=logits.device)]
            tokens, logprobs = sample(picked, draws)
            for sequence, token, logprob in zip(rows, tokens, logprobs, strict=True):
                sequence.out.append(token)
                sequence.logprob += logprob
                conclude(sequence, self.end_ids, self.stopped)
        return done + self.retire()

    def retire(self) -> list[Flight]:
        """Takes finished rows out and closes the gaps, so that slots 0..n-1 are the running rows."""
        done = [s for s in self.running if s.finish is not None]
        for sequence in done:
            self.remember(self.running.index(sequence), sequence)
            self.release(sequence)
        slot = 0
        while slot < len(self.running):
            if self.running[slot].finish is None:
                slot += 1
                continue
            last = self.running.pop()
            if slot < len(self.running):
                if last.finish is None:
                    self.store.move(len(self.running), slot, last.held)
                self.running[slot] = last
        return done

    def remember(self, slot: int, sequence: Flight) -> None:
        """Leaves a finished row's keys in the tree, for a later prompt that goes on from its text."""
        assert sequence.above is not None
        ids = sequence.ids + sequence.out[:-1]
        if self.tree.budget and len(ids) == sequence.above.end + sequence.held:
            self.tree.keep(ids, sequence.above, self.store.read(slot, sequence.held))

    def release(self, sequence: Flight) -> None:
        """Gives back the nodes that a sequence attended to."""
        assert sequence.above is not None
        for node in self.tree.path(sequence.above):
            node.uses -= 1
        sequence.above = None


def pieces(layers: Layers, start: int, stop: int) -> Layers:
    """A copy of the keys and values of tokens [start, stop), so that the whole can be freed."""
    return [(keys[:, start:stop].clone(), values[:, start:stop].clone()) for keys, values in layers]


def conclude(flight: Flight, end_ids: frozenset[int], stopped: Callable[[Flight], bool]) -> None:
    """Sets the finish reason where the sequence has come to its end."""
    if flight.out[-1] in end_ids or stopped(flight):
        flight.finish = "stop"
    elif len(flight.out) >= flight.max_new:
        flight.finish = "length"
