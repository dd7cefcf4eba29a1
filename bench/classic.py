"""The classic half's speed against the reference libraries, both sides in one run.

    python bench/classic.py

Bias and variance of 1,000 refits against mlxtend (goal: at least 20 times as fast), a digits MLP against the same
network in torch on a CPU (at most 2 times its seconds), the ridge path and the Gaussian models against scikit-learn (at
most 1.5 times). The last line is one JSON object with a ratio each: of the refits theirs over ours, of the others ours
over theirs; always the worst of all sizes. The path's is a median of pairs, with the lowest and the highest beside it.
"""

from __future__ import annotations

import argparse
import json

from classic_gaussian import gaussian_models
from classic_network import digits_mlp
from classic_regression import bias_variance, ridge


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    refits, path, network, gaussian = bias_variance(1000), ridge(), digits_mlp(), gaussian_models(7)
    found = {
        "bias_variance_times_faster": round(refits["ratio"], 1),
        "ridge_path_ratio": round(path["ratio"], 3),
        "digits_mlp_ratio": network["ratio"],
        "gaussian_ratio": round(max(one["ratio"] for one in gaussian), 3),
    }
    goals = {
        "bias_variance_times_faster": "at least 20",
        "ridge_path_ratio": "at most 1.5",
        "digits_mlp_ratio": "at most 2",
        "gaussian_ratio": "at most 1.5",
    }
    for key, value in found.items():
        print(f"{key:28} {value:>8}  (goal: {goals[key]})")
    low, high = path["spread"]
    print(json.dumps(found | {"ridge_path_spread": [round(low, 3), round(high, 3)]}))


if __name__ == "__main__":
    main()
