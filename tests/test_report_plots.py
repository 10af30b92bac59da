"""Figures: what is drawn is what the numbers say; same input, same bytes; what cannot be drawn is refused."""

from __future__ import annotations

import json
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pages import campaign
from typer.testing import CliRunner

import qdsurf as qs
from qdsurf.cli.commands import app
from qdsurf.energy.coverage import CoveragePoint
from qdsurf.errors import AskError, MissingExtra
from qdsurf.model import Energy, Reaction
from qdsurf.report import (
    composition_map,
    coverage_plot,
    energies_plot,
    energy_diagram,
    hsab_plot,
    plots,
    tier_correlation,
    write_json,
)

REACTION = Reaction(
    name="adsorption", equation="S + L -> SL", stoichiometry={"surface": -1, "ligand": -2, "both": 1}
)


def energy(value: float) -> Energy:
    terms = {"surface": -10.0, "ligand": -5.0, "both": -20.0 + value}
    return Energy(value=value, uncertainty=0.1, reaction=REACTION, terms=terms, method="emt", converged=True)


def points() -> list[CoveragePoint]:
    return [
        CoveragePoint(ligands=k, coverage=k / 4, energy=energy(-1.0 + 0.1 * k), differential=-1.0 + 0.2 * k)
        for k in (1, 2, 3)
    ] + [CoveragePoint(ligands=4, coverage=1.0, energy=None, differential=None, cause="no room")]


