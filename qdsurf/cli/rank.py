"""Verbs of ranking: what can be said before anything is built."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qdsurf.cli.app import Json, Output, app
from qdsurf.cli.show import as_json, print_table, say

if TYPE_CHECKING:
    from qdsurf.rank.compositions import Composition, Refusal
    from qdsurf.rank.ligand_ranking import RankedLigand
    from qdsurf.rank.presets import Preset
    from qdsurf.rank.sites import SiteIon
    from qdsurf.rank.windows import Rule

_FAILURES = 10  # rows that failed, on the screen; the file has all
_SHOWN = 20  # rows of an alloy space on the screen; the file has all
_ONLY_IN_FILES = ("spread_a_A", "spread_b_A", "spread_x_A")


@app.command()
def compositions(
    formulas: Annotated[list[str] | None, typer.Argument(help="Such as CsPbI3 MAPbI3 Cs2AgBiBr6.")] = None,
    file: Annotated[Path | None, typer.Option(help="One formula a line, or a CSV with 'formula'.")] = None,
    pattern: Annotated[
        str | None, typer.Option("--enumerate", help="Such as 'FA(x)Cs(1-x)Pb(I(z)Br(1-z))3'.")
    ] = None,
    step: Annotated[float, typer.Option(help="Step of each variable of the pattern.")] = 0.1,
    radii: Annotated[str, typer.Option(help="Radii set, or several joined by +.")] = "shannon",
    figure: Annotated[
        Path | None, typer.Option("--figure", "--png", help="Figure to write: .png, .svg or .pdf.")
    ] = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Judge compositions by t, mu and tau, with every radius, verdict and its known accuracy.

    Example: qdsurf compositions CsPbI3 MAPbI3 Cs2AgBiBr6 -o table.csv
    """
    from qdsurf.errors import AskError

    if output is not None and output.suffix.lower() != ".csv":
        raise AskError(f"{output.name!r}: the table is written as .csv (or printed with --json)")
    if pattern is not None:
        if formulas or file:
            raise AskError("either formulas or --enumerate, not both")
        _enumerate(pattern, step, radii, figure, output, json)
        return
    from qdsurf.rank.compositions import Composition, screen_formulas
    from qdsurf.rank.tables import as_record, read_formulas, write_csv

    names = [*(formulas or []), *(read_formulas(file) if file else [])]
    if not names:
        raise AskError("no formula: give some, or --file, or --enumerate")
    rows = screen_formulas(names, radii=radii)
    judged = [row for row in rows if isinstance(row, Composition)]
    if output is not None:
        write_csv((row.as_row() for row in rows), output)
    if figure is not None:
        from qdsurf.rank.maps import write_plane

        write_plane(judged, figure)
    as_json([as_record(row) for row in rows]) if json else _print_compositions(rows)
    if len(judged) < len(rows):
        raise typer.Exit(1 if judged else 2)


def _print_compositions(rows: Sequence[Composition | Refusal]) -> None:
    """Print the table, then what stands behind it."""
    from rich.table import Column, Table

    from qdsurf.rank.compositions import Composition, Refusal

    judged = [row for row in rows if isinstance(row, Composition)]
    if judged:
        rules = [verdict.rule for verdict in judged[0].verdicts]
        table = Table(
            Column("formula", no_wrap=True),
            *["t", "mu", "tau", "P", *[rule.name for rule in rules], "expected"],
        )
        word = {True: "yes", False: "no", None: "-"}
        for row in judged:
            table.add_row(
                row.formula, *[f"{value:.3f}" for value in (row.t, row.mu, row.tau)],
                f"{row.p_perovskite:.2f}",
                *[word[verdict.passes] for verdict in row.verdicts], row.distortion,
            )  # fmt: skip
        print_table(table)
        say("rules, and the share of labelled compounds for which they are right:")
        for rule in rules:
            say(f"  {rule.name}: {rule}, {rule.says}; {rule.accuracy}; {rule.source}")
        _print_measured_on(rules)
    for row in judged:
        say(f"{row.formula}: radii {row.radii_set}")
        for ion in row.radii:
            say(f"  {ion}")
        for site, spread in row.spread.items():
            if spread:
                say(f"  spread on {site}: {spread:.3f} Å")
        for text in (*row.notes, *row.contradictions):
            say(f"  {text}")
    _print_sources(ion for row in judged for ion in row.radii)
    for refused in (row for row in rows if isinstance(row, Refusal)):
        named = "" if refused.formula in refused.reason else f"{refused.formula}: "
        say(f"refused: {named}{refused.reason}", error=True)


