"""What a finding is counted in, and what is drawn of its arms, are its effect's: an area is not told in accuracy."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from kshot.lab.claims.effects import AreaOverHalf, ArmSpread, Growth, Leaning, OverAnother, ScoreGain
from kshot.lab.claims.estimate import Replies
from kshot.lab.claims.finding import Finding
from kshot.lab.findings import FINDINGS


@pytest.mark.parametrize("finding", FINDINGS.values(), ids=FINDINGS)
def test_a_finding_is_counted_in_what_its_effect_is(finding: Finding) -> None:
    effect = finding.effect.of if isinstance(finding.effect, Growth) else finding.effect
    assert (finding.effect.unit, finding.effect.scale) == (effect.unit, effect.scale)
    if isinstance(effect, ArmSpread):  # says which arms
        assert finding.unit.startswith("points of standard deviation between")
    else:
        assert finding.unit == effect.unit
    assert ("AUC" in finding.unit) == isinstance(effect, AreaOverHalf)
    assert ("accuracy" in finding.unit) <= isinstance(effect, OverAnother)


def test_what_is_drawn_of_an_arm_is_what_the_effect_is_made_of() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 60)
    shares = rng.random((60, 1)) * 0.6 + 0.2 * targets[:, None]
    said = (shares[:, 0] > 0.4).astype(int)
    arm = [Replies((said == targets).astype(float), targets, said, np.hstack([1 - shares, shares]))]
    other = [Replies(np.zeros(60), targets, 1 - said, np.hstack([shares, 1 - shares]))]
    [area] = AreaOverHalf("a").drawn(arm)
    assert area == pytest.approx(roc_auc_score(targets, shares[:, 0]))
    assert Growth(AreaOverHalf("a"))([other, arm]) == pytest.approx(2 * area - 1)
    assert Leaning("a", "b", 1).drawn(arm) == [said.mean()]
    assert ScoreGain("a", "b").drawn(arm) == [(said == targets).mean()]
