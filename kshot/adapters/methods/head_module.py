"""A classification head as a module: a linear layer over a frozen body's hidden state.

The body runs without gradients and in evaluation mode, so that a step costs a forward pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput


class HeadModel(nn.Module):
    """softmax(W h + b) over the body's last token (causal model) or first token (encoder)."""

    def __init__(self, model: Any, labels: int, dropout: float = 0.0) -> None:
        super().__init__()
        config = model.config.get_text_config()
        self.model = model.requires_grad_(False)
        self.config = model.config
        self.encoder = is_encoder(model)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(config.hidden_size, labels, device=model.device, dtype=torch.float32)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def train(self, mode: bool = True) -> HeadModel:
        super().train(mode)
        self.model.eval()
        return self

    def activation_checkpointing_enable(self, *args: Any, **options: Any) -> None:
        """Nothing is kept of the body for a backward pass, so there is nothing to save."""

    gradient_checkpointing_enable = activation_checkpointing_enable  # its name in transformers before 5.23

    def features(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        """The hidden state that the head reads: (batch, hidden), float32."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        with torch.no_grad():
            if self.encoder:
                hidden = self.model.base_model(input_ids=input_ids, attention_mask=mask).last_hidden_state
                return torch.as_tensor(hidden[:, 0].float())
            places = (mask.cumsum(-1) - 1).clamp(min=0)  # padding on either side leaves every token its position
            hidden = self.model.base_model(
                input_ids=input_ids, attention_mask=mask, position_ids=places, use_cache=False
            ).last_hidden_state
            last = (mask * torch.arange(mask.shape[1], device=mask.device)).argmax(-1)
            return torch.as_tensor(hidden[torch.arange(len(last), device=mask.device), last].float())

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> SequenceClassifierOutput:
        logits = self.head(self.dropout(self.features(input_ids, attention_mask)))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels.view(-1))
        return SequenceClassifierOutput(loss=loss, logits=logits)


def is_encoder(model: Any) -> bool:
    """Whether a model reads both ways (BERT, RoBERTa), so that its first token stands for the text."""
    return "MaskedLM" in type(model).__name__ or type(model).__name__.endswith("ForPreTraining")
