"""What the documentation site adds to the pages: reference, verbs, executed notebooks, examples, changelog.

MkDocs calls the functions named ``on_...`` while it builds (https://www.mkdocs.org/user-guide/configuration/#hooks).
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "examples" / "notebooks"
# rooms of the package in the order of the reference: (rooms, title)
ROOMS = {
    "crystals": (("crystals", "library", "errors"), "Crystals, shelves, errors"),
    "build": (("build",), "Slabs, dots, defects, alloys"),
    "ligands": (("ligands",), "Ligands"),
    "attachment": (("attachment",), "Shells"),
    "rank": (("rank",), "Compositions and ranking"),
    "energy": (("energy", "methods"), "Energies and methods"),
    "campaign": (("campaign", "store"), "Campaigns"),
    "exports": (("exports", "model"), "Files and exports"),
    "validation": (("validation",), "Checks"),
    "report": (("report",), "Pictures and pages"),
}


def public_names() -> dict[str, list[str]]:
    """Return the pages of the reference, by room, each with the full names of what is public there."""
    from qdsurf import _HOME, report

    pages: dict[str, list[str]] = {page: [] for page in ROOMS}
    where = {room: page for page, (rooms, _) in ROOMS.items() for room in rooms}
    for name, home in sorted(_HOME.items()):
        room = home.split(".")[1]
        # a room that has no place above gets a page of its own
        pages.setdefault(where.get(room, room), []).append(f"{home}.{name}")
    pages["report"] += [f"qdsurf.report.{name}" for name in report.__all__ if name not in _HOME]
    return pages


def reference() -> Iterator[tuple[str, str]]:
    """Yield (path, Markdown) of the reference pages: nouns, then verbs by room."""
    from qdsurf import model

    nouns = [n for n in model.__all__ if isinstance(getattr(model, n), type)]
    blocks = "\n\n".join(f"::: qdsurf.model.{noun}" for noun in nouns)
    yield (
        "reference/nouns.md",
        "# Nouns\n\nFrozen values that the verbs take and return. Å, eV, elementary charges, "
        f"degrees; densities in nm^-2.\n\n{blocks}\n",
    )
    for page, names in public_names().items():
        title = ROOMS[page][1] if page in ROOMS else page.capitalize()
        text = "\n\n".join(f"::: {name}" for name in names)
        yield f"reference/{page}.md", f"# {title}\n\n{text}\n"


def verbs() -> str:
    """Return the page with the help of every verb, as the command line prints it."""
    import typer
    from typer.testing import CliRunner

    from qdsurf.cli.commands import app

    os.environ["COLUMNS"] = "96"
    runner = CliRunner()
    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    for verb in typer.main.get_command(app).commands:  # type: ignore[attr-defined]
        found = runner.invoke(app, [verb, "--help"], prog_name="qdsurf")
        assert found.exit_code == 0, found.output
        text += f"\n### {verb}\n\n```text\n{found.stdout.strip()}\n```\n"
    return text


def execute(source: Path) -> Any:
    """Return the notebook of a py:percent file, executed in an empty folder; an error in a cell is raised."""
    import jupytext
    from nbclient import NotebookClient

    notebook = jupytext.read(source)
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    return notebook


def as_markdown(notebook: Any, name: str) -> tuple[str, dict[str, bytes]]:
    """Return the Markdown of an executed notebook, and its pictures by file name."""
    import base64

    lines, pictures = [], {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            lines.append(cell.source)
            continue
        lines.append(f"```python\n{cell.source}\n```")
        said = ""  # what is printed comes in several pieces
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                picture = f"{name}-{len(pictures) + 1}.png"
                pictures[picture] = base64.b64decode(data["image/png"])
                lines.append(f"![{name}, picture {len(pictures)}]({picture})")
            else:
                said += output.get("text", data.get("text/plain", ""))
        if said.strip():
            lines.append(f"```text\n{said.rstrip()}\n```")
    return "\n\n".join(lines) + "\n", pictures


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages that are made here into the navigation."""
    made = {
        "Reference": [path for path, _ in reference()],
        "Notebooks": [f"notebooks/{path.stem}.md" for path in sorted(NOTEBOOKS.glob("*.py"))],
    }
    for section in config.nav or []:
        section.update({title: made[title] for title in section if title in made})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made here, and the example files that pages link to."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for path, text in [*reference(), ("changelog.md", changelog)]:
        files.append(File.generated(config, path, content=text))
    files.remove(files.src_uris["command-line.md"])
    files.append(File.generated(config, "command-line.md", content=verbs()))
    for source in sorted(NOTEBOOKS.glob("*.py")):
        text, pictures = as_markdown(execute(source), source.stem)
        files.append(File.generated(config, f"notebooks/{source.stem}.md", content=text))
        for name, data in pictures.items():
            files.append(File.generated(config, f"notebooks/{name}", content=data))
    for path in sorted((ROOT / "examples").rglob("*.*")):
        if path.suffix in (".py", ".toml", ".smi"):
            place = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to files beside docs/ into links to their copies in the site."""
    up = "../" * page.file.src_uri.count("/")
    return re.sub(r"\]\(\.\./examples/", f"]({up}examples/", markdown)
