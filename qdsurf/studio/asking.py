"""Panels that ask for more work when they are used: the ranking, the tolerance factors, the downloads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nicegui import ui

from qdsurf.exports.codes import CODES
from qdsurf.rank.presets import list_presets
from qdsurf.studio.downloads import FORMATS, PURPOSES, Download
from qdsurf.studio.forms import Form
from qdsurf.studio.widgets import FIELD, table, words

Ask = Callable[..., Awaitable[dict[str, Any]]]
SELECT = f"{FIELD} options-dense"
ABOUT_RANKING = (
    "Hard–soft match: from −1 (hard on soft) to +1 (hard on hard, or soft on soft). Score: from 0 to 1, a "
    "weighted sum of terms, no energy. Stays on top: share of draws of other weights in which the ligand "
    "stays in the first third. Rules of thumb: they choose what to compute and do not replace it.\nSources: "
)
RANKED = {
    "rank": "",
    "ligand": "ligand (▶ yours)",
    "binds by": "binds by",
    "score": "score",
    "match": "hard–soft match",
    "hard or soft": "hard or soft",
    "stability": "stays on top",
    "why": "what helps and costs most",
}
JUDGED = {"rule": "rule", "says": "means", "answer": "inside", "accuracy": "right for", "source": "source"}


class RankingPanel:
    """Ligands of the form, and common ones, ranked on the bare surface."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.form: Form | None = None
        self.bare = ""
        with ui.element("div").classes("row-line"):
            self.preset = ui.select(
                list_presets(), label="Preset", value="stable-passivation", on_change=self.rank
            )
            self.preset.props(SELECT).style("min-width:13rem")
            self.common = ui.checkbox("with common ligands", value=True)
            self.button = ui.button("Rank", on_click=self.rank).props("unelevated no-caps")
        self.rows = ui.element("div").style("margin-top:.6rem")

    def reset(self, form: Form, bare: str) -> None:
        """Forget the ranking: there is another surface."""
        self.form, self.bare = form, bare
        self.rows.clear()

    async def open(self) -> None:
        """Rank when the panel is looked at for the first time."""
        if not self.rows.default_slot.children:
            await self.rank()

    async def rank(self) -> None:
        """Rank the ligands of the form on the bare surface."""
        if self.form is None:
            return
        mine = tuple((row.text, row.anchor) for row in self.form.ligands)
        self.button.props("loading")
        try:
            found = await self.ask("ranking", self.bare, mine, self.common.value, self.preset.value)
        finally:
            self.button.props(remove="loading")
        self.rows.clear()
        with self.rows:
            if "problems" in found:
                ui.label("; ".join(found["problems"].values())).classes("wrong").props("role=alert")
            else:
                self._show(found)

    def _show(self, found: Mapping[str, Any]) -> None:
        """Show the rows of a ranking."""
        words("p", found["question"])
        rows = [
            {
                **row,
                "ligand": f"▶ {row['ligand']}" if row["mine"] else row["ligand"],
                "why": "\n".join(row["why"][:3]),
            }
            for row in found["rows"]
        ]
        table(rows, RANKED)
        for row in found["failed"]:
            ui.label(f"Not ranked: {row['ligand']}: {row['why']}").classes("wrong")
        sources = found["rows"][0]["sources"] if found["rows"] else []
        ui.label(ABOUT_RANKING + "; ".join(sources)).classes("hint")


class TolerancePanel:
    """A composition judged by its tolerance factors."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        with ui.element("div").classes("row-line"):
            self.formula = ui.input("Composition", value="CsPbBr3").props(
                f"{FIELD} maxlength=60 data-field=formula"
            )
            self.formula.on("keydown.enter", self.judge)
            ui.button("Judge", on_click=self.judge).props("unelevated no-caps")
        self.rows = ui.element("div")

    def reset(self, formula: str) -> None:
        """Take the composition of another crystal."""
        self.formula.value, self.formula.error = formula, None
        self.rows.clear()

    async def open(self) -> None:
        """Judge when the panel is looked at for the first time."""
        if not self.rows.default_slot.children:
            await self.judge()

    async def judge(self) -> None:
        """Judge the composition."""
        self.formula.error = None
        found = await self.ask("tolerance", str(self.formula.value or ""))
        self.rows.clear()
        if "problems" in found:
            self.formula.error = "; ".join(found["problems"].values())
            return
        numbers = found["numbers"]
        chips = (
            f"t = {numbers['t']}",
            f"μ = {numbers['mu']}",
            f"τ = {numbers['tau']}",
            f"P(perovskite) = {numbers['p']}",
        )
        with self.rows:
            with ui.element("div").classes("row-line").style("margin:.6rem 0"):
                for text in chips:
                    ui.label(text).classes("chip")
            words("p", f"{found['formula']}: {found['expected']}.")
            for text in (*found["observed"], *found["warnings"]):
                words("p", text)
            table(found["verdicts"], JUDGED)
            ui.label("\n".join([*found["radii"], *found["sources"], *found["measured on"]])).classes("hint")


class DownloadPanel:
    """The structure in any format, and inputs of codes."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.form: Form | None = None
        self.made: Mapping[str, Any] = {}
        with ui.element("div").classes("two"):
            with ui.element("div"):
                words("h2", "Structure")
                formats = {key: text for key, (text, _) in FORMATS.items()}
                self.format = ui.select(formats, label="Format", value="poscar").props(SELECT)
                ui.button("Download", icon="download", on_click=self.give_structure).props(
                    "unelevated no-caps id=give-structure"
                ).style("margin-top:.5rem")
            with ui.element("div"):
                words("h2", "Inputs of a code, ready to run (.zip)")
                codes = {key: code.title for key, code in CODES.items() if code.purposes}
                with ui.element("div").classes("pair"):
                    self.code = ui.select(codes, label="Code", value="cp2k").props(SELECT)
                    self.purpose = ui.select(PURPOSES, label="To", value="relax").props(SELECT)
                ui.button("Download", icon="download", on_click=self.give_inputs).props(
                    "unelevated no-caps id=give-inputs"
                ).style("margin-top:.5rem")
        self.said = ui.label().classes("hint").style("margin-top:.6rem").props("role=status")

    def reset(self, form: Form, made: Mapping[str, Any]) -> None:
        """Give another structure from now on."""
        self.form, self.made = form, made
        self.said.text = ""

    async def give_structure(self) -> None:
        """Give the structure as a file."""
        made = self.made
        if made:
            self._give(await self.ask("structure", made["surface"], self.format.value, made["stem"]))

    async def give_inputs(self) -> None:
        """Give the input of a code as an archive."""
        made, form = self.made, self.form
        if form is None:
            return
        first = form.ligands[0] if form.ligands else None
        ligand = None if first is None else (first.text, first.anchor)
        self.said.text = "Writing ..."
        code, purpose = self.code.value, self.purpose.value
        self._give(
            await self.ask("inputs", made["surface"], made["bare"], code, purpose, made["stem"], ligand)
        )

    def _give(self, found: Mapping[str, Any]) -> None:
        """Hand a file to the browser, or say why there is none."""
        self.said.classes(remove="wrong hint")
        if "problems" in found:
            self.said.classes("wrong")
            self.said.text = "; ".join(found["problems"].values())
            return
        file: Download = found["file"]
        self.said.classes("hint")
        self.said.text = "\n".join([f"{file.name}, {len(file.content) / 1000:.0f} kB", *file.notes])
        ui.download.content(file.content, file.name, "application/octet-stream")
