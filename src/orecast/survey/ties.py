"""Values that many samples share: they are probably detection limits, or a part of one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from orecast.arrays import Bools, Floats
from orecast.survey.data import Element, Findings

# Few measurements of a continuous quantity share the lowest value.
_PILE_COUNT, _PILE_SHARE = 5, 0.002
# At other levels, this many times as many samples as at the levels beside it share a value.
_TIE_SHARE, _TIMES, _NEAR = 0.01, 5.0, 5
# More such levels, or several of which some are above the median, are a way of rounding: then
# only those below this percentile, and between the rounded values, may be limits.
_MOST_LEVELS, _LOW = 2, 10
_STEPPED = 0.5  # of the values are steps of a semi-quantitative analysis: then they are rounded


def heavy_ties(values: Floats, censored: Bools) -> list[dict[float, int]]:
    """Of each element, the values that too many samples share, and how many: ``{value: n}``.

    ``values`` and ``censored`` are ``(n, n_elements)``. Counted are detected values. The lowest
    value is one if some share it; another value, if far more share it than the values beside it.
    Rounded values are no ties: the values beside them are shared too, or several values are, up to
    above the median, as in semi-quantitative analyses (1, 1.5, 2, 3, 5, 7, 10). Of these, only
    values below the 10th percentile count, if they are no multiple of the rounding's step.

    >>> column = np.r_[np.full(9, 0.5), np.linspace(1, 2, 30), np.full(12, 2.5), 3, 4, 5]
    >>> heavy_ties(column[:, None], np.zeros((54, 1), dtype=bool))
    [{0.5: 9, 2.5: 12}]
    """
    return [_ties(v[~below & ~np.isnan(v)]) for v, below in zip(values.T, censored.T, strict=True)]


def _ties(detected: Floats) -> dict[float, int]:
    levels, counts = np.unique(detected, return_counts=True)
    if len(levels) < 2:
        return {}
    found = {}
    if counts[0] >= max(_PILE_COUNT, _PILE_SHARE * len(detected)):
        found[float(levels[0])] = int(counts[0])
    least = max(_PILE_COUNT, _TIE_SHARE * len(detected))
    others = {}
    for k in np.flatnonzero(counts >= least):
        if 0 < k < len(levels) - 1:
            beside = counts[max(k - _NEAR, 0) : k], counts[k + 1 : k + 1 + _NEAR]
            if counts[k] > _TIMES * (1 + max(np.median(part) for part in beside)):
                others[float(levels[k])] = int(counts[k])
    if (
        len(others) > _MOST_LEVELS
        or (len(others) > 1 and max(others) >= np.median(detected))
        or (others and _on_steps(detected).mean() > _STEPPED)
    ):
        low = np.percentile(detected, _LOW)
        others = {
            value: n
            for value, n in others.items()
            if value < low and not _is_rounded(value, [v for v in others if v > value])
        }
    return found | others


def _on_steps(values: Floats) -> Bools:
    """Which values are steps of semi-quantitative spectrography: 1, 1.5, 2, 3, 5, 7, 10, …

    >>> _on_steps(np.array([0.15, 0.2, 700.0, 4.0, 71.0])).tolist()
    [True, True, True, False, False]
    """
    leading = values / 10.0 ** np.floor(np.log10(values))
    steps = np.isclose(leading[:, None], [1, 1.5, 2, 3, 5, 7, 10], rtol=1e-6)
    return np.asarray(steps.any(axis=1))


def _is_rounded(value: float, above: Sequence[float]) -> bool:
    """Whether a value is a multiple of the step between the levels above it."""
    if len(above) < 2:
        return True
    times = value / float(np.diff(sorted(above)).min())
    return abs(times - round(times)) < 0.01


def tied(values: Floats, ties: Sequence[dict[float, int]]) -> Bools:
    """Which values are ties, ``(n, n_elements)``."""
    return np.column_stack(
        [np.isin(v, list(of)) for v, of in zip(values.T, ties, strict=True)]
    ).astype(bool)


def report_ties(
    elements: Sequence[Element],
    values: Floats,
    censored: Bools,
    ties: Sequence[dict[float, int]],
    where: str,
    findings: Findings,
) -> None:
    """Report the elements whose lowest value, or another one, many samples share."""
    limits = ", ".join(
        f"{e.symbol} = {_toml(sorted(of))}" for e, of in zip(elements, ties, strict=True) if of
    )
    remedy = f"if they are limits, set samples.detection_limits = {{{limits}}}"
    detected = (~censored & ~np.isnan(values)).sum(axis=0)
    lowest = np.nanmin(np.where(censored, np.nan, values), axis=0)
    piles: dict[Element, dict[str, float]] = {}
    others: dict[Element, list[dict[str, float]]] = {}
    for k, (e, of) in enumerate(zip(elements, ties, strict=True)):
        for value, n in of.items():
            share = n / int(detected[k])
            if value == lowest[k]:
                piles[e] = {"lowest": value, "n": n, "share": share}
            else:
                others.setdefault(e, []).append({"value": value, "n": n, "share": share})
    if piles:
        text = "; ".join(
            f"{e.symbol} {p['lowest']:g} {e.unit}, {p['n']} times ({100 * p['share']:.1f} %)"
            for e, p in piles.items()
        )
        findings.warning(
            "piled-up-lowest",
            where,
            f"in {len(piles)} element(s) many samples share the lowest value. It is used as "
            f"measured, but is probably a detection limit or a part of it: {text}",
            remedy,
            elements={e.symbol: p for e, p in piles.items()},
        )
    if others:
        said = []
        for e, found in others.items():
            levels = [f"{t['value']:g} {e.unit} {t['n']} times" for t in found]
            said.append(f"{e.symbol} {', '.join(levels)}")
        findings.warning(
            "tied-values",
            where,
            f"in {len(others)} element(s) far more samples share one value than the values beside "
            "it. It is used as measured, but is probably the limit of one laboratory, or a half "
            f"or a third of it: {'; '.join(said)}",
            remedy,
            elements={e.symbol: of for e, of in others.items()},
        )


def _toml(limits: Sequence[float]) -> str:
    written = [f"{limit:.10g}" for limit in limits]
    return written[0] if len(written) == 1 else f"[{', '.join(written)}]"
