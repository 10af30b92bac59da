"""What the page shows of a structure: the viewer, and panels of facts, rankings, recipes and downloads."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from qdsurf.studio.asking import DownloadPanel, RankingPanel, TolerancePanel
from qdsurf.studio.forms import Form
from qdsurf.studio.widgets import table, words


class Results:
    """Viewer and panels of one tab.

    Parameters
    ----------
    ask
        Gives a piece of work to a process and waits for the answer.
    """

    def __init__(self, ask: Callable[..., Awaitable[dict[str, Any]]]) -> None:
        self.made: dict[str, Any] = {}
        with ui.element("div").classes("card seen"):
            self.facts = ui.element("div").classes("facts")
            ui.element("div").props("id=viewer role=img aria-label='The structure in three dimensions'")
            with ui.element("div").classes("under"):
                ui.element("span").props("id=legend")
                ui.element("span").props("id=viewer-words")
                for label, call in (
                    ("Front", "look(0, 0, 0)"),
                    ("Top", "look(1, 0, 90)"),
                    ("Hydrogens", "toggleHydrogens()"),
                ):
                    ui.button(label, on_click=lambda call=call: ui.run_javascript(f"qdsurf.{call}")).props(
                        "flat dense no-caps size=sm"
                    )
        with ui.element("div").classes("card panel"):
            with ui.tabs(on_change=self._opened).props(
                "dense no-caps align=left outside-arrows mobile-arrows"
            ) as tabs:
                names = (
                    "Charge",
                    "Contacts",
                    "Ligands",
                    "HSAB",
                    "Tolerance",
                    "Recipe",
                    "Download",
                )
                made = [ui.tab(name) for name in names]
            with ui.tab_panels(tabs, value=made[0], animated=False, keep_alive=True).classes("w-full"):
                self.panels = {}
                for name, tab in zip(names, made, strict=True):
                    with ui.tab_panel(tab):
                        self.panels[name] = ui.element("div")
        with self.panels["HSAB"]:
            self.ranking = RankingPanel(ask)
        with self.panels["Tolerance"]:
            self.tolerance = TolerancePanel(ask)
        with self.panels["Download"]:
            self.download = DownloadPanel(ask)

    async def _opened(self, event: Any) -> None:
        """Fill a panel that is filled when it is first looked at."""
        if event.value == "HSAB":
            await self.ranking.open()
        elif event.value == "Tolerance":
            await self.tolerance.open()

    def show(self, form: Form, made: dict[str, Any]) -> None:
        """Show what was made of *form*."""
        self.made = made
        ui.run_javascript(f"qdsurf.show({json.dumps(made['drawing'])})", timeout=60)
        self._facts()
        self._charge()
        self._contacts()
        self._ligands()
        self._recipe()
        self.ranking.reset(form, made["bare"])
        self.tolerance.reset(form.crystal.split("-")[0])
        self.download.reset(form, made)

    def _facts(self) -> None:
        self.facts.clear()
        made = self.made
        with self.facts:
            ui.label(made["name"]).classes("name")
            ui.label(f"{made['atoms']} atoms").classes("chip")
            charge = made["charge"]
            text = "neutral" if not charge else f"charge {charge:+d}".replace("-", "−")
            ui.label(text).classes(f"chip {'bad' if charge else 'good'}")
            overlap = made["overlap"]
            ui.label("atoms overlap" if overlap else "no overlap").classes(
                f"chip {'bad' if overlap else 'good'}"
            )
            errors = sum(row["level"] == "error" for row in made["findings"])
            warnings = sum(row["level"] == "warning" for row in made["findings"])
            for number, word in ((errors, "error"), (warnings, "warning")):
                if number:
                    ui.label(f"{number} {word}{'s' * (number != 1)}").classes("chip bad")

    def _charge(self) -> None:
        panel, made = self.panels["Charge"], self.made
        panel.clear()
        with panel:
            with ui.element("div").classes("two"):
                with ui.element("div"):
                    words("h2", "Ion ledger")
                    table(
                        made["ledger"],
                        {"species": "ion or molecule", "charge": "charge", "count": "number", "sum": "sum"},
                    )
                with ui.element("div"):
                    words("h2", "Facets")
                    table(
                        made["facets"],
                        {"facet": "facet", "ended by": "ended by", "area": "area, nm²", "share": "of all"},
                    )
            words("h2", "Places where ligands can bind, before they do")
            table(made["room"], {"place": "place", "sites": "sites", "for": "takes"})
            ui.label(made["crystal"]).classes("hint")

    def _contacts(self) -> None:
        panel, made = self.panels["Contacts"], self.made
        panel.clear()
        with panel:
            words("p", made["contact"])
            if made["density"]:
                words("h2", "Grafting density")
                table(
                    made["density"],
                    {
                        "ligand": "ligand",
                        "bound": "bound",
                        "top / bottom": "top / bottom",
                        "density": "per nm² of all faces",
                        "asked": "asked for",
                    },
                )
            words("h2", "What a check of the finished structure says")
            table(made["findings"], {"level": "", "code": "about", "message": "finding"})

    def _ligands(self) -> None:
        panel, rows = self.panels["Ligands"], self.made["ligands"]
        panel.clear()
        with panel:
            if not rows:
                words("p", "No ligand is bound yet: add one on the left.")
                return
            table(
                rows,
                {
                    "ligand": "ligand",
                    "class": "class",
                    "charge": "charge",
                    "binds by": "binds by",
                    "takes": "takes",
                    "length": "length, Å",
                    "footprint": "footprint, Å²",
                    "why": "why",
                },
            )
            ui.label(
                "Class: covalent bond classification. L gives two electrons to the bond, X one, Z none. "
                "Lengths and footprints are those of the stretched molecule."
            ).classes("hint")

    def _recipe(self) -> None:
        panel, made = self.panels["Recipe"], self.made
        panel.clear()
        with panel:
            words("p", "The same structure without this page, to keep, to change, or to put into a script.")
            for title, key in (("In Python", "python"), ("At the command line", "commands")):
                with ui.element("div").classes("row-line").style("align-items:baseline"):
                    words("h2", title)
                    ui.button("Copy", on_click=lambda key=key: ui.clipboard.write(self.made[key])).props(
                        "flat dense no-caps size=sm"
                    )
                words("pre", made[key]).classes("lines").props(f"data-recipe={key}")