def _enumerate(
    pattern: str, step: float, radii: str, figure: Path | None, output: Path | None, json: bool
) -> None:
    """Write and print an alloy space."""
    from rich.table import Column, Table

    from qdsurf.rank.enumeration import enumerate_compositions
    from qdsurf.rank.tables import write_csv
    from qdsurf.rank.windows import choose_rules

    space = enumerate_compositions(pattern, step=step, radii=radii)
    if output is not None:
        write_csv(space.rows(), output)
    if figure is not None:
        from qdsurf.rank.maps import write_map

        write_map(space, figure)
    if json:
        as_json(list(space.rows()))
        return
    shown: list[dict[str, Any]] = list(islice(space.rows(), _SHOWN))
    columns = [name for name in shown[0] if name not in ("formula", *_ONLY_IN_FILES)]
    table = Table(Column("formula", no_wrap=True), *columns)
    for row in shown:
        table.add_row(row["formula"], *["-" if row[name] is None else str(row[name]) for name in columns])
    print_table(table)
    if len(space) > _SHOWN:
        say(f"... {len(space) - _SHOWN} more; -o FILE.csv or --json gives all")
    left = ", ".join(f"{n} left out: {reason}" for reason, n in space.left_out.items())
    say(f"{len(space)} compositions{'; ' + left if left else ''}; radii {space.radii_set}")
    for ion in space.radii:
        say(f"  {ion.site}: {ion.radius}")
    for rule in choose_rules(None):
        inside = int(space.passes(rule.name).sum())
        say(f"  {rule.name}: {inside} inside ({rule}; right for {rule.accuracy}; {rule.source})")
    _print_measured_on(choose_rules(None))
    _print_sources(space.radii)


def _print_measured_on(rules: Iterable[Rule]) -> None:
    """Print on what the accuracies were measured."""
    for text in dict.fromkeys(rule.accuracy.measured_on for rule in rules if rule.accuracy):
        say(f"[accuracy] {text}")


def _print_sources(ions: Iterable[SiteIon]) -> None:
    """Print the source of each set of radii once."""
    for name, source in {ion.radius.set: ion.radius.source for ion in ions}.items():
        say(f"[{name}] {source}")


@app.command("rank")
def rank_(
    on: Annotated[str, typer.Option("--on", help='An acid such as "Pb2+", or a file with a surface.')],
    ligands: Annotated[
        list[str] | None, typer.Argument(help="Names on the shelf, or SMILES of the bound forms.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Ligands from .smi, .csv or .sdf; else the shelf.")
    ] = None,
    preset: Annotated[str, typer.Option(help="Name of a preset, or a TOML file.")] = "stable-passivation",
    electronic: Annotated[
        str | None, typer.Option(help="Method for Pearson's energy, such as gfn2-xtb.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder for computed values.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    first: Annotated[int, typer.Option(min=0, help="Rows to print.")] = 20,
    output: Annotated[
        list[Path] | None,
        typer.Option("-o", "--output", help="csv, json, html, png, svg, pdf; repeatable."),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option("--figure", help="Pareto front to draw: .png, .svg or .pdf.")
    ] = None,
    json: Json = False,
) -> None:
    """Rank ligands by terms that are all shown; failures are recorded.

    Example: qdsurf rank oleate octanoate thiocyanate "[I-]" --on "Pb2+" --preset stable-passivation
    """
    from qdsurf.library import list_shelf
    from qdsurf.rank.ligand_files import read_ligands
    from qdsurf.rank.ligand_ranking import rank_ligands
    from qdsurf.rank.presets import load_preset
    from qdsurf.report.drawing import check_figure
    from qdsurf.report.ranking import check_ending, write_ranking

    files = list(output or [])
    for path in files:
        check_ending(path)
    if figure is not None:
        files.append(check_figure(figure))
    target, label = _target(on)
    chosen = load_preset(preset)
    given: list[Any] = [*(ligands or []), *(read_ligands(file) if file else [])]
    rows = rank_ligands(
        given or list_shelf("ligands"),
        target,
        preset=chosen,
        electronic=electronic,
        cache=cache,
        workers=workers,
    )
    _print_ranking(rows, chosen, label, first, json)
    for path in files:
        write_ranking(rows, path, preset=chosen, target=label)
        say(f"wrote {path}", error=True)
    if any(row.error for row in rows):
        raise typer.Exit(1 if any(row.rank for row in rows) else 2)


def _print_ranking(rows: Sequence[RankedLigand], preset: Preset, target: str, first: int, json: bool) -> None:
    """Print the ranking, and what failed."""
    from qdsurf.report.ranking import ranking_rows, ranking_table

    ranked = [row for row in rows if row.rank is not None]
    failed = [row for row in rows if row.rank is None]
    if json:
        as_json(ranking_rows(rows))
    elif ranked:
        print_table(ranking_table(rows, preset, target, first))
        for row in ranked[:3]:
            say(f"{row.name}: " + "; ".join(row.reasons))
    for row in failed[:_FAILURES]:
        say(f"not ranked: {row.name or '(no name)'}: {row.error}", error=True)
    if len(failed) > _FAILURES:
        say(f"not ranked: {len(failed) - _FAILURES} more; --json or -o FILE.csv gives all", error=True)


def _target(on: str) -> tuple[Any, str]:
    """Return the surface of a file, or the name of an acid, with a label."""
    from qdsurf.errors import AskError

    if Path(on).suffix or Path(on).is_file():
        if Path(on).suffix.lower() not in (".extxyz", ".xyz"):
            raise AskError(
                f"{on!r}: a surface is read from the .extxyz that slab, dot or attach writes with -o"
            )
        from qdsurf.model.files import read_surface

        surface = read_surface(on)
        return surface, surface.name
    return on, on
