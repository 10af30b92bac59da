"""One description of a calculation, from which the input of every code is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from qdsurf.errors import AskError, BadEntry
from qdsurf.library import read_entry, require

PURPOSES = ("relax", "static", "dos", "workfunction", "binding")
FUNCTIONALS = ("PBE", "PBEsol", "LDA", "PBE0", "HSE06")
DISPERSIONS = ("none", "D3(BJ)", "TS")
# A density of states needs denser k-points than an energy.
DOS_DENSER = 0.5
# Å: a vacuum level is read where the potential is flat; the manual of VASP asks for 8 to 12 Å on either side
# (https://www.vasp.at/wiki/Computing_the_work_function).
FLAT_VACUUM = 20.0
_KEYS: dict[str, type | tuple[type, ...]] = {
    "title": str,
    "functional": str,
    "dispersion": str,
    "kpoint_spacing": (int, float),
    "smearing_width": (int, float),
    "energy_tolerance": (int, float),
    "force_tolerance": (int, float),
    "steps": int,
    "vacuum": (int, float),
    "node_memory": (int, float),
    "source": str,
    "status": str,
    "cite": list,
    "cutoffs": dict,
    "basis": dict,
}


@dataclass(frozen=True, kw_only=True)
class Calculation:
    """What is to be computed, in units and words that belong to no code.

    Attributes
    ----------
    name, title, source, cite
        Preset that it came from, where its numbers are from, DOIs.
    functional
        "PBE", "PBEsol", "LDA", "PBE0" or "HSE06".
    dispersion
        "none", "D3(BJ)" or "TS".
    kpoint_spacing
        Largest distance of k-points in 1/Å, with the factor 2 pi; the mesh contains Gamma.
    cutoff
        eV: of the plane waves, or of the density grid for CP2K and SIESTA; 0 where the table of
        potentials or the basis decides.
    density_cutoff
        eV: of the density where the code asks for it apart; 0 for its own default.
    basis
        Name of the basis in the code's own words; "" where there is none.
    smearing_width
        eV, Gaussian.
    energy_tolerance
        eV, of one self-consistent cycle.
    force_tolerance
        eV/Å, of a relaxation.
    steps
        Most relaxation steps.
    vacuum
        Å between periodic images of a slab or a dot.
    unpaired
        Unpaired electrons; None for the fewest that the electron count allows.
    dipole
        Dipole correction along the normal of a slab; None: where its two faces differ.
    spin_orbit
        Whether spin-orbit coupling is computed.
    charged_cell
        Whether a net charge in a periodic cell is wanted, with its uniform background.
    potentials
        Element to name of potential (file), in place of the table's.
    node_memory
        GB of one node; a warning is given when the estimate exceeds it.
    """

    name: str
    title: str
    functional: str
    dispersion: str
    kpoint_spacing: float
    smearing_width: float
    energy_tolerance: float
    force_tolerance: float
    steps: int
    vacuum: float
    node_memory: float
    source: str
    cite: tuple[str, ...]
    cutoff: float = 0.0
    density_cutoff: float = 0.0
    basis: str = ""
    unpaired: int | None = None
    dipole: bool | None = None
    spin_orbit: bool = False
    charged_cell: bool = False
    potentials: Mapping[str, str] = field(default_factory=dict)


_FREE = {f.name for f in fields(Calculation)} - {"name", "title", "source", "cite"}
_POSITIVE = ("kpoint_spacing", "energy_tolerance", "force_tolerance", "steps", "vacuum", "node_memory")


def load_calculation(name: str, code: str, **overrides: Any) -> Calculation:
    """Return the calculation *name* from the shelf ``calculators/exports``, for one *code*.

    Parameters
    ----------
    name
        Preset: "pbe-d3", "pbesol", "hse06-d3" or "trial"; or one of a private library.
    code
        Name of the code whose cutoff and basis are taken.
    **overrides
        Fields of `Calculation` that replace those of the preset, in its units.

    Raises
    ------
    UnknownName
        No such preset.
    AskError
        No such field, or a value that it cannot have.
    BadEntry
        The file breaks the schema.

    Examples
    --------
    >>> load_calculation("pbe-d3", "vasp", cutoff=450.0).cutoff
    450.0
    """
    entry = read_entry("calculations", name)
    require(entry, _KEYS, f"calculators/exports/{entry['name']}.toml")
    unknown = sorted(set(overrides) - _FREE)
    if unknown:
        raise AskError(f"no setting named {', '.join(unknown)}; settings: {', '.join(sorted(_FREE))}")
    cutoffs, basis = entry["cutoffs"], entry["basis"]
    made = Calculation(
        name=entry["name"],
        **{key: entry[key] for key in _KEYS if key not in ("cutoffs", "basis", "status", "cite", "source")},
        source=f"{entry['source']} [{entry['status']}]",
        cite=tuple(entry["cite"]),
        cutoff=float(cutoffs.get(code, 0.0)),
        density_cutoff=float(cutoffs.get(f"{code}_density", cutoffs.get(f"{code}_relative", 0.0))),
        basis=str(basis.get(code, "")),
    )
    return checked(replace(made, **overrides))


def checked(calculation: Calculation) -> Calculation:
    """Return *calculation*, or refuse a value that it cannot have."""
    for key, known in (("functional", FUNCTIONALS), ("dispersion", DISPERSIONS)):
        if getattr(calculation, key) not in known:
            raise AskError(f"{key} {getattr(calculation, key)!r} is unknown; known: {', '.join(known)}")
    for key in (*_POSITIVE, "cutoff", "density_cutoff", "smearing_width"):
        value = getattr(calculation, key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise AskError(f"{key} must be a number, not {value!r}")
        if value < 0 or (value == 0 and key in _POSITIVE):
            raise AskError(f"{key} must be positive, not {value!r}")
    if (calculation.functional, calculation.dispersion) == ("LDA", "D3(BJ)"):
        raise AskError("D3(BJ) has no parameters for LDA; set dispersion='none'")
    if calculation.unpaired is not None and calculation.unpaired < 0:
        raise AskError(f"unpaired must be 0 or more, not {calculation.unpaired}")
    return calculation


@dataclass(frozen=True, kw_only=True)
class Potential:
    """What a code needs to know of one element.

    Attributes
    ----------
    name
        Of the potential: a file, a folder, or a key of the code's own data file.
    electrons
        In the valence.
    functions
        Basis functions; 0 for plane waves.
    cutoff, density_cutoff
        Recommended, Ry; 0 where the table has none.
    warning
        What the potential leaves out; "" where there is nothing to say.
    more
        Further keys of the table.
    """

    name: str
    electrons: int
    functions: int = 0
    cutoff: float = 0.0
    density_cutoff: float = 0.0
    warning: str = ""
    more: Mapping[str, str] = field(default_factory=dict)


def load_potentials(
    table: str, elements: list[str], calculation: Calculation, *, template: str = "{name}"
) -> dict[str, Potential]:
    """Return the potential of each of *elements* from the shelf ``calculators/potentials``.

    Parameters
    ----------
    table
        Entry of the shelf.
    elements
        Chemical symbols, in the order wanted.
    calculation
        Its ``potentials`` come before the table's.
    template
        Name in place of the table's: "{element}.psp8" for a library that names files so.

    Raises
    ------
    AskError
        An element that the table lacks, or a table made for another functional.

    Examples
    --------
    >>> load_potentials("vasp", ["Pb"], load_calculation("pbe-d3", "vasp"))["Pb"].name
    'Pb_d'
    """
    entry = read_entry("potentials", table)
    where = f"calculators/potentials/{table}.toml"
    require(entry, {"functional": str, "source": str, "status": str, "elements": dict}, where)
    named = calculation.potentials
    missing = [e for e in elements if e not in entry["elements"]]
    if missing:
        raise AskError(f"{where} has no potential of {', '.join(missing)}; add it to a private library")
    found = {}
    for element in elements:
        row = dict(entry["elements"][element])
        try:
            base, electrons = str(row.pop("name")), int(row.pop("electrons"))
        except KeyError as error:
            raise BadEntry(f"{where}: {element} lacks {error}") from error
        found[element] = Potential(
            name=named.get(element, template.format(name=base, element=element)),
            electrons=electrons,
            functions=int(row.pop("functions", 0)),
            cutoff=float(row.pop("cutoff", 0.0)),
            density_cutoff=float(row.pop("density_cutoff", 0.0)),
            warning="" if element in named else entry.get("warnings", {}).get(element, ""),
            more=row,
        )
    return found
