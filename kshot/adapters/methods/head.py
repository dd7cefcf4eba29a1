"""A classification head on a frozen body."""

from __future__ import annotations

from kshot.adapters.methods.registry import Base, Built, method
from kshot.types import UserError


@method(lr=1e-2, needs_labels=True)
def head(base: Base, *, dropout: float = 0.0) -> Built:
    """One linear layer over a frozen body's features (Peters et al. 2019, arXiv 1903.05987, section 2.1).

    p = softmax(W h + b): h is the last token's final hidden state of a causal model, the first token's ([CLS]) of
    an encoder. Trained: labels x (hidden + 1). On a model that transformers has loaded for sequence
    classification, its own head is trained, and BERT's pooler, which belongs to it.
    """
    if base.classifies:
        body = {id(p) for name, p in base.model.base_model.named_parameters() if "pooler" not in name}
        for parameter in base.model.parameters():
            parameter.requires_grad_(id(parameter) not in body)
        return Built(base.model, lambda: base.model, head=True)
    if len(base.labels) < 2:
        raise UserError("the method head needs the task's labels, two or more; use a classification task.")
    from kshot.adapters.methods.head_module import HeadModel

    return Built(HeadModel(base.model, len(base.labels), dropout), lambda: base.model, head=True)
