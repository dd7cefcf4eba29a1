"""The claims, a file a paper; `FILES` has them in the order of their years, and each file's `FINDINGS` are its claims.

brown_2020.py    exemplars help, and more of them more
zhao_2021.py     contextual calibration, and the leanings that it takes off
holtzman_2021.py surface form competition
liu_2021.py      nearest exemplars
lu_2022.py       the order of exemplars
min_2022.py      what of an exemplar matters
channel_2022.py  noisy-channel models
webson_2022.py   misleading instructions
su_2022.py       which samples to annotate
wei_2022.py      chains of thought
kojima_2022.py   zero-shot chains of thought
wang_2022.py     self-consistency
zhou_2022.py     least-to-most
fei_2023.py      domain-context calibration
wei_2023.py      flipped and unrelated labels
sclar_2023.py    formats
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from kshot.lab.claims.finding import Finding

FILES: tuple[str, ...] = (
    "brown_2020",
    "zhao_2021",
    "holtzman_2021",
    "liu_2021",
    "lu_2022",
    "min_2022",
    "channel_2022",
    "webson_2022",
    "su_2022",
    "wei_2022",
    "kojima_2022",
    "wang_2022",
    "zhou_2022",
    "fei_2023",
    "wei_2023",
    "sclar_2023",
)

FINDINGS: Mapping[str, Finding] = {
    finding.name: finding for name in FILES for finding in import_module(f"kshot.lab.findings.{name}").FINDINGS
}
