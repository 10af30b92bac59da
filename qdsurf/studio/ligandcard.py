"""One ligand of the form: a name or SMILES, the sketcher, the way in which it binds, its amount."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from qdsurf.library import list_shelf
from qdsurf.studio.forms import LONGEST_TEXT, LigandRow
from qdsurf.studio.widgets import FIELD


class LigandCard:
    """The widgets of one ligand.

    Parameters
    ----------
    ask
        Gives a piece of work to a process and waits for the answer.
    draw, drop
        Called with the card when its buttons are pressed.
    """

    def __init__(
        self,
        ask: Callable[..., Awaitable[dict[str, Any]]],
        *,
        draw: Callable[[LigandCard], Awaitable[None]],
        drop: Callable[[LigandCard], None],
    ) -> None:
        self.ask = ask
        self.options: list[dict[str, Any]] = []
        self.read = ""
        self.box = ui.element("div").classes("ligand")
        with self.box:
            with ui.element("div").classes("ligand-line"):
                self.name = ui.input("Name or SMILES", autocomplete=list_shelf("ligands")).props(
                    f'{FIELD} maxlength={LONGEST_TEXT} data-field="ligand" spellcheck=false'
                )
                self.amount = ui.number("Amount", value=1, min=0).props(f'{FIELD} data-field="amount"')
            self.name.on("blur", self.look)
            self.name.on("keydown.enter", self.look)
            self.form = ui.select({}, label="Binds as", on_change=self._chosen).props(
                f"{FIELD} options-dense"
            )
            self.form.style("margin-top:.4rem").props('data-field="form"')
            self.form.visible = False
            self.picture = ui.image().style("height:90px;margin-top:.3rem").props("fit=contain no-spinner")
            self.picture.visible = False
            self.words = ui.label().classes("hint")
            with ui.element("div").classes("ligand-tools"):
                ui.button("Draw", icon="edit", on_click=lambda: draw(self)).props(
                    "flat dense no-caps size=sm"
                )
                ui.button("Remove", icon="close", on_click=lambda: drop(self)).props(
                    "flat dense no-caps size=sm color=grey-8"
                )

    @property
    def text(self) -> str:
        """What was typed or drawn."""
        return str(self.name.value or "").strip()

    def row(self) -> LigandRow:
        """Return the ligand as the form has it: in the form that was chosen."""
        chosen = self.form.value
        if self.text == self.read and isinstance(chosen, int) and chosen < len(self.options):
            option = self.options[chosen]
            return LigandRow(text=option["smiles"], anchor=tuple(option["anchor"]), amount=self.amount.value)
        return LigandRow(text=self.text, amount=self.amount.value)

    async def take(self, text: str, *, drawn: bool) -> None:
        """Put *text* into the field and look at it."""
        self.name.value = text
        await self._look(drawn=drawn)

    async def look(self) -> None:
        """Say what the ligand is, and offer the forms in which it can bind."""
        if self.text != self.read:
            await self._look(drawn=False)

    async def _look(self, *, drawn: bool) -> None:
        asked = self.text
        self.error("ligand", "")
        found = await self.ask("molecule", asked, drawn)
        if asked != self.text:
            return
        self.read = asked
        problem = found.get("error") or next(iter(found.get("problems", {}).values()), "")
        self.error("ligand", problem)
        self.options = found.get("options", [])
        self.words.text = found.get("words", "")
        self.form.visible = bool(self.options)
        self.form.set_options(
            {k: option["label"] for k, option in enumerate(self.options)}, value=found.get("chosen")
        )
        await self._draw("" if problem else asked)

    async def _draw(self, text: str) -> None:
        """Show the molecule flat."""
        row = self.row()
        found = await self.ask("picture", row.text) if text else {}
        svg = found.get("svg", "")
        self.picture.visible = bool(svg)
        if svg:
            # as the source of an image: what is in it is never part of the page
            self.picture.source = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()

    async def _chosen(self) -> None:
        """Say what the form that was chosen is."""
        if isinstance(self.form.value, int) and self.form.value < len(self.options):
            self.words.text = "Binds by its " + self.options[self.form.value]["label"]
            await self._draw(self.text)

    def error(self, field: str, message: str) -> None:
        """Put a message beside the name or the amount."""
        (self.name if field == "ligand" else self.amount).error = message or None

    def delete(self) -> None:
        """Take the card off the page."""
        self.box.delete()
