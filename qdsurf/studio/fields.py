"""The form on the page: widgets by the names of the fields of `Form`, and the sketcher."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from typing import Any

from nicegui import ui

from qdsurf.build.shapes import SHAPES
from qdsurf.library import list_shelf
from qdsurf.studio.forms import (
    FACES,
    KINDS,
    LONGEST_TEXT,
    MODES,
    MOST_LIGANDS,
    NEUTRALIZE,
    PATTERNS,
    RULES,
    SIDES,
    SIZES,
    UNITS,
    Form,
)
from qdsurf.studio.ligandcard import LigandCard
from qdsurf.studio.widgets import FIELD, words

Ask = Callable[..., Awaitable[dict[str, Any]]]
FIRST = "first neutral one"


class Fields:
    """The widgets of the form.

    Parameters
    ----------
    ask
        Gives a piece of work to a process and waits for the answer.
    most_atoms
        Atoms that a structure may have.
    """

    def __init__(self, ask: Ask, most_atoms: int) -> None:
        self.ask = ask
        self.most_atoms = most_atoms
        self.widgets: dict[str, Any] = {}
        self.cards: list[LigandCard] = []
        self.drawing: LigandCard | None = None
        self._crystal()
        self._slab()
        self._dot()
        self._vacancy()
        self._ligands()
        self._switch()

    def _crystal(self) -> None:
        words("h2", "Crystal")
        self._select("crystal", "Crystal of the shelf", list_shelf("bulk"), self._new_crystal, filter=True)
        self.source = ui.label().classes("hint")
        with ui.element("div").style("margin-top:.5rem"):
            self.widgets["kind"] = (
                ui.toggle(KINDS, value=Form().kind, on_change=self._switch)
                .props("spread no-caps unelevated toggle-color=primary color=grey-3 text-color=dark dense")
                .classes("w-full")
                .style("width:100%")
            )

    def _slab(self) -> None:
        self.slab = ui.element("div")
        with self.slab:
            words("h2", "Facet and slab")
            with ui.element("div").classes("pair"):
                self._input("hkl", "Facet (hkl)", self._new_facet)
                self._number("layers", "Layers", 1)
            self.facet_words = ui.label().classes("hint")
            self._select("termination", "Termination", {"": FIRST})
            with ui.element("div").classes("three"):
                self._number("repeat_a", "Repeat a", 1)
                self._number("repeat_b", "Repeat b", 1)
                self._number("vacuum", "Vacuum, Å", 5)
            self._select("compensate", "Compensate a polar facet", RULES)
            self._select("sides", "The two faces of the slab", SIDES)

    def _dot(self) -> None:
        self.dot = ui.element("div")
        with self.dot:
            words("h2", "Shape and size")
            self._select("shape", "Shape", list(SHAPES), self._new_shape)
            with ui.element("div").classes("pair"):
                self._select("size_by", "Size by", SIZES)
                self._input("size", "Size, or 4x4x2")
            self._input("facets", "Energies of facets, 100=1.0, 111=1.2")
            self._select("neutralize", "Make it neutral", NEUTRALIZE)
            with ui.element("div").classes("pair"):
                self._input("cut", "Ended by: CsBr")
                self._input("cap", "Capped with: I")

    def _vacancy(self) -> None:
        words("h2", "Vacancy")
        with ui.element("div").classes("pair"):
            self._select("vacancy", "Ion that leaves", {"": "none"}, self._new_vacancy)
            self._select("vacancy_compensate", "Its counter-ion", {"": "none leaves"})
        self.which = ui.element("div")
        with self.which:
            self._select("vacancy_row", "Kind of site", {1: "1. the outermost"})
            self._select("vacancy_faces", "Where", {"one": "one place", "both": "both faces of a slab alike"})
        self.which.visible = False

    def _ligands(self) -> None:
        words("h2", "Ligands")
        self.room = ui.label().classes("hint")
        self.list = ui.element("div").style("margin-top:.3rem")
        self.add_button = ui.button("Add a ligand", icon="add", on_click=self.add_ligand).props(
            "flat dense no-caps"
        )
        with ui.element("div").classes("pair"):
            self._select("unit", "Amounts are", UNITS)
            self._select("faces", "On", FACES)
        with ui.expansion("More").props("dense").style("width:100%"):
            with ui.element("div").classes("pair"):
                self._select("mode", "Binding mode", MODES)
                self._select("pattern", "Pattern", PATTERNS)
            with ui.element("div").classes("pair"):
                self._number("seed", "Seed: another pose", 1)
                self.widgets["best_effort"] = ui.checkbox("Keep what finds room")

    def _input(self, name: str, label: str, changed: Callable[..., Any] | None = None) -> Any:
        widget = ui.input(label, value=getattr(Form(), name)).props(f"{FIELD} maxlength={LONGEST_TEXT}")
        if changed is not None:
            widget.on("blur", changed)
            widget.on("keydown.enter", changed)
        return self._keep(name, widget)

    def _number(self, name: str, label: str, step: float) -> Any:
        return self._keep(name, ui.number(label, value=getattr(Form(), name), step=step).props(FIELD))

    def _select(
        self,
        name: str,
        label: str,
        options: Any,
        changed: Callable[..., Any] | None = None,
        *,
        filter: bool = False,
    ) -> Any:
        value = getattr(Form(), name)
        widget = ui.select(options, label=label, value=value, on_change=changed, with_input=filter)
        return self._keep(name, widget.props(f"{FIELD} options-dense"))

    def _keep(self, name: str, widget: Any) -> Any:
        # for tests, and for people who help others over the telephone
        self.widgets[name] = widget.props(f'data-field="{name}"').style("margin-top:.45rem")
        return widget

    def _switch(self) -> None:
        """Show the fields of a slab or of a dot, and of these only those that the shape has."""
        slab = self.widgets["kind"].value == "slab"
        self.slab.visible, self.dot.visible = slab, not slab
        for name in ("faces", "vacancy_faces"):
            self.widgets[name].visible = slab
        self.widgets["facets"].visible = self.widgets["shape"].value == "wulff"

    def _new_shape(self) -> None:
        """Take the way to say the size that the shape has."""
        shape, by = self.widgets["shape"].value, self.widgets["size_by"]
        if shape in ("sphere", "wulff") and by.value == "edge":
            by.value = "diameter"
        if shape == "cuboid" and by.value == "diameter":
            by.value = "edge"
        self._switch()

    async def _new_crystal(self) -> None:
        await self.refresh(self.widgets["crystal"].value)

    async def refresh(self, crystal: str) -> None:
        """Offer what *crystal* has: ions, terminations."""
        found = await self.ask("species", crystal)
        if "problems" in found:
            self.show_errors(found["problems"])
            return
        self.source.text = found["words"]
        self.widgets["vacancy"].set_options({"": "none", **found["options"]}, value="")
        self.widgets["vacancy_compensate"].set_options({"": "none leaves", **found["options"]}, value="")
        await self._new_facet()

    async def _new_facet(self) -> None:
        """Offer the terminations of the facet."""
        crystal, hkl = self.widgets["crystal"].value, str(self.widgets["hkl"].value or "")
        self._error("hkl", "")
        found = await self.ask("terminations", crystal, hkl)
        chosen = self.widgets["termination"]
        if "problems" in found:
            chosen.set_options({"": FIRST}, value="")
            self.facet_words.text = ""
            self.show_errors(found["problems"])
            return
        chosen.set_options({"": FIRST, **found["options"]}, value="")
        self.facet_words.text = f"Miller indices of the cell: {found['miller']}"

    async def _new_vacancy(self) -> None:
        """Offer the kinds of site of the ion that leaves."""
        wanted = bool(self.widgets["vacancy"].value)
        self.which.visible = wanted
        if not wanted:
            return
        found = await self.ask("vacancies", self.form(), self.most_atoms)
        if "problems" in found:
            self.show_errors(found["problems"])
        elif found["options"]:
            self.widgets["vacancy_row"].set_options(found["options"], value=1)

    def add_ligand(self) -> LigandCard | None:
        """Add an empty ligand to the form."""
        if len(self.cards) >= MOST_LIGANDS:
            ui.notify(f"{MOST_LIGANDS} kinds of ligand at most")
            return None
        with self.list:
            card = LigandCard(self.ask, draw=self.draw, drop=self.drop)
        self.cards.append(card)
        return card

    def drop(self, card: LigandCard) -> None:
        """Take a ligand out of the form."""
        self.cards.remove(card)
        card.delete()

    def sketch(self) -> None:
        """Make the sketcher, which covers the page while it is open."""
        with (
            ui.element("div").props("id=sketch hidden role=dialog aria-label='Draw a molecule'"),
            ui.element("div").classes("sketch-box"),
        ):
            ui.element("div").props("id=sketch-canvas")
            with ui.element("div").classes("row-line"):
                ui.label(
                    "Draw it without charges or with: the ways in which it can bind are offered afterwards."
                ).classes("hint").style("flex: 1 1 14rem")
                ui.button("Cancel", on_click=lambda: ui.run_javascript("qdsurf.closeSketch()")).props("flat")
                ui.button("Use this molecule", on_click=self._drawn).props("unelevated id=use-sketch")

    async def draw(self, card: LigandCard) -> None:
        """Open the sketcher for *card*, with the molecule that is there."""
        self.drawing = card
        found = await self.ask("picture", card.text) if card.text else {}
        mol = found.get("mol", "")
        ui.run_javascript(f"qdsurf.openSketch({json.dumps(mol)})")

    async def _drawn(self) -> None:
        """Take the molecule of the sketcher."""
        smiles = str(await ui.run_javascript("return qdsurf.smiles()", timeout=20))
        ui.run_javascript("qdsurf.closeSketch()")
        if self.drawing is not None and smiles and self.drawing in self.cards:
            await self.drawing.take(smiles[:LONGEST_TEXT], drawn=True)

    def form(self) -> Form:
        """Return what the form holds."""
        names = {field.name for field in dataclass_fields(Form)}
        values = {name: widget.value for name, widget in self.widgets.items() if name in names}
        values["vacancy_row"] = values["vacancy_row"] or 1
        return Form(**values, ligands=tuple(card.row() for card in self.filled()))

    def clear_errors(self) -> None:
        """Take all messages away."""
        for name in self.widgets:
            self._error(name, "")
        for card in self.cards:
            card.error("ligand", "")
            card.error("amount", "")

    def show_errors(self, problems: Mapping[str, str]) -> list[str]:
        """Put each message beside its field and return those that have none."""
        rest = []
        for name, message in problems.items():
            word, _, number = name.partition(" ")
            if number.isdecimal() and int(number) < len(self.filled()):
                self.filled()[int(number)].error(word, message)
            elif not self._error(name, message):
                rest.append(message)
        return rest

    def filled(self) -> Sequence[LigandCard]:
        """Return the ligands that are not empty, in the order in which messages count them."""
        return [card for card in self.cards if card.text]

    def _error(self, name: str, message: str) -> bool:
        """Put a message beside a field that can be seen."""
        widget = self.widgets.get(name)
        if widget is None or not hasattr(widget, "error"):
            return False
        widget.error = message or None
        return True

    def note_room(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Say below the heading how many ions can give their place."""
        words = {"anion site": "for anions", "cation site": "for cations"}
        places = []
        for row in rows:
            kind, _, species = row["place"].rpartition(" ")
            if kind in words:
                places.append(f"{row['sites']} places of {species} {words[kind]}")
        self.room.text = f"Room: {', '.join(places) or 'see'}; all in the panel Charge."
