"""Verbs of campaigns: many energies, their state, their page, and the methods that can run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qdsurf.cli.app import Json, app
from qdsurf.cli.show import as_json, print_table, say

if TYPE_CHECKING:
    from qdsurf.campaign import Campaign

# A terminal shows no more rows than this; the files have all.
TABLE_ROWS = 200


Engine = Annotated[
    str | None, typer.Option(help="local, dask, parsl or slurm, in place of that of the file.")
]
Workers = Annotated[int | None, typer.Option(help="Processes, or batch jobs at a time.")]
Place = Annotated[str, typer.Argument(help="Folder of a campaign, its store, or the URL of a database.")]
Name = Annotated[str | None, typer.Option(help="Which campaign, where a database holds several.")]


@app.command()
def screen(
    campaign: Annotated[Path | None, typer.Argument(help="Campaign file (TOML).")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder; runs/<name> if left out.")
    ] = None,
    workers: Workers = None,
    engine: Engine = None,
    store: Annotated[str | None, typer.Option(help="URL of a PostgreSQL database for the results.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count the pairs, estimate the time, compute nothing.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of campaign files.")
    ] = False,
    json: Json = False,
) -> None:
    """Rank the ligands of a campaign file; started again, it goes on where it was.

    Example: qdsurf screen examples/screen/cspbbr3.toml --dry-run
    """
    from qdsurf.campaign import campaign_schema, load_campaign
    from qdsurf.errors import AskError

    if schema:
        as_json(campaign_schema())
        return
    if campaign is None:
        raise AskError("name a campaign file, such as examples/screen/cspbbr3.toml")
    loaded = load_campaign(campaign)
    if dry_run:
        _dry_run(loaded, output, json)
        return
    _screen(loaded, json, output=output, workers=workers, engine=engine, store=store)


def _dry_run(campaign: Campaign, output: Path | None, json: bool) -> None:
    """Print what *campaign* would take."""
    from qdsurf.campaign import estimate

    found = estimate(campaign, output=output)
    if json:
        as_json(found)
        return
    for tier in found:
        took = "unknown" if tier.seconds is None else _time(tier.seconds)
        say(f"{tier.tier}: {tier.pairs} pairs on {tier.surfaces} surfaces with {tier.method}")
        say(f"  time: {took} ({tier.basis})")


def _time(seconds: float) -> str:
    """Return a time in the unit that suits it.

    >>> _time(5400)
    '1.5 h'
    """
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length or (unit == "h" and seconds >= length):
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def _screen(campaign: Campaign, json: bool, **settings: Any) -> None:
    """Run *campaign*, print its rows, and say where the page is."""
    from qdsurf.campaign import screen as run
    from qdsurf.campaign.run import folder_of
    from qdsurf.cli.show import progress_bar
    from qdsurf.report.table import terminal_table

    folder = folder_of(campaign, settings["output"])
    with progress_bar() as progress:
        rows = run(campaign, progress=progress, **settings)
    if json:
        as_json(rows)
    else:
        print_table(terminal_table(rows[:TABLE_ROWS]))
        if len(rows) > TABLE_ROWS:
            say(f"the first {TABLE_ROWS} of {len(rows)} rows; all are in {folder / 'table.csv'}", error=True)
        say(f"page: {folder / 'report.html'}", error=True)
    failed = sum(r["status"] != "done" for r in rows)
    if failed:
        where = settings.get("store") or folder
        say(f"{failed} pairs failed; qdsurf retry {where} tries them again", error=True)
        raise typer.Exit(1)


@app.command()
def status(place: Place, name: Name = None, json: Json = False) -> None:
    """Say how far a campaign is: done, failed and why, running, to do.

    Example: qdsurf status runs/cspbbr3
    """
    from qdsurf.campaign.status import lines
    from qdsurf.campaign.status import status as look

    found = look(place, name=name)
    if json:
        as_json({**asdict(found), "finished": found.finished})
        return
    for line in lines(found):
        say(line)


@app.command()
def resume(
    place: Place, workers: Workers = None, engine: Engine = None, name: Name = None, json: Json = False
) -> None:
    """Go on with a campaign that was stopped.

    Example: qdsurf resume runs/cspbbr3
    """
    from qdsurf.campaign import reopen

    campaign, settings = reopen(place, name=name)
    _screen(campaign, json, **settings, workers=workers, engine=engine)


@app.command()
def retry(
    place: Place,
    cause: Annotated[str, typer.Option(help="Only pairs whose cause of failure contains this.")] = "",
    workers: Workers = None,
    engine: Engine = None,
    name: Name = None,
    json: Json = False,
) -> None:
    """Try the pairs of a campaign that failed again.

    Example: qdsurf retry runs/cspbbr3 --cause TimeLimit
    """
    from qdsurf.campaign import reopen

    campaign, settings = reopen(place, name=name)
    _screen(campaign, json, **settings, workers=workers, engine=engine, retry=True, cause=cause)


@app.command()
def results(
    place: Place,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help=".db, .extxyz, .csv, .jsonl or .parquet.")
    ] = None,
    read: Annotated[
        Path | None, typer.Option(help="File of results to take in: .db, .extxyz, .jsonl or .parquet.")
    ] = None,
    log: Annotated[str | None, typer.Option(help="Print the log of the row with this key.")] = None,
    json: Json = False,
) -> None:
    """Take results out of a campaign's store, or into it.

    Example: qdsurf results runs/cspbbr3 -o results.db
    """
    from qdsurf.campaign.status import find_store
    from qdsurf.errors import AskError
    from qdsurf.store import Store
    from qdsurf.store.exchange import export_rows, import_rows

    if output is None and read is None and log is None:
        raise AskError("say what to do: -o FILE, --read FILE or --log KEY")
    with Store(find_store(place)) as store:
        done: dict[str, Any] = {}
        if read is not None:
            done["read"] = import_rows(store, read)
        if output is not None:
            done["written"] = export_rows(store, output)
        if log is not None:
            if not store.status(log):
                raise AskError(f"{place} has no row {log!r}")
            done["log"] = store.log(log) or ""
    if json:
        as_json(done)
    else:
        print_table(done) if log is None else say(done["log"])


@app.command()
def report(
    table: Annotated[Path, typer.Argument(help="table.json of a campaign, or its folder.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Page to write.")] = Path("report.html"),
    figure: Annotated[
        Path | None, typer.Option(help="Draw the energies instead: .png, .svg or .pdf.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(help="Table of another method, or its folder: --figure shows both.")
    ] = None,
    json: Json = False,
) -> None:
    """Write the page of a campaign again, or draw its energies, or those of two methods.

    Example: qdsurf report runs/cspbbr3 -o page.html
    """
    from qdsurf.errors import AskError
    from qdsurf.report import energies_plot, tier_correlation, write_report
    from qdsurf.report.table import read_rows

    if figure is None:
        if compare is not None:
            raise AskError("--compare draws two tables against each other: name the file with --figure")
        kind, path = "page", write_report(table, output)
    elif compare is None:
        kind, path = "figure", energies_plot(read_rows(table), figure)
    else:
        kind, path = "figure", tier_correlation(read_rows(table), read_rows(compare), figure)
    if json:
        as_json({kind: str(path)})
        return
    say(f"{kind}: {path}", error=True)
