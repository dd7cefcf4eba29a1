"""The base model of a study, in memory, with one adapter after the other on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kshot.adapters.adapted import Adapted
from kshot.adapters.attach import attach
from kshot.adapters.encoder import load_encoder
from kshot.adapters.study.evaluate import accuracy
from kshot.adapters.study.plan import MixturePart, Study, Training, trained_on
from kshot.adapters.training.data import Example, examples
from kshot.adapters.training.recipe import Recipe
from kshot.harness.models.load import LoadedModel, load_model, use_chat
from kshot.harness.models.render import Renderer
from kshot.harness.models.sources import resolve
from kshot.harness.runs.plan import Loaded
from kshot.types import UserError


class StudyBase:
    """What a study's trainings have in common: the model, and how samples are put to it."""

    def __init__(self, study: Study, options: Mapping[str, Any], plan: Loaded, encoder: bool) -> None:
        self.study, self.options, self.plan, self.encoder = study, options, plan, encoder
        self.loaded: LoadedModel | None = None
        self.labels = () if study.mixture else plan.tasks[0].labels

    def model(self) -> LoadedModel:
        """The model, read where it is not there or has been changed for good."""
        if self.loaded is None:
            keep = {key: self.options[key] for key in ("device", "dtype") if key in self.options}
            if self.encoder:
                self.loaded = load_encoder(self.study.model, labels=self.labels, **keep)
            else:
                keep["trust_remote_code"] = self.options.get("trust_remote_code", False)
                self.loaded = load_model(resolve(self.study.model), **keep)
        return self.loaded

    @property
    def chat(self) -> bool:
        """Whether prompts go through the model's chat template."""
        return not self.encoder and use_chat(self.model().tokenizer, self.study.model, self.study.template)

    def attached(self, training: Training, parts: Sequence[MixturePart], recipe: Recipe) -> Adapted:
        """The model with a training's adapter on it, at its start."""
        base = self.model()
        steps = recipe.steps(trained_on(parts))
        return attach(
            base.model, base.tokenizer, training.method, seed=training.seed, labels=self.labels, total_steps=steps
        )

    def take_off(self, adapted: Adapted) -> None:
        """The model as it was; read again where the adapter changed it for good."""
        try:
            adapted.detach()
        except UserError:  # there is no way back
            self.loaded = None

    def tokens(self, adapted: Adapted, parts: Sequence[MixturePart], *, validation: bool = False) -> list[Example]:
        """Samples as tokens, for an adapter that writes, or one that classifies."""
        base = self.model()
        renderer = Renderer(base.tokenizer, self.chat)
        return [
            example
            for part in parts
            for example in examples(
                part.task,
                part.strategy,
                part.data.validation if validation else part.data.train,
                renderer,
                pool=part.pool,
                max_length=self.study.max_length,
                room=base.context_length - (adapted.soft.num_virtual_tokens if adapted.soft else 0),
                head=adapted.kind == "head",
                bare=self.encoder,
            )
        ]

    def accuracy(self, adapted: Adapted, parts: Sequence[MixturePart]) -> float:
        """Share of the validation samples that are right."""
        right = count = 0.0
        for part in parts:
            asked = part.data.validation
            share = accuracy(adapted, self.model(), part.task, part.strategy, asked, part.pool, chat=self.chat)
            right, count = right + len(asked) * share, count + len(asked)
        return right / max(1, count)
