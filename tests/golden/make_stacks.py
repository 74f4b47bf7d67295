"""Stacks of samples and what numpy and astropy.stats make of them, for tests/stacks.rs. Run: python3 make_stacks.py

Writes stacks/inputs.npy, (samples | weights | variances, images of all cases one after the other, ny, nx), stacks/results.npy, (case, result, ny, nx),
and stacks/index.json, which names the results and gives the number of images and the clips (low, high, iterations).
"""

import json
import pathlib
import warnings

import astropy
import numpy as np
from astropy.stats import sigma_clip

FOLDER = pathlib.Path(__file__).parent / "stacks"
SHAPE = (9, 14)
# Images in a stack.
NUMBERS = [2, 3, 8, 41]
warnings.simplefilter("ignore")


def weighted_median(values, weights):
    """Of one pixel, by its definition: sorted, cumulated."""
    order = np.argsort(values, kind="stable")
    v, w = values[order], weights[order]
    if v.size == 0:
        return np.nan
    total, half = np.cumsum(w), 0.5 * np.sum(w)
    k = int(np.searchsorted(total, half))
    if total[k] == half and k + 1 < v.size:
        return 0.5 * v[k] + 0.5 * v[k + 1]
    return v[k]


def stack(n, seed):
    random = np.random.default_rng(seed)
    samples = random.normal(100.0, 5.0, (n, *SHAPE))
    samples += np.where(random.random(samples.shape) < 0.08, random.normal(0.0, 200.0, samples.shape), 0.0)
    samples[random.random(samples.shape) < 0.05] = np.nan
    samples[:, 0, 0] = np.nan
    samples[:, 0, 1] = 7.25  # a constant: its deviation is 0
    samples[1:, 0, 2] = np.nan  # one sample
    samples[2:, 0, 3] = np.nan  # two
    samples[:, 0, 4] = np.round(samples[:, 0, 4])  # ties
    samples[n // 2, 0, 5] = np.inf
    samples[0, 0, 6] = 1e9  # so far out that only the second round sees the others
    samples[1, 0, 6] = 400.0
    # Some weights are equal or in simple ratios, so that half the weight falls exactly between two samples.
    weights = random.choice([0.5, 1.0, 1.0, 2.0, 0.0], samples.shape)
    variances = random.uniform(0.5, 20.0, samples.shape)
    return samples.astype(np.float32), weights.astype(np.float32), variances.astype(np.float32)


def main():
    FOLDER.mkdir(exist_ok=True)
    inputs, all_results = [], []
    clips = [(3, 3, 5), (2, 4, 1), (1.5, 1.5, 2), (0.9, 0.9, 100), (np.inf, 2, 5)]
    for n in NUMBERS:
        arrays = dict(zip(("samples", "weights", "variances"), stack(n, n)))
        samples, weights, variances = (arrays[name].astype(float) for name in arrays)
        there = ~np.isnan(samples)
        weighted_there = there & (weights > 0)
        results = {"median": np.nanmedian(samples, axis=0)}
        results["weighted_median"] = np.array([
            [weighted_median(samples[k, y, x], weights[k, y, x]) for x in range(SHAPE[1]) for k in [weighted_there[:, y, x]]]
            for y in range(SHAPE[0])
        ])
        w = np.where(there, 1 / variances, 0.0)
        results["inverse_variance"] = np.nansum(w * np.where(there, samples, 0.0), axis=0) / np.sum(w, axis=0)
        results["inverse_variance_variance"] = 1 / np.where(there.any(axis=0), np.sum(w, axis=0), np.nan)
        for k, (low, high, iterations) in enumerate(clips):
            for weighted in (False, True):
                # Missing samples are missing before anything is clipped.
                masked = np.ma.array(samples, mask=~(weighted_there if weighted else there))
                left = sigma_clip(masked, sigma_lower=low, sigma_upper=high, maxiters=iterations, axis=0)
                kept = ~np.ma.getmaskarray(left)
                w = np.where(kept, weights if weighted else 1.0, 0.0)
                name = f"clipped_{k}" + ("_weighted" if weighted else "")
                results[name] = np.sum(np.where(kept, w * samples, 0.0), axis=0) / np.sum(w, axis=0)
                results[name + "_count"] = np.sum(kept, axis=0)
        inputs.append(np.stack(list(arrays.values())))
        all_results.append(np.stack(list(results.values())))
    np.save(FOLDER / "inputs.npy", np.concatenate(inputs, axis=1))
    np.save(FOLDER / "results.npy", np.stack(all_results).astype("f8"))
    index = {
        "versions": {"numpy": np.__version__, "astropy": astropy.__version__},
        "inputs": "inputs.npy",
        "results": "results.npy",
        "n": NUMBERS,
        "clips": [[str(low), str(high), iterations] for low, high, iterations in clips],
        "names": list(results),
    }
    (FOLDER / "index.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    main()
