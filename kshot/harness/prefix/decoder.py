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
from operator import attrgetter
from typing import Any

import torch

from kshot.harness.decoding.layers import Layers, piece
from kshot.harness.decoding.own_attention import SHARED, attend_with, own_attention
from kshot.harness.decoding.sampler import likelihoods_of, sample
from kshot.harness.decoding.sequence import TokenSequence, conclude
from kshot.harness.decoding.virtual import Virtual
from kshot.harness.prefix.row import Row
from kshot.harness.prefix.scheduler import ATTEND_IN_PLACE, admit, attended_in_place, encoded_once, runs_to_encode
from kshot.harness.prefix.step import Pass, Span
from kshot.harness.prefix.store import RowStore, rounded
from kshot.harness.prefix.tree import Node, PrefixTree

PASS_TOKENS = 2048  # tokens of new spans in one pass; a longer span still goes as one


class PrefixDecoder:
    """Decodes many sequences with one model, sharing what they have in common.

    `budget` and `kept` are tokens whose keys and values rows and prefixes may hold; `memory`, where it is given, bytes
    for both, half each. `stopped(sequence)` is asked after every token whether a stop string ended the text. With
    `virtual` tokens, every sequence's ids must begin with theirs.
    """

    def __init__(
        self,
        model: Any,
        *,
        rows: int,
        budget: int = 1,
        kept: int = 1,
        memory: int | None = None,
        end_ids: frozenset[int],
        stopped: Callable[[TokenSequence], bool],
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
        self.waiting: deque[Row] = deque()
        self.running: list[Row] = []  # index = slot
        self.starting: list[Row] = []  # taken from the queue in the pass that is under way
        self.leaders: dict[tuple[int, tuple[int, ...]], Row] = {}  # waiting inputs to score, by what they are
        self.passes = 0
        self.decoding_passes = 0  # passes with rows
        self.row_passes = 0  # sum over passes of the rows that took part
        self.shapes = self.measure()
        if memory is not None:
            token = sum(heads * (key + value) for heads, key, value in self.shapes) * self.dtype.itemsize
            self.budget = self.tree.budget = self.store.budget = max(memory // 2 // token, 1)
        self.virtual = virtual
        self.virtual_layers = self.encode(virtual) if virtual else []
        if virtual:
            self.tree.plant(virtual.ids, self.virtual_layers)

    def add(self, sequence: TokenSequence) -> None:
        """Puts a sequence in the queue, by its ticket; one to be scored after an input that waits joins it."""
        row = Row(sequence)
        if sequence.targets is not None:
            leader = self.leaders.setdefault((len(sequence.targets), tuple(sequence.ids)), row)
            if leader is not row:
                leader.twins.append(sequence)
                return
        row.leaf = self.tree.want(row.shareable)
        insort(self.waiting, row, key=attrgetter("sequence.ticket"))

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
    def step(self) -> list[TokenSequence]:
        """One pass. Returns the sequences that it finished. After an out-of-memory error, `restart` goes on."""
        attend_with(self.model, SHARED)
        admitted = self.starting = self.take()
        paths = {id(row): self.tree.path(row.leaf) for row in admitted if row.leaf is not None}
        self.encode_prefixes(admitted, paths)
        spans = self.start_rows(admitted, paths)
        finished = self.forward(admitted, spans)
        self.starting = []
        self.tree.shrink()
        return finished

    def restart(self, rows: int) -> None:
        """Frees all keys and values and begins everything in flight again, with so many rows."""
        waiting = [*self.running, *(row for row in self.starting if row not in self.running), *self.waiting]
        self.tree, self.store = PrefixTree(self.tree.budget), RowStore(rows, self.budget)
        self.rows, self.running, self.starting, self.waiting, self.leaders = rows, [], [], deque(), {}
        if self.virtual:
            self.tree.plant(self.virtual.ids, self.virtual_layers)
        for row in waiting:
            for sequence in (row.sequence, *row.twins):
                sequence.rewind()
                self.add(sequence)

    def close(self) -> None:
        """Forgets everything in flight and frees the model, with all that was kept for it."""
        self.running, self.starting, self.waiting = [], [], deque()
        self.virtual, self.virtual_layers = None, []
        self.restart(1)
        if self.model is not None:
            attend_with(self.model, own_attention(self.model))
        self.model = None

    # ------------------------------------------------------------ admission

    def take(self) -> list[Row]:
        """The waiting rows that start in this pass, in order."""
        spare = PASS_TOKENS
        chosen: list[Row] = []
        running = [rounded(row.room) for row in self.running]
        starting: list[int] = []
        while self.waiting:
            row = self.waiting[0]
            sequence = row.sequence
            assert row.leaf is not None
            path = self.tree.path(row.leaf)
            own = len(sequence.ids) - sum(len(node.ids) for node in path[: encoded_once(path)])
            if chosen and own > spare:
                break
            if sequence.targets is None:
                above = path[: attended_in_place(path, self.rows, self.in_place)]
                needed = rounded(len(sequence.ids) + sequence.max_new - (above[-1].end if above else 0))
                if admit([*starting, needed], running, self.rows, self.budget) <= len(starting):
                    break
                starting.append(needed)
            spare -= own
            chosen.append(self.waiting.popleft())
            if sequence.targets is not None:
                del self.leaders[len(sequence.targets), tuple(sequence.ids)]
        return chosen

    def encode_prefixes(self, admitted: Sequence[Row], paths: dict[int, list[Node]]) -> None:
        """Encodes, a level of the tree at a time, the prefixes that more than one of the requests need."""
        for row in admitted:
            path = paths[id(row)]
            del path[encoded_once(path) :]
            row.sequence.cached = sum(len(node.ids) for node in path if node.layers is not None)
        fresh: set[int] = set()
        started = time.perf_counter()
        while runs := runs_to_encode([paths[id(row)] for row in admitted]):
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
                    self.tree.fill(node, span.layers if len(run) == 1 else piece(span.layers, at, at + len(node.ids)))
                    fresh.add(id(node))
        spent = time.perf_counter() - started
        for row in admitted:
            row.sequence.seconds += spent / len(admitted)
            for node in paths[id(row)]:
                self.tree.touch(node)
                if id(node) in fresh:
                    fresh.discard(id(node))  # the first that needs it paid for it
                elif node.start + len(node.ids) > row.sequence.cached:
                    row.sequence.cached += len(node.ids)

    def start_rows(self, admitted: Sequence[Row], paths: dict[int, list[Node]]) -> list[Span]:
        """Gives each admitted row its slot, its shared nodes and the span of tokens that are its own."""
        rooms = [row.room for row in self.running]
        for row in admitted:
            path, scored = paths[id(row)], row.sequence.targets is not None
            place = len(path) if scored else attended_in_place(path, self.rows, self.in_place)
            row.above = path[place - 1] if place else self.tree.root
            row.held = (path[-1].end if path else 0) - row.above.end
            if not scored:
                rooms.append(row.room)
        held = max((row.held for row in self.running), default=0)
        self.store.reserve(len(rooms), max(rooms, default=0), held, self.shapes, self.dtype, self.device)
        at = slot = len(self.running)
        spans: list[Span] = []
        for row in admitted:
            assert row.above is not None
            for node in self.tree.path(row.above):
                node.uses += 1
            own = row.above.end + row.held
            span = Span(at, at + len(row.sequence.ids) - own, own, row.above, held=row.held)
            if row.sequence.targets is None:
                for node in paths[id(row)]:
                    if node.start >= row.above.end:
                        assert node.layers is not None
                        self.store.load(slot, node.start - row.above.end, node.layers)
                span.slot = slot
                slot += 1
            spans.append(span)
            at = span.stop
        for row in admitted:
            assert row.leaf is not None
            self.tree.unwant(row.leaf)
            row.leaf = None
        return spans

    # ------------------------------------------------------------ the pass

    def run_model(
        self,
        ids: list[int],
        spans: Sequence[Span],
        running: Sequence[Row],
        keep: torch.Tensor,
        embeddings: torch.Tensor | None = None,  # (1, tokens, hidden) instead of the ids' own
    ) -> torch.Tensor:
        """One forward pass over running rows' last tokens and the spans' `ids`. Logits (kept positions, vocabulary)."""
        tokens = [row.sequence.out[-1] for row in running] + ids
        step = Pass.of(self.tree, self.store, running, spans, self.device, self.dtype)
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

    def forward(self, admitted: Sequence[Row], spans: Sequence[Span]) -> list[TokenSequence]:
        """Runs the pass, scores continuations, samples a token a row, and takes finished rows out."""
        running = list(self.running)
        wanted = [1 if row.sequence.targets is None else len(row.sequence.targets) for row in admitted]
        keep = list(range(len(running)))
        for span, count in zip(spans, wanted, strict=True):
            keep.extend(range(span.stop - count, span.stop))
        ids = [token for row, span in zip(admitted, spans, strict=True) for token in row.sequence.ids[span.position :]]
        started = time.perf_counter()
        logits = self.run_model(ids, spans, running, torch.tensor(keep))
        spent = (time.perf_counter() - started) / max(len(running) + len(ids), 1)
        for row in running:
            row.held += 1
            row.sequence.seconds += spent
        choices = list(range(len(running)))
        done: list[TokenSequence] = []
        at = len(running)
        for row, span, count in zip(admitted, spans, wanted, strict=True):
            row.sequence.seconds += spent * (span.stop - span.start)
            if row.sequence.targets is None:
                row.held += span.stop - span.start
                self.running.append(row)
                choices.append(at)
            else:
                done.extend(score(row, logits[at : at + count]))
                self.release(row)
            at += count
        if choices:
            picked = logits if len(choices) == len(logits) else logits[torch.tensor(choices, device=logits.device)]
            self.sample_rows(picked)
        return done + self.retire()

    def sample_rows(self, logits: torch.Tensor) -> None:
        """A token for each running row, from its logits (rows, vocabulary)."""
        self.decoding_passes += 1
        self.row_passes += len(self.running)
        sequences = [row.sequence for row in self.running]
        tokens, logprobs = sample(logits, [(s.params, s.seed, len(s.out)) for s in sequences])
        for sequence, token, logprob in zip(sequences, tokens, logprobs, strict=True):
            sequence.out.append(token)
            sequence.token_logprobs.append(logprob)
            conclude(sequence, self.end_ids, self.stopped)

    def retire(self) -> list[TokenSequence]:
        """Takes finished rows out and closes the gaps, so that slots 0..n-1 are the running rows."""
        done = [row for row in self.running if row.sequence.finish is not None]
        for row in done:
            self.remember(self.running.index(row), row)
            self.release(row)
        slot = 0
        while slot < len(self.running):
            if self.running[slot].sequence.finish is None:
                slot += 1
                continue
            last = self.running.pop()
            if slot < len(self.running):
                if last.sequence.finish is None:
                    self.store.move(len(self.running), slot, last.held)
                self.running[slot] = last
        return [row.sequence for row in done]

    def remember(self, slot: int, row: Row) -> None:
        """Leaves a finished row's keys in the tree, for a later prompt that goes on from its text."""
        assert row.above is not None
        ids = row.sequence.ids + row.sequence.out[:-1]
        if self.tree.budget and len(ids) == row.above.end + row.held:
            self.tree.keep(ids, row.above, self.store.read(slot, row.held))

    def release(self, row: Row) -> None:
        """Gives back the nodes that a row attended to."""
        assert row.above is not None
        for node in self.tree.path(row.above):
            node.uses -= 1
        row.above = None


def score(row: Row, logits: torch.Tensor) -> list[TokenSequence]:
    """Scores the continuations of a row and its twins, from the logits (targets, vocabulary) after their input."""
    group = [row.sequence, *row.twins]
    scores = likelihoods_of(logits, [sequence.targets or [] for sequence in group])
    seconds = row.sequence.seconds / len(group)
    for sequence, logprobs in zip(group, scores, strict=True):
        sequence.token_logprobs, sequence.finish, sequence.seconds = logprobs, "scored", seconds
    for twin in row.twins:
        twin.cached = twin.prompt_tokens
    return group
