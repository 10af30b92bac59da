"""Accuracy of the methods against relaxed PBE-D3: the references, their error bar, and docs/accuracy.md.

Commands:

- plan: write starting geometries and reactions of the queue (benchmarks/references/queue.toml)
- prepare: pre-relax the states with SevenNet-0; references does it where it was not done
- references [--until 12:40] [--quick]: relax with CP2K what is missing; may be stopped at any time
- checks [--until 12:40] [--only acetate]: repeat one reaction of each class with other settings
- evaluate [--only chgnet]: compute every finished state with every method that runs here
- presets: write the errors of the table into calculators/*.toml
- table [--write --machine "..."]: print the table from the files, or write it into docs/accuracy.md

"""

from __future__ import annotations

import argparse
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from accuracy_checks import check_lines, make_checks
from accuracy_corrections import correction_lines, make_hidden
from accuracy_orders import order_lines
from accuracy_presets import write_presets
from accuracy_table import block, evaluate, made, reference_rows
from reference_states import HERE, POTENTIAL, make_plans, make_references, prepare

PAGE = Path(__file__).parents[1] / "docs" / "accuracy.md"
FIRST, LAST = "<!-- made by benchmarks/accuracy.py -->", "<!-- end -->"
ORDERS = "<!-- orders -->", "<!-- end of orders -->"


def page_block(folder: Path = HERE) -> str:
    """Return what stands between the marks of the page, from the files alone."""
    repeated = check_lines(reference_rows(folder), folder)
    lines = [
        "",
        "**The reference repeated at the same geometries, eV**",
        "",
        "| class | reaction | repeated with | reference | repeated | change |",
        "|---|---|---|---:|---:|---:|",
        *repeated,
    ]
    corrected = [
        "",
        "**Corrections: mean absolute and centred error, eV**",
        "",
        "| method | geometry | correction | numbers | n | fitted | centred | ligand left out | centred "
        "| surface left out | centred |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        *correction_lines(folder),
    ]
    words = lines if repeated else ["", "No reaction was repeated yet."]
    return "\n".join([block(folder), *words, *corrected])


def order_block(folder: Path = HERE) -> str:
    """Return the table of the published orders."""
    head = "| ids | published order | gap, eV | model | method | first, eV | second, eV | here |"
    return "\n".join([head, "|---|---|---:|---|---|---|---|---|", *order_lines(folder)])


def write_page(machine: str) -> None:
    """Write date and machine, then the block into the page."""
    if machine:
        note = made(machine, datetime.now(UTC).date().isoformat())
        (HERE / "made.json").write_text(json.dumps(note, indent=1) + "\n")
    text = PAGE.read_text(encoding="utf-8")
    for first, last, inside in ((FIRST, LAST, page_block()), (*ORDERS, order_block())):
        before, rest = text.split(first, 1)
        text = f"{before}{first}\n{inside}\n{last}{rest.split(last, 1)[1]}"
    part = PAGE.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, PAGE)


def deadline(until: str) -> float:
    """Return *until*, "HH:MM" UTC of today, in seconds since the epoch; "" is a year from now."""
    if not until:
        return time.time() + 3.15e7
    hour, minute = map(int, until.split(":"))
    return datetime.now(UTC).replace(hour=hour, minute=minute, second=0).timestamp()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "command", choices=["plan", "prepare", "references", "checks", "evaluate", "table", "presets"]
    )
    parser.add_argument("--until", default="", help="HH:MM UTC of today at which CP2K stops")
    parser.add_argument("--quick", action="store_true", help="of references: one geometry for each state")
    parser.add_argument(
        "--only",
        default="",
        help="part of a name: of a state, a reaction (checks), a method (evaluate)",
    )
    parser.add_argument("--variant", default="", help="of checks: part of the name of the other settings")
    parser.add_argument("--write", action="store_true", help="write docs/accuracy.md")
    parser.add_argument("--machine", default="", help="where it was made; empty keeps machine and date")
    asked = parser.parse_args()
    if asked.command == "plan":
        make_plans()
    elif asked.command == "prepare":
        prepare()
    elif asked.command == "references":
        make_references(deadline(asked.until), quick=asked.quick, only=asked.only)
    elif asked.command == "checks":
        make_checks(deadline(asked.until), asked.only, asked.variant)
    elif asked.command == "evaluate":
        evaluate(asked.only)
        if asked.only in POTENTIAL:
            make_hidden()
    elif asked.command == "presets":
        write_presets()
    elif asked.write:
        write_page(asked.machine)
    else:
        print(page_block())


if __name__ == "__main__":
    main()
