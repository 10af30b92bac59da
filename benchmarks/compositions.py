"""How often the rules of perovskites are right, on any CSV of formula and label, and how fast they are.

    python benchmarks/compositions.py [FILE.csv] [--formula COLUMN] [--label COLUMN] [--radii SETS]

Prints the confusion matrix of every rule (tp: perovskite found, fp: called perovskite wrongly, tn, fn), the
accuracy, the mean of the shares right among perovskites and among the others, the accuracy on
chlorides, bromides and iodides alone, and how well the probability is calibrated. A formula that is
refused is counted and listed, not judged. Without FILE, the labelled compounds beside this script are
taken: a few dozen, chosen as well known, so no fair sample.

Labels: 1, true, yes, perovskite against 0, -1, false, no, non-perovskite.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np

import qdsurf as qs
from qdsurf.rank.compositions import Composition
from qdsurf.rank.windows import choose_rules

FORMULA = ("formula", "composition", "ABX3", "compound")
# Shannon's set has neither molecules nor Sn2+; the others do not touch what it has
RADII = "shannon + kieslich + kieslich-extended + travis"
LABEL = ("label", "exp_label", "perovskite", "is_perovskite")
YES = {"1", "1.0", "true", "yes", "perovskite"}
NO = {"0", "0.0", "-1", "-1.0", "false", "no", "non-perovskite", "nonperovskite"}


def read(path: Path, formula: str | None, label: str | None) -> list[tuple[str, bool]]:
    """Return (formula, is a perovskite) for every row; the question is wrong if a row has no label."""
    if not path.is_file():
        raise SystemExit(f"{path} is no file")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = list(rows[0]) if rows else []
    one = formula or next((c for c in FORMULA if c in columns), None)
    two = label or next((c for c in LABEL if c in columns), None)
    if one not in columns or two not in columns:
        raise SystemExit(
            f"{path}: no columns for formula and label among {columns}; name them with --formula, --label"
        )
    found = []
    for number, row in enumerate(rows, start=2):
        text = (row[two] or "").strip().lower()
        if text not in YES | NO:
            raise SystemExit(f"{path}, line {number}: the label {row[two]!r} is neither yes nor no")
        found.append(((row[one] or "").strip(), text in YES))
    return found


def confusion(said: np.ndarray, truth: np.ndarray) -> tuple[int, int, int, int]:
    """Return tp, fp, tn, fn."""
    return (
        int((said & truth).sum()), int((said & ~truth).sum()),
        int((~said & ~truth).sum()), int((~said & truth).sum()),
    )  # fmt: skip


def print_rules(rows: list[Composition], truth: np.ndarray) -> None:
    print(
        f"\n{'rule':>12} {'tp':>5} {'fp':>5} {'tn':>5} {'fn':>5} {'accuracy':>9} {'balanced':>9}"
        f" {'Cl,Br,I':>8}   window (accuracy on the shelf)"
    )
    halide = np.array(
        [{ion.ion for ion in row.radii if ion.site == "X"} <= {"Cl", "Br", "I"} for row in rows]
    )
    for rule in choose_rules(None):
        # undefined (A not larger than B) is no perovskite by that rule
        said = np.array([row.verdict(rule.name) is True for row in rows])
        tp, fp, tn, fn = confusion(said, truth)
        accuracy = (tp + tn) / len(truth)
        on_halides = (said == truth)[halide].mean() if halide.any() else float("nan")
        balanced = (tp / max(tp + fn, 1) + tn / max(tn + fp, 1)) / 2
        print(
            f"{rule.name:>12} {tp:>5} {fp:>5} {tn:>5} {fn:>5} {accuracy:>9.3f} {balanced:>9.3f}"
            f" {on_halides:>8.3f}"
            f"   {rule} ({rule.accuracy})"
        )
    always = max(truth.mean(), 1 - truth.mean())
    some = truth[halide].mean() if halide.any() else float("nan")
    print(
        f"{'always same':>12} {'':>23} {always:>9.3f} {0.5:>9.3f} {max(some, 1 - some):>8.3f}"
        f"   what a rule has to beat ({halide.sum()} compounds with Cl, Br, I)"
    )


def print_calibration(rows: list[Composition], truth: np.ndarray) -> None:
    p = np.array([row.p_perovskite for row in rows])
    known = np.isfinite(p)
    p, seen = p[known], truth[known]
    share, brier = seen.mean(), np.mean((p - seen) ** 2)
    print(
        f"\nprobability from tau: Brier score {brier:.3f} "
        f"(always saying {share:.2f}: {share * (1 - share):.3f}), {len(p)} compounds"
    )
    print(f"{'P':>12} {'compounds':>10} {'mean P':>7} {'perovskites':>12}")
    for low in np.arange(0.0, 1.0, 0.2):
        here = (p >= low) & (p < low + 0.2)
        if here.any():
            print(
                f"{low:>6.1f}-{low + 0.2:<5.1f} {here.sum():>10} {p[here].mean():>7.2f}"
                f" {seen[here].mean():>12.2f}"
            )


def print_speed(formulas: list[str], radii: str) -> None:
    rng = np.random.default_rng(0)
    n = 1_000_000
    r_a, r_b, r_x = rng.uniform(1.4, 2.8, n), rng.uniform(0.5, 1.3, n), rng.uniform(1.3, 2.2, n)
    best = min(_timed(lambda: qs.tolerance_arrays(r_a, r_b, r_x, 1.0)) for _ in range(5))
    print(f"\nspeed, one core, best of 5: {n / best / 1e6:.1f} million compositions a second from arrays")
    pattern = "FA(x)MA(y)Cs(1-x-y)Pb(I(z)Br(1-z))3"
    size = len(qs.enumerate_compositions(pattern, step=0.01))
    best = min(_timed(lambda: qs.enumerate_compositions(pattern, step=0.01)) for _ in range(3))
    print(
        f"  {size / best / 1e6:.2f} million a second for {pattern} on a grid"
        f" ({size} compositions, {best:.2f} s)"
    )
    seconds = _timed(lambda: qs.screen_formulas(formulas, radii=radii))
    print(f"  {len(formulas) / seconds:.0f} formulas a second from text, each with verdicts and sources")


def _timed(call: object) -> float:
    start = time.perf_counter()
    call()  # type: ignore[operator]
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--formula", help="column of the formulas")
    parser.add_argument("--label", help="column of the labels")
    parser.add_argument("--radii", default=RADII, help="radii sets")
    asked = parser.parse_args()
    labelled = read(asked.file, asked.formula, asked.label)
    results = qs.screen_formulas([formula for formula, _ in labelled], radii=asked.radii)
    judged = [
        (row, yes) for row, (_, yes) in zip(results, labelled, strict=True) if isinstance(row, Composition)
    ]
    if not judged:
        raise SystemExit("no formula could be judged")
    rows = [row for row, _ in judged]
    truth = np.array([yes for _, yes in judged])
    print(
        f"{asked.file.name}: {len(labelled)} compounds, {len(judged)} judged ({truth.sum()} perovskites),"
        f" radii {asked.radii!r}"
    )
    for refusal in (row for row in results if not isinstance(row, Composition)):
        print(f"  refused: {refusal.reason}")
    print_rules(rows, truth)
    print_calibration(rows, truth)
    print_speed([formula for formula, _ in labelled], asked.radii)


if __name__ == "__main__":
    main()
