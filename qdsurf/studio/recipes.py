"""The same structure by other means: the lines of Python and of the command line that make it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from qdsurf.studio.forms import Plan

# What the verbs take where nothing is said.
_SLAB = {"termination": None, "repeat": (1, 1), "vacuum": 15.0, "compensate": None, "symmetric": True}
_DOT = {"termination": None, "neutralize": "auto", "cap": None, "seed": 0}
_SHELL = {
    "unit": "count",
    "mode": "auto",
    "pattern": "even",
    "faces": "both",
    "seed": 0,
    "best_effort": False,
}


def python_lines(plan: Plan) -> str:
    """Return the lines of Python that make the surface of *plan*, as ``surface``.

    Examples
    --------
    >>> from qdsurf.studio.forms import Form, read
    >>> print(python_lines(read(Form(repeat_a=1, repeat_b=1))))
    import qdsurf as qs
    <BLANKLINE>
    crystal = qs.load_crystal('CsPbBr3-cubic')
    surface = qs.cut_slab(crystal, '001', layers=3)
    print(surface.ledger)
    print(surface.contacts())
    qs.write_structure(surface, 'surface.extxyz')
    """
    lines = ["import qdsurf as qs", "", f"crystal = qs.load_crystal({plan.crystal!r})"]
    if plan.kind == "slab":
        said = _said({k: v for k, v in plan.base.items() if k != "hkl"}, _SLAB)
        lines.append(f"surface = qs.cut_slab(crystal, {plan.base['hkl']!r}{_keywords(said)})")
    else:
        lines.append(f"surface = qs.carve_dot(crystal{_keywords(_said(plan.base, _DOT))})")
    if plan.vacancy is not None:
        gap = plan.vacancy
        said = _said({k: gap[k] for k in ("compensate", "faces")}, {"compensate": None, "faces": "one"})
        lines.append(f"kinds = qs.vacancies(surface, {gap['species']!r})")
        lines.append(f"surface = qs.remove(surface, kinds[{gap['row'] - 1}].site{_keywords(said)})")
    if plan.ligands:
        lines += ["ligands = {", *(f"    {_ligand(*one)}" for one in plan.ligands), "}"]
        lines.append(f"surface = qs.attach(surface, ligands{_keywords(_said(plan.shell, _SHELL))})")
    lines += ["print(surface.ledger)", "print(surface.contacts())"]
    return "\n".join([*lines, "qs.write_structure(surface, 'surface.extxyz')"])


def commands(plan: Plan) -> str:
    """Return the commands that make the surface of *plan*, in its last file.

    Examples
    --------
    >>> from qdsurf.studio.forms import Form, LigandRow, read
    >>> print(commands(read(Form(repeat_a=1, repeat_b=1, ligands=(LigandRow(text="oleate"),)))))
    qdsurf slab CsPbBr3-cubic --hkl 001 --layers 3 -o slab.extxyz
    qdsurf attach slab.extxyz oleate=1 -o surface.extxyz
    """
    last = "slab" if plan.kind == "slab" else "dot"
    lines = [_cut(plan)]
    if plan.vacancy is not None:
        gap = plan.vacancy
        options = {"remove": str(gap["row"]), "compensate": gap["compensate"], "faces": gap["faces"]}
        said = _said(options, {"compensate": None, "faces": "one"})
        lines.append(_line(["vacancies", f"{last}.extxyz", gap["species"]], said, "vacancy.extxyz"))
        last = "vacancy"
    if plan.ligands:
        if any(anchor for _, anchor, _ in plan.ligands):
            lines.append(
                "# the command line has no option for the group that binds: take the lines of Python"
            )
        asked = [f"{text}={amount:.12g}" for text, _, amount in plan.ligands]
        shell = _said(plan.shell, _SHELL)
        best = ["--best-effort"] if shell.pop("best_effort", False) else []
        options = {name: str(value) for name, value in shell.items()}
        lines.append(_line(["attach", f"{last}.extxyz", *asked, *best], options, "surface.extxyz"))
    return "\n".join(lines)


def _cut(plan: Plan) -> str:
    """Return the command that cuts the slab or the dot."""
    if plan.kind == "slab":
        said = _said(plan.base, _SLAB)
        options: dict[str, Any] = {"hkl": said["hkl"], "layers": said["layers"]}
        options |= {k: said[k] for k in ("termination", "compensate") if k in said}
        if "repeat" in said:
            options["repeat"] = "x".join(map(str, said["repeat"]))
        if "vacuum" in said:
            options["vacuum"] = f"{said['vacuum']:.12g}"
        words = ["slab", plan.crystal, *(["--asymmetric"] if "symmetric" in said else [])]
        return _line(words, options, "slab.extxyz")
    said = _said(plan.base, {**_DOT, "shape": "cube"})
    options = {k: said[k] for k in ("shape", "cap", "seed") if k in said}
    for name in ("cells", "edge", "diameter"):
        if name in said:
            options[name] = _size(said[name], "" if name == "cells" else "nm")
    if "neutralize" in said:
        options["neutralize"] = said["neutralize"] or "none"
    words = [f"--facet={key}={value:.12g}" for key, value in said.get("facets", {}).items()]
    cut = said.get("termination")
    if isinstance(cut, str):
        options["termination"] = cut
    elif cut:
        words += [f"--termination={key}={value}" for key, value in cut.items()]
    return _line(["dot", plan.crystal, *words], options, "dot.extxyz")


def _size(size: Any, unit: str) -> str:
    """Return one size or three, lengths in nm."""
    sizes = size if isinstance(size, tuple) else (size,)
    return "x".join(f"{value / 10.0:.12g}{unit}" if unit else str(value) for value in sizes)


def _said(given: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs from what the verb would take anyway."""
    return {k: v for k, v in given.items() if k not in usual or usual[k] != v}


def _keywords(given: Mapping[str, Any]) -> str:
    return "".join(f", {name}={value!r}" for name, value in given.items())


def _ligand(text: str, anchor: tuple[str, ...], amount: float) -> str:
    """Return one entry of the dictionary of ligands."""
    from qdsurf.ligands.shelf import is_known

    if is_known(text):
        return f"{text!r}: {amount:.12g},"
    group = f", anchor={anchor!r}" if anchor else ""
    return f"qs.ligand_from_smiles({text!r}{group}): {amount:.12g},"


def _line(words: list[str], options: Mapping[str, Any], output: str) -> str:
    """Return one command; words of the user are quoted for the shell."""
    parts = ["qdsurf", *words]
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        parts += [f"{option}={value}"] if str(value).startswith("-") else [option, str(value)]
    return shlex.join([*parts, "-o", output])
