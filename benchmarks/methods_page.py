"""Write the part of docs/methods.md that comes from the presets: python benchmarks/methods_page.py.

tests/test_methods_page.py checks that the page says what the presets say.
"""

from __future__ import annotations

import os
from pathlib import Path

from qdsurf.library import list_shelf
from qdsurf.methods import load_method
from qdsurf.methods.presets import UNKNOWN_ERROR
from qdsurf.model.energies import Method

PAGE = Path(__file__).resolve().parents[1] / "docs" / "methods.md"
BEGIN = "<!-- from the presets, by benchmarks/methods_page.py -->"
END = "<!-- end -->"
# Kinds of methods in the order in which the page shows them, told by a word of the calculator or the name.
ORDER = ("sevennet", "committee", "chgnet", "diep", "gfn", "xtb", "cp2k", "pyscf", "gpaw", "pbe-d3", "emt")


def order(name: str) -> tuple[int, str]:
    """Return where the page shows the method *name*."""
    return next((i for i, word in enumerate(ORDER) if word in name), len(ORDER)), name


def how(method: Method) -> str:
    """Return how *method* is installed."""
    if method.install:
        return f"`{method.install}`" if method.install.startswith(("pip", "apt-get")) else method.install
    return f"`pip install 'qdsurf[{method.extra}]'`" if method.extra else "nothing to install"


def systems(method: Method) -> str:
    """Return what *method* can compute."""
    kinds = ["molecules and dots"]
    if method.periodic:
        kinds.append("slabs and crystals" if method.slabs else "crystals, no slabs")
    if not method.charged:
        kinds.append("neutral only")
    elif method.charged_cell == "never" or not method.periodic:
        kinds.append("ions if finite")
    else:
        kinds.append("ions")
    return ", ".join(kinds)


def table(methods: list[Method]) -> list[str]:
    """Return the table of all *methods*."""
    rows = ["| method | what it is | computes | dispersion | error, eV |", "|---|---|---|---|---|"]
    for m in methods:
        error = "not known" if m.class_error >= UNKNOWN_ERROR else f"{m.class_error:g}"
        rows.append(f"| [`{m.name}`](#{m.name}) | {m.functional} | {systems(m)} | {m.dispersion} | {error} |")
    return rows


def section(method: Method) -> list[str]:
    """Return what the page says of one *method*."""
    lines = [f"### {method.name}", "", f"{method.title}. **For** {small(method.good_for)}"]
    lines[-1] += f" **Not for** {small(method.bad_for)}"
    if method.elements:
        lines += ["", f"Elements: {', '.join(method.elements)}."]
    lines += ["", f"- Installed by: {how(method)}", f"- Cost: {method.cost}"]
    lines.append(f"- Error: {method.class_error:g} eV: {method.class_error_source}")
    lines += [f"- Needs `{key}`: {what}" for key, what in method.files.items()]
    lines += [f"- Warning: {warning}" for warning in method.warnings]
    if method.ladder:
        lines.append("- Where the SCF does not converge: " + "; then ".join(r["name"] for r in method.ladder))
    lines.append("- Cite: " + ", ".join(f"[{doi}](https://doi.org/{doi})" for doi in method.cite))
    return [*lines, ""]


def small(sentence: str) -> str:
    """Return *sentence* with a small first letter, unless its first word is an abbreviation or a name."""
    first = sentence.split()[0]
    named = any(c.isupper() for c in first[1:])
    return sentence if named else sentence[0].lower() + sentence[1:]


def generated() -> str:
    """Return the table and the sections of all methods of the shelf that comes with qdsurf."""
    methods = [load_method(name) for name in sorted(list_shelf("calculators"), key=order)]
    lines = [BEGIN, "", *table(methods), ""]
    for method in methods:
        lines += section(method)
    return "\n".join([*lines, END])


def main() -> None:
    """Put the generated part into the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    part = PAGE.with_suffix(".part")
    part.write_text(before + generated() + after, encoding="utf-8")
    os.replace(part, PAGE)


if __name__ == "__main__":
    main()
