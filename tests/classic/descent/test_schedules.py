"""Schedules against torch's."""

from __future__ import annotations

import doctest

import pytest
import torch
from torch.optim import lr_scheduler

from kshot.classic.descent import schedules
from kshot.classic.descent.schedules import Schedule, constant, cosine, exponential, inverse_sqrt, step_decay, warm_up


def test_the_docstrings_example_holds() -> None:
    assert doctest.testmod(schedules) == doctest.TestResults(failed=0, attempted=2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cosine(0), "cosine: T_max is 0; it must be a whole number of updates, at least 1"),
        (lambda: cosine(-3), "T_max is -3"),
        (lambda: cosine(2.5), "T_max is 2.5"),
        (lambda: cosine(float("nan")), "T_max is nan"),
        (lambda: step_decay(0), "step_decay: step_size is 0; it must be a whole number of updates, at least 1"),
        (lambda: step_decay(True), "step_size is True"),
        (lambda: warm_up(-1), "warm_up: total_iters is -1; it must be a whole number of updates, at least 0"),
        (lambda: warm_up(3, start_factor=0), "warm_up: start_factor is 0; it must be above 0 and at most 1"),
    ],
)
def test_a_schedule_that_is_none_is_refused_when_it_is_made(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (step_decay(7, 0.5), lambda o: lr_scheduler.StepLR(o, 7, 0.5)),
        (exponential(0.93), lambda o: lr_scheduler.ExponentialLR(o, 0.93)),
        (cosine(40, 0.01), lambda o: lr_scheduler.CosineAnnealingLR(o, 40, 0.01)),
        (warm_up(8), lambda o: lr_scheduler.LinearLR(o, total_iters=8)),
        (
            warm_up(8, 0.1, then=cosine(20)),
            lambda o: lr_scheduler.SequentialLR(
                o, [lr_scheduler.LinearLR(o, 0.1, total_iters=8), lr_scheduler.CosineAnnealingLR(o, 20)], [8]
            ),
        ),
        (inverse_sqrt, lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (t + 1) ** 0.5)),
        (constant, lambda o: lr_scheduler.LambdaLR(o, lambda t: 1.0)),
    ],
    ids=["step", "exponential", "cosine", "warm-up", "warm-up then cosine", "inverse root", "constant"],
)
@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")  # torch's own SequentialLR
def test_schedules_are_torchs(ours: Schedule, theirs) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.3)
    scheduler = theirs(optimizer)
    for t in range(28):
        assert ours(0.3, t) == pytest.approx(scheduler.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        scheduler.step()
