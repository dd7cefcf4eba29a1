"""The distribution over many forms in a report: of a whole grid its own quantiles, of a share of it near them."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np

from kshot.eval.many_forms import QUANTILES, balanced_cells
from kshot.eval.report.prompting.build import build
from kshot.eval.report.prompting.over_forms import TITLE, features_of
from kshot.eval.report.prompting.run_data import RunData
from tests.eval.report.test_sensitivity import rows, run_of


def grid(forms: int) -> dict[tuple[str, str], list[float]]:
    """Scores of so many formats of two templates, one of which is better."""
    rng = np.random.default_rng(0)
    quality = np.repeat([0.0, 1.5], forms // 2) + rng.normal(0, 0.3, forms)
    chances = 1 / (1 + np.exp(-(quality[:, None] + rng.normal(0, 1, 40)[None])))
    scores = (rng.uniform(size=chances.shape) < chances).astype(float)
    names = [f"choice-logprob:template={t},format_seed={f}" for t in (0, 1) for f in range(forms // 2)]
    return {("t", name): row.tolist() for name, row in zip(names, scores, strict=True)}


def asked(run: RunData, cells: np.ndarray) -> RunData:
    """The run with some of its cells alone."""
    order = list(dict.fromkeys(record.strategy for record in run.records))
    kept = [record for record in run.records if cells[order.index(record.strategy), int(record.sample_id)]]
    return replace(run, records=kept)


def test_a_whole_grid_gives_its_own_quantiles() -> None:
    found = grid(20)
    whole, *alone = rows(build(run_of(found)), TITLE)
    means = [float(np.mean(row)) for row in found.values()]
    assert whole[2:6] == ["template, format seed", "20", "40", "100.0%"]
    assert whole[6:11] == [f"{100 * value:.1f}%" for value in np.percentile(means, QUANTILES)]
    assert [row[2] for row in alone] == ["format seed"]  # ten formats of one template; two templates are not many


def test_of_a_share_of_the_grid_the_quantiles_are_near_and_say_how_sure_they_are() -> None:
    found = grid(40)
    run = asked(run_of(found), balanced_cells(40, 40, 160))
    whole = rows(build(run), TITLE)[0]
    assert whole[5] == "10.0%"
    truth = 100 * np.percentile([float(np.mean(row)) for row in found.values()], QUANTILES)
    said = [list(map(float, re.findall(r"[\d.]+", cell))) for cell in whole[6:11]]
    assert np.mean([abs(value - at) for at, (value, _, _) in zip(truth, said, strict=True)]) < 8
    assert sum(low <= at <= high for at, (_, low, high) in zip(truth, said, strict=True)) >= 4


def test_fewer_forms_have_no_section() -> None:
    assert rows(build(run_of(grid(6))), TITLE) == []


def test_forms_lend_to_each_other_by_what_they_have_in_common() -> None:
    names = [f"template {t}, format {f}" for t in "01" for f in range(4)] + ["own"]
    features = np.array(features_of(names))
    assert features.shape == (9, 3) and features.sum(axis=0).tolist() == [4.0, 4.0, 1.0]
    assert features_of([str(at) for at in range(9)]) is None
    assert not math.isnan(features.sum())
