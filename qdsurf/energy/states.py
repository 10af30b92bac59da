"""Make the states of a named reaction: the surface, the surface with the ligand, the reservoirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.energy.placing import (
    exchanged_site,
    removed_atoms,
    site_at,
    starting_poses,
    vacated_site,
)
from qdsurf.energy.reactions import COMPLEX, REACTIONS, VACANCY, Plan, State, check_balance
from qdsurf.energy.reservoirs import (
    adduct,
    amine_of,
    bulk_salt,
    cation_smiles,
    free_ligand,
    hydride,
    ion_pair,
    salt_of_cation,
    shelf_crystal,
)
from qdsurf.errors import AskError
from qdsurf.model.energies import Reaction
from qdsurf.model.nouns import Ligand, Site, Surface

if TYPE_CHECKING:
    from ase import Atoms

# Atomic planes at the top of a slab that are free to move.
FREE_PLANES = 2
_FORM = {
    "acid exchange": "acid",
    "anion salt exchange": "salt",
    "ammonium exchange": "amine",
    "amine exchange": "amine",
    "adsorption on a pair vacancy": "neutral",
    "zwitterion into a pair vacancy": "neutral",
    "adsorption": "neutral",
    "Z-type addition": "unit",
}
# What leaves for each ion that the ligand takes the place of: two where a dianion takes two halides.
_LEAVING = ("acid of the anion", "bulk salt", "ion pair of the cation")
_HALIDES = ("Cl", "Br", "I", "F")
_SALT_WARNING = (
    "an ion pair in vacuum is among the states; machine-learned potentials miss that of CsBr by about 0.4 eV"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """What the states of one reaction are made from.

    Attributes
    ----------
    base
        The surface that the ligand meets: as given, or without a pair.
    site
        The site that the ligand takes.
    cation, anion
        The ions of the lattice that take part, "" where none does.
    """

    name: str
    surface: Surface
    ligand: Ligand
    base: Surface
    site: Site
    cation: str = ""
    anion: str = ""
    donor: Ligand | None = None
    lowest_free: int = 0

    @property
    def displaced(self) -> int:
        """Ions of the lattice that one ligand takes the place of."""
        own = abs(self.surface.charges.get(self.site.species, 0))
        return max(abs(self.ligand.charge) // own, 1) if own else 1

    @property
    def gone(self) -> str:
        """The ions that the base lacks, "Cs and Br", cations first; "" where it lacks none."""
        lacking = [(e, e.count - self.base.ledger[e.species]) for e in self.surface.ledger.entries]
        lacking.sort(key=lambda pair: -pair[0].charge)
        return " and ".join(e.species if n == 1 else f"{n} {e.species}" for e, n in lacking if n > 0)


def lowest_free_plane(surface: Surface) -> int:
    """Return the lowest atomic plane of a slab that is free to move."""
    return int(surface.atoms.arrays["layer"].max()) - FREE_PLANES + 1


def fixed_mask(atoms: Atoms, lowest_free: int) -> NDArray[np.bool_]:
    """Return (n_atoms,) true for the atoms that stay where they are.

    On a slab the planes below *lowest_free*; on a dot, which has no planes, its core.
    """
    role, layer = atoms.arrays["role"], atoms.arrays["layer"]
    below = (layer < lowest_free) if atoms.pbc.any() else (role == "core")
    return np.asarray((role != "ligand") & below, dtype=bool)


def slab_state(surface: Surface, lowest_free: int) -> State:
    """Return *surface* as a state, with the planes below *lowest_free* fixed."""
    mask = fixed_mask(surface.atoms, lowest_free)
    return State(atoms=surface.atoms.copy(), charge=surface.charge, fixed=mask, kind="slab")


def pose_state(plan: Plan, name: str, pose: Surface) -> State:
    """Return *pose* of the state *name*, with the atoms fixed that are fixed in that state."""
    state = plan.states[name]
    return State(atoms=pose.atoms.copy(), charge=state.charge, fixed=state.fixed, kind=state.kind)


def pieces(plan: Plan) -> list[tuple[str, int, State, Surface | None]]:
    """Return (state, pose, geometry, surface) of all that is to be computed.

    The bare surface comes first, then the other states, then the poses, numbered from 1.
    """
    found: list[tuple[str, int, State, Surface | None]] = []
    for name, state in sorted(plan.states.items(), key=lambda item: (item[1].kind != "slab", item[0])):
        if name not in plan.posed:
            found.append((name, 0, state, None))
    for name, poses in plan.posed.items():
        for number, pose in enumerate(poses, start=1):
            found.append((name, number, pose_state(plan, name, pose), pose))
    return found


def planned(
    name: str, surface: Surface, ligand: Ligand, *, poses: int, mode: str, donor: Ligand | None = None
) -> Plan:
    """Return the plan of the reaction *name*; see :func:`qdsurf.energy.reactions.plan`."""
    template = REACTIONS[name]
    if name == "heterolytic" and surface.atoms.pbc.any():
        raise AskError(
            f"{name}: ions in vacuum beside a charged periodic slab have no defined energy; take a dot, or "
            "a reaction between neutral states, such as acid or ammonium exchange"
        )
    setting = _setting(name, surface, ligand, donor)
    # An ion-pair vacancy is beside the ligand, which sits on the whole surface.
    host = surface if name == "ion-pair desorption" else setting.base
    complexes, seeds, labels = starting_poses(host, ligand, setting.site, poses, mode)
    states = {COMPLEX: slab_state(complexes[0], setting.lowest_free)}
    for state in template.stoichiometry:
        if state != COMPLEX:
            states[state] = _MAKERS[state](setting)
    warnings = _warnings(setting)
    if len(complexes) < poses:
        warnings.append(f"{len(complexes)} of {poses} starting poses found room and differ")
    equation = template.equation.format(**_words(setting, states))
    counts = {n: c * setting.displaced if n in _LEAVING else c for n, c in template.stoichiometry.items()}
    reaction = Reaction(name=name, equation=equation, stoichiometry=counts)
    for placed in complexes:
        check_balance(reaction, {**states, COMPLEX: slab_state(placed, setting.lowest_free)})
    return Plan(
        reaction=reaction,
        states=states,
        poses=complexes,
        seeds=seeds,
        labels=labels,
        lowest_free=setting.lowest_free,
        warnings=tuple(warnings),
    )


def _setting(name: str, surface: Surface, ligand: Ligand, donor: Ligand | None) -> Setting:
    """Return the surface, site and ions that take part in the reaction *name*."""
    from qdsurf.build.defects import pair_vacancy

    free = lowest_free_plane(surface)
    made: dict[str, Any] = {
        "name": name, "surface": surface, "ligand": ligand, "donor": donor, "lowest_free": free,
    }  # fmt: skip
    if name.endswith("pair vacancy"):
        vacancy = pair_vacancy(surface, face="top")
        return Setting(**made, base=vacancy, site=vacated_site(surface, vacancy, ligand))
    if name == "ion-pair desorption":
        vacancy = pair_vacancy(surface, face="top")
        gone = removed_atoms(surface, vacancy)
        species = {str(surface.atoms.arrays["species"][i]): i for i in gone}
        ions = {surface.charges[s]: s for s in species}
        if set(ions) != {1, -1} or len({int(surface.atoms.arrays["fragment"][i]) for i in gone}) != 2:
            raise AskError(f"{name}: {surface.name} has no pair of a cation +1 and an anion -1 to leave")
        own = ions[-1] if ligand.charge < 0 else ions[1]
        if abs(ligand.charge) != 1:
            raise AskError(f"{name}: {ligand.name} has charge {ligand.charge:+d}; one of +1 or -1 is meant")
        site = site_at(surface, species[own])
        return Setting(**made, base=vacancy, site=site, cation=ions[1], anion=ions[-1])
    site = exchanged_site(name, surface, ligand)
    cation, anion = _ions(name, surface, ligand, site)
    return Setting(**made, base=surface, site=site, cation=cation, anion=anion)


def _ions(name: str, surface: Surface, ligand: Ligand, site: Site) -> tuple[str, str]:
    """Return the cation and the anion that take part in an exchange."""
    if ligand.binds == "anion site":
        # The counter-ion of a salt comes with the free form: "[Na+].F[B-](F)(F)F".
        salt = ligand.free_forms.get(_salt_form(ligand), "") if name == "anion salt exchange" else ""
        cation = next((p.strip("[+]") for p in salt.split(".") if p.endswith("+]") and len(p) <= 5), "")
        return cation, site.species
    if ligand.binds != "cation site":
        return "", ""
    species = Counter(surface.atoms.arrays["species"].tolist())
    halides = [s for s, _ in species.most_common() if s in _HALIDES]
    if not halides and name in ("ammonium exchange", "salt exchange", "ion-pair exchange"):
        raise AskError(f"{name}: {surface.name} has no halide with which {site.species} could leave")
    return site.species, halides[0] if halides else ""


def _free(setting: Setting) -> State:
    """Return the free ligand in the form that the reaction names."""
    ligand, name = setting.ligand, setting.name
    if name == "heterolytic":
        from qdsurf.ligands import free_form_atoms

        return State(atoms=free_form_atoms(ligand.smiles, seed=0), charge=ligand.charge)
    if name == "ion-pair desorption":
        other = cation_smiles(setting.cation) if ligand.charge < 0 else f"[{setting.anion}-]"
        pair = (other, ligand.smiles) if ligand.charge < 0 else (ligand.smiles, other)
        return State(atoms=ion_pair(*pair))
    if form := _FORM.get(name):
        return State(atoms=free_ligand(ligand, _salt_form(ligand) if form == "salt" else form))
    return State(atoms=salt_of_cation(ligand, setting.anion))


def _salt_form(ligand: Ligand) -> str:
    """Return the free form in which an anion comes as a salt of an alkali cation."""
    return "salt" if "salt" in ligand.free_forms else "caesium salt"


def _salt(setting: Setting) -> State:
    atoms, units = bulk_salt(setting.cation, setting.anion)
    return State(atoms=atoms, kind="bulk", per_formula=units)


def _amine(setting: Setting) -> State:
    if len(setting.cation) <= 2:
        raise AskError(f"{setting.name}: {setting.cation} is no molecular cation; use 'ammonium exchange'")
    return State(atoms=amine_of(setting.cation))


def _ligand_crystal(setting: Setting) -> State:
    """Return the crystal of a metal halide that binds as a Z-type ligand."""
    formula = setting.ligand.atoms.symbols.formula.reduce()[0].format("metal")
    found = shelf_crystal(str(formula))
    if found is None:
        raise AskError(
            f"{setting.name}: no crystal {formula} is on the shelf of crystals; 'Z-type addition' takes the "
            "molecule"
        )
    return State(atoms=found[0], kind="bulk", per_formula=found[1])


def _without_ion(setting: Setting) -> State:
    """Return the surface without the ion that the ligand takes the place of, charged."""
    from qdsurf.build.defects import remove

    surface = setting.surface
    left = surface.charge - surface.charges[setting.site.species]
    return _with_ions_gone(setting, remove(surface, setting.site, charge=left))


def _pair_gone(setting: Setting) -> State:
    """Return the surface without a pair, which the ligand meets or, as an ion pair, leaves behind."""
    if setting.name == "ion-pair desorption":
        return _with_ions_gone(setting, setting.base)
    return slab_state(setting.base, setting.lowest_free)


def _with_ions_gone(setting: Setting, without: Surface) -> State:
    """Return *without* as a state; what is fixed beside the ligand on the whole surface is fixed here too.

    On a dot the neighbours of a missing ion become surface atoms, which alone would free them.
    """
    gone = removed_atoms(setting.surface, without)
    mask = np.delete(fixed_mask(setting.surface.atoms, setting.lowest_free), gone)
    return State(atoms=without.atoms.copy(), charge=without.charge, fixed=mask, kind="slab")


def _adduct(setting: Setting) -> State:
    if setting.donor is None or setting.donor.charge:
        raise AskError(f"{setting.name}: the donor is a neutral molecule, such as methylamine")
    return State(atoms=adduct(setting.ligand, setting.donor))


def _donor(setting: Setting) -> State:
    if setting.donor is None:
        raise AskError(f"{setting.name}: name the donor")
    return State(atoms=setting.donor.atoms)


def _acid(setting: Setting) -> State:
    return State(atoms=hydride(setting.anion, setting.surface.charges[setting.anion]))


_MAKERS: Mapping[str, Callable[[Setting], State]] = {
    "surface": lambda s: slab_state(s.base, s.lowest_free),
    VACANCY: _pair_gone,
    "surface without the ion": _without_ion,
    "free ligand": _free,
    "acid of the anion": _acid,
    "bulk salt": _salt,
    "amine of the cation": _amine,
    "ion pair of the cation": lambda s: State(atoms=ion_pair(cation_smiles(s.cation), f"[{s.anion}-]")),
    "bulk of the ligand": _ligand_crystal,
    "adduct with the donor": _adduct,
    "free donor": _donor,
}


def _words(setting: Setting, states: Mapping[str, State]) -> dict[str, str]:
    """Return what stands in the equation."""

    def formula(state: str) -> str:
        return str(states[state].atoms.get_chemical_formula(mode="hill")) if state in states else ""

    free = formula("free ligand") or formula("bulk of the ligand") or formula("adduct with the donor")
    count = setting.displaced
    return {
        "n": str(count) if count > 1 else "",
        "m": f"{count} " if count > 1 else "",
        "X": setting.site.species if setting.name == "heterolytic" else setting.anion,
        "A": setting.cation,
        "gone": setting.gone,
        "HX": formula("acid of the anion"),
        "HA": formula("amine of the cation"),
        "HL": f"{setting.ligand.name} as {free}",
        "D": setting.donor.name if setting.donor else "",
    }


def _warnings(setting: Setting) -> list[str]:
    """Return what to know about the states of this reaction."""
    name, found = setting.name, []
    salt = setting.ligand.binds == "pair" and "." in setting.ligand.free_forms.get("neutral", "")
    if salt or name in ("salt exchange", "anion salt exchange", "ion-pair exchange", "ion-pair desorption"):
        found.append(_SALT_WARNING)
    if name == "heterolytic":
        found.append("ions in vacuum: not to be compared with energies of reactions between neutral states")
    if name == "Z-type displacement":
        found.append("the adduct holds one donor; one start of it is relaxed")
    return found
