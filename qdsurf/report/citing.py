"""What to cite, as BibTeX: the entries of calculators/references.bib for the DOIs of presets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from qdsurf.library import folder


@cache
def _entries() -> dict[str, str]:
    """Return the entries of the shelf by DOI, in lower case."""
    text = (folder("calculators") / "references.bib").read_text(encoding="utf-8")
    found = {}
    for entry in re.findall(r"^@\w+\{.*?^\}", text, flags=re.MULTILINE | re.DOTALL):
        doi = re.search(r"\bdoi\s*=\s*\{([^}]*)\}", entry)
        if doi is not None:
            found[doi[1].lower()] = entry
    return found


def bibtex(dois: Iterable[str]) -> str:
    r"""Return BibTeX entries for *dois*, each once; those that the shelf lacks as a bare @misc.

    Parameters
    ----------
    dois
        DOIs without a prefix, as presets name them under "cite".

    Examples
    --------
    >>> bibtex(["10.1021/acs.jctc.4c00190"]).splitlines()[0]
    '@article{park2024,'
    >>> print(bibtex(["10.1000/none"]))
    @misc{10.1000-none,
      doi = {10.1000/none},
      note = {only the DOI is on record},
    }
    """
    entries = []
    for doi in dict.fromkeys(dois):
        # a brace or a newline would end the entry early, and no DOI has one
        plain = re.sub(r"[{}\s\\]", "", str(doi))
        key = re.sub(r"[^\w.]+", "-", plain)
        bare = f"@misc{{{key},\n  doi = {{{plain}}},\n  note = {{only the DOI is on record}},\n}}"
        entries.append(_entries().get(plain.lower(), bare))
    return "\n\n".join(entries)