def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Figures, caught on their way to the file."""
    caught: list[Any] = []
    monkeypatch.setattr(plots, "write_figure", lambda figure, path: caught.append(figure) or Path(path))
    return caught


def heights(figure: Any) -> set[float]:
    """Where the horizontal lines of a figure are."""
    return {
        round(float(path.vertices[0][1]), 6)
        for collection in figure.axes[0].collections
        for path in collection.get_paths()
        if len(path.vertices) == 2 and path.vertices[0][1] == path.vertices[1][1]
    }


def test_levels_are_sums_of_terms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    caught = drawn(monkeypatch)
    # the value is not what is drawn: the terms are
    wrong = replace(energy(-0.5), value=9.0)
    energy_diagram({"one": energy(-0.25), "other": wrong}, tmp_path / "a.svg")
    assert {0.0, -0.25, -0.5} <= heights(caught[0])
    words = {text.get_text() for text in caught[0].axes[0].texts}
    assert "surface + 2 ligand" in words
    assert "one  -0.25 ± 0.10 eV" in words


def test_energies_without_a_common_zero_are_refused(tmp_path: Path) -> None:
    other = replace(energy(-1), reaction=replace(REACTION, name="acid exchange"))
    with pytest.raises(AskError, match="common zero: acid exchange with emt; adsorption with emt"):
        energy_diagram({"a": energy(-1), "b": other}, tmp_path / "a.svg")
    with pytest.raises(AskError, match="common zero"):
        energy_diagram({"a": energy(-1), "b": replace(energy(-1), method="chgnet")}, tmp_path / "a.svg")
    with pytest.raises(AskError, match="no energy"):
        energy_diagram({}, tmp_path / "a.svg")


def test_coverage_shows_means_differences_and_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught = drawn(monkeypatch)
    coverage_plot({"formate": points()}, tmp_path / "a.svg")
    lines = {line.get_marker(): line.get_xydata().round(6).tolist() for line in caught[0].axes[0].lines}
    assert lines["o"] == [[25.0, -0.9], [50.0, -0.8], [75.0, -0.7]]
    assert lines["s"] == [[25.0, -0.8], [50.0, -0.6], [75.0, -0.4]]
    assert lines["x"] == [[100.0, 0.0]]
    with pytest.raises(AskError, match="no room"):
        coverage_plot(points()[3:], tmp_path / "a.svg")


def test_tiers_meet_pair_by_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    caught = drawn(monkeypatch)
    rows, _ = campaign(20)
    dear = [
        {**row, "method": "pbe", "energy_eV": None if row["energy_eV"] is None else row["energy_eV"] + 0.5}
        for row in reversed(rows)
    ]
    tier_correlation(rows, dear, tmp_path / "a.svg")
    known = sum(row["energy_eV"] is not None for row in rows)
    title = caught[0].axes[0].get_title(loc="left")
    assert title.startswith(f"{known} pairs, mean difference +0.50 eV, root mean square 0.50 eV")
    assert "correlation 1.00" in title
    assert caught[0].axes[0].get_ylabel() == "E(pbe) / eV per ligand"
    elsewhere = [{**row, "surface": "PbS(100)"} for row in dear]
    with pytest.raises(AskError, match="0 pairs"):
        tier_correlation(rows, elsewhere, tmp_path / "a.svg")


@pytest.mark.parametrize("ending", ["svg", "pdf", "png"])
def test_files_and_bytes(tmp_path: Path, ending: str) -> None:
    rows, _ = campaign(12)
    found = qs.hsab(["I-", "F-", "NH3"], "Pb2+", method=None)
    makers = {
        "diagram": lambda path: energy_diagram(energy(-0.5), path),
        "coverage": lambda path: coverage_plot(points(), path),
        "tiers": lambda path: tier_correlation(rows, rows, path),
        "energies": lambda path: energies_plot(rows, path),
        "hsab": lambda path: hsab_plot(found, path),
        "map": lambda path: composition_map(qs.tolerance(["CsPbBr3", "MAPbI3"]), path),
    }
    start = {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}[ending]
    for name, make in makers.items():
        one, other = (make(tmp_path / f"{name}{k}.{ending}").read_bytes() for k in (1, 2))
        assert one.startswith(start)
        assert one == other, name
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_names_of_users_stay_names(tmp_path: Path) -> None:
    rows, _ = campaign(3)
    evil = [{**row, "ligand": "a$\\frac{$ <b>&"} for row in rows]
    text = energies_plot(evil, tmp_path / "a.svg").read_text()
    assert "<b>" not in text
    assert re.search(r"a\$\\frac\{\$ &lt;b&gt;&amp;", text)  # the comment above its shapes


def test_what_cannot_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AskError, match=r"\.png, \.svg, \.pdf"):
        energy_diagram(energy(-1), tmp_path / "a.gif")
    with pytest.raises(AskError, match="does not exist"):
        coverage_plot(points(), tmp_path / "none" / "a.svg")
    with pytest.raises(AskError, match="no row has an energy"):
        energies_plot([], tmp_path / "a.svg")
    with pytest.raises(AskError, match="no donor"):
        hsab_plot([], tmp_path / "a.svg")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match="report"):
        energy_diagram(energy(-1), tmp_path / "a.svg")
    assert list(tmp_path.iterdir()) == []


def test_names_do_not_lie_on_each_other() -> None:
    from qdsurf.report.drawing import name_points, new_figure

    figure = new_figure("a test", 5, 4)
    axis = figure.subplots()
    marks = [(0.01 * k, 0.5, f"ligand {k}") for k in range(6)] + [(1.0, 1.0, "far"), (-1.0, 0.0, "left")]
    axis.plot([x for x, _, _ in marks], [y for _, y, _ in marks], "o")
    name_points(axis, marks)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axis.texts]
    pairs = [(a, b) for k, a in enumerate(boxes) for b in boxes[:k]]
    assert not any(a.overlaps(b) for a, b in pairs)


# --- command line ---------------------------------------------------------------------------------

STRUCTURES = (
    "slab", "dot", "alloy", "vacancies", "substitute", "adatoms", "attach", "validate", "show", "bind",
    "vacancy",
)  # fmt: skip


@pytest.mark.parametrize("verb", STRUCTURES)
def test_every_verb_with_a_structure_draws_it(verb: str) -> None:
    from typer.main import get_command

    options = {o for p in get_command(app).commands[verb].params for o in p.opts}  # type: ignore[attr-defined]
    assert "--png" in options


@pytest.mark.parametrize("name", ["acetate", "CsPbBr3-cubic", "PbS-100"])
def test_show_draws_what_is_on_the_shelves(tmp_path: Path, name: str) -> None:
    result = CliRunner().invoke(app, ["show", name, "--png", str(tmp_path / "a.svg")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "a.svg").read_text().count("<path") > 10


@pytest.fixture(scope="module")
def platinum(tmp_path_factory: pytest.TempPathFactory) -> str:
    slab = qs.cut_slab(qs.load_crystal("Pt"), "111", layers=2, repeat=(2, 2))
    return str(qs.write_structure(slab, tmp_path_factory.mktemp("slab") / "pt.extxyz"))


FIGURES = {
    "coverage": 'coverage {slab} N --method emt --counts 1,2 --steps 3 --figure "{figure}" --json',
    "hsab": 'hsab F- I- acetate --on Pb2+ --method none --figure "{figure}" --json',
    "rank": 'rank acetate thiocyanate octylamine --on Pb2+ --figure "{figure}" --json',
    "compositions": 'compositions CsPbI3 MAPbI3 --figure "{figure}" --json',
}


@pytest.mark.parametrize("verb", FIGURES)
@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_verb_that_has_the_numbers_draws_them(
    verb: str, ending: str, tmp_path: Path, platinum: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = tmp_path / f"a.{ending}"
    words = shlex.split(FIGURES[verb].format(slab=platinum, figure=figure))
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert figure.read_bytes().startswith({"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}[ending])
    assert json.loads(result.stdout)
    if ending == "svg":
        refused = CliRunner().invoke(app, [word.replace(".svg", ".gif") for word in words])
        assert isinstance(refused.exception, AskError), (
            "a wrong ending is refused before anything is computed"
        )
        assert refused.stdout == ""


def test_a_coverage_curve_on_the_command_line(platinum: str) -> None:
    words = ["coverage", platinum, "N", "--method", "emt", "--steps", "3", "--counts"]
    shown = CliRunner().invoke(app, [*words, "1,2"])
    for text in ("25%", "50%", "adsorption", "emt"):
        assert text in shown.output
    found = json.loads(CliRunner().invoke(app, [*words, "1,2", "--json"]).stdout)["N"]
    assert [point["ligands"] for point in found] == [1, 2]
    first, second = (point["energy"]["value"] for point in found)
    assert found[1]["differential"] == pytest.approx(2 * second - first)
    for counts, named in (("1,x", "such as 1,2,4"), ("2,1", "ascending"), ("99", "4 sites")):
        refused = CliRunner().invoke(app, [*words, counts])
        assert isinstance(refused.exception, AskError)
        assert named in str(refused.exception)


def test_report_draws_energies_and_compares_methods(tmp_path: Path) -> None:
    rows, _ = campaign(12)
    for folder, method in (("cheap", "emt"), ("dear", "pbe")):
        write_json([{**row, "method": method} for row in rows], tmp_path / folder / "table.json")
    cheap, dear, figure = (str(tmp_path / name) for name in ("cheap", "dear", "a.svg"))
    for more in ([], ["--compare", dear]):
        result = CliRunner().invoke(app, ["report", cheap, "--figure", figure, *more, "--json"])
        assert result.exit_code == 0, result.output
        assert json.loads(result.output) == {"figure": figure}
    assert "E(pbe)" in Path(figure).read_text()
    assert CliRunner().invoke(app, ["report", cheap, "--compare", dear]).exit_code != 0
