"""The terms of a ligand's score: each a number with its unit, and a sentence that says where it is from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qdsurf.rank.candidates import Candidate
from qdsurf.rank.geometry import Shape
from qdsurf.rank.hsab_tables import charged_name, contact_radius, donor_group, hardness_of
from qdsurf.rank.presets import Preset
from qdsurf.rank.softness import acid_softness, group_donor, pearson
from qdsurf.rank.targets import LatticeIon, Target, facet_rules
from qdsurf.rank.ways import End, Option

# e^2/(4 pi eps0) in eV Å, and e nm^-2 D/eps0 in eV (CODATA).
COULOMB = 14.39964
HELMHOLTZ = 0.376730


@dataclass(frozen=True, kw_only=True)
class Value:
    """A term of one ligand: a number or None, why, and how sure the facts behind it are."""

    value: float | None
    note: str
    status: str = "computed"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way of binding of one candidate at one target under one preset."""

    candidate: Candidate
    option: Option
    target: Target
    preset: Preset
    energy: float | None = None


def can_bind(option: Option, target: Target) -> str:
    """Return why *option* cannot bind at *target*; "" where it can."""
    if option.near.takes in ("anion site", "on a cation"):
        return ""
    if target.exposed_anion is None:
        where = "a bare ion has none" if not target.is_surface else "this one exposes none"
        return f"binds as {option.near.group}, an acid that needs an anion of a surface; {where}"
    return ""


def _softness(end: End, *, at_oxide: bool = False) -> tuple[float | None, str]:
    """Return the softness of an end as a base, and a sentence about it."""
    name = str(donor_group(end.group).get("at_oxide", end.group)) if at_oxide else end.group
    donor = group_donor(name)
    by = ", ".join(sorted({vote.hsab_class for vote in donor.classes})) or "no class known"
    analogy = donor_group(name).get("analogy")
    return donor.softness, f"{name} ({by}{f', by analogy with {analogy}' if analogy else ''})"


def _acid_end(option: Option) -> tuple[float | None, str]:
    """Return the softness of a cationic end or a metal, and its name."""
    end = option.near
    if end.symbol in ("N", "C", "P", "S", "B"):
        name = donor_group(end.group).get("acid", "")
        return (acid_softness(name) if name else None), end.group
    name = charged_name(end.symbol, option.valence or end.charge)
    return acid_softness(name), name


def _describe_softness(value: float | None) -> str:
    """Return a word for a softness."""
    if value is None:
        return "unclassed"
    for limit, word in ((-0.6, "hard"), (-0.15, "rather hard"), (0.15, "borderline"), (0.6, "rather soft")):
        if value <= limit:
            return word
    return "soft"


def _match(acid: float | None, base: float | None, text: str) -> Value:
    """Return the product of two softnesses."""
    if acid is None or base is None:
        return Value(value=None, note=f"{text}: one of them is in no table of classes")
    return Value(value=acid * base + 0.0, note=text, status="verified")


def hard_soft_match(case: Case) -> Value:
    """Return the softness of the acid times that of the base."""
    acid, other = case.target.acid, case.target.exposed_anion
    if case.option.near.takes in ("anion site", "on a cation"):
        base, text = _softness(case.option.near)
        sentence = f"{text} on {acid.name} ({_describe_softness(acid.softness)})"
        return _match(acid.softness, base, sentence)
    soft, name = _acid_end(case.option)
    assert other is not None
    sentence = f"{name} ({_describe_softness(soft)}) on {other.name} ({_describe_softness(other.softness)})"
    return _match(soft, other.softness, sentence)


def charge_transfer(case: Case) -> Value:
    """Return Pearson's energy in eV, from tables or computed."""
    if case.energy is not None:
        return Value(value=case.energy, note="chi and eta of the molecule computed by three single points")
    acid = hardness_of(case.target.acid.name, "acid")
    base = group_donor(case.option.near.group).table
    exact = base and base[0].species in donor_group(case.option.near.group).get("classes", ())
    if not acid or not exact or acid[0].chi is None or base[0].chi is None:
        return Value(value=None, note="no electronegativity in the tables; electronic=... computes one")
    energy = pearson(acid[0].chi, acid[0].eta, base[0].chi, base[0].eta)[1]
    return Value(value=energy, note=f"chi and eta of {base[0].species} from the tables")


def _head_radius(option: Option) -> tuple[float | None, str]:
    """Return the radius in Å of the binding atom or of the head group of a cation, and whose it is."""
    end = option.near
    if end.takes == "cation site":
        if end.family == "metal cation":
            name = charged_name(end.symbol, end.charge)
        else:
            name = str(donor_group(end.group).get("radius_of", ""))
        found = contact_radius(name)
        return (None if found is None else found.radius), name or end.group
    anion = {
        "F": "F-",
        "Cl": "Cl-",
        "Br": "Br-",
        "I": "I-",
        "O": "O2-",
        "S": "S2-",
        "Se": "Se2-",
        "Te": "Te2-",
    }
    name = anion.get(end.symbol, end.symbol)
    found = contact_radius(name)
    return (None if found is None else found.radius), name


def ion_pair(case: Case) -> Value:
    """Return the energy in eV of the contact ion pair."""
    end, target = case.option.near, case.target
    counter: LatticeIon | None = target.acid
    if end.takes in ("cation site", "on an anion"):
        counter = target.exposed_anion
    if end.charge == 0 or counter is None:
        return Value(value=0.0, note=f"{end.group} is neutral: no ion pair")
    radius, name = _head_radius(case.option)
    if radius is None or counter.radius is None:
        lacking = name if radius is None else counter.name
        return Value(value=None, note=f"no radius of {lacking} in the tables")
    value = COULOMB * end.charge * counter.charge / (radius + counter.radius)
    note = f"{end.group} ({end.charge:+d}) beside {counter.name} at {radius + counter.radius:.2f} Å"
    return Value(value=value, note=note, status="measured")


def _site_ion(case: Case) -> LatticeIon | None:
    """Return the lattice ion that the ligand replaces; None where it replaces none."""
    takes = case.option.near.takes
    if takes == "anion site":
        return case.target.anion
    return case.target.cation if takes == "cation site" else None


def charge_match(case: Case) -> Value:
    """Return how far the charge of the ligand is from that of the ion it replaces."""
    takes, ion = case.option.near.takes, _site_ion(case)
    if case.option.partner is not None:
        near, partner, other = case.option.near, case.option.partner, case.target.exposed_anion
        beside = f" beside {other.name}" if other else ""
        note = (
            f"a zwitterion: its {near.group} goes to {case.target.acid.name}, its {partner.group} to the "
            f"cation site{beside}; no charge is left"
        )
        return Value(value=0.0, note=note)
    if takes in ("on a cation", "on an anion"):
        return Value(value=0.0, note="neutral, bound on top: replaces no ion")
    if ion is None:
        return Value(value=None, note=f"the surface has no {takes} to fill")
    left = case.candidate.charge - ion.charge
    note = f"charge {case.candidate.charge:+d} in place of {ion.name}"
    if left:
        note += f" leaves {left:+d} to be balanced, by an electron or by another ion"
    return Value(value=float(abs(left)), note=note)


def size_match(case: Case) -> Value:
    """Return the difference in Å between the head group and the ion it replaces."""
    ion = _site_ion(case)
    if ion is None or ion.radius is None:
        return Value(value=None, note="replaces no lattice ion of known radius")
    radius, name = _head_radius(case.option)
    if radius is None:
        return Value(value=None, note=f"no radius of {name} in the tables")
    note = f"{name} {radius:.2f} Å in the place of {ion.name} {ion.radius:.2f} Å"
    return Value(value=abs(radius - ion.radius), note=note, status="measured")


def facet(case: Case) -> Value:
    """Return what the literature says of this ligand on this facet."""
    end = case.option.near
    known = facet_rules(case.target)
    for rule in known:
        if end.family in rule["groups"] and end.symbol in rule.get("elements", [end.symbol]):
            note = f"{rule['says']} ({', '.join(rule['ids'])}; {rule['source']})"
            return Value(value=float(rule["effect"]), note=note, status=rule["status"])
    return Value(value=0.0 if known else None, note="no statement about this ligand on this facet")


def denticity(case: Case) -> Value:
    """Return the number of atoms that can bind."""
    option = case.option
    extra = " with the ammonium end" if option.partner else ""
    return Value(value=float(option.denticity), note=f"{option.denticity} binding atoms{extra}")


def donor_pka(case: Case) -> Value:
    """Return the pKa of the conjugate acid of the donor."""
    entry = donor_group(case.option.near.group)
    if "pka" not in entry:
        return Value(value=None, note=f"no pKa for {case.option.near.group} in the tables")
    note = f"pKa {entry['pka']:g}: {entry['pka_source']} [{entry['pka_status']}]"
    return Value(value=float(entry["pka"]), note=note, status=entry["pka_status"])


def crowding(case: Case) -> Value:
    """Return the footprint over the area of a site."""
    shape, area = case.option.shape, case.target.site_area
    if shape is None or area is None:
        return Value(value=None, note="no footprint or no area per site")
    note = f"{_shadow(shape)} on a site of {area:.0f} Å^2"
    return Value(value=shape.footprint / area, note=note)


def footprint(case: Case) -> Value:
    """Return the footprint in Å^2."""
    shape = case.option.shape
    if shape is None:
        return Value(value=None, note="no geometry")
    return Value(value=shape.footprint, note=_shadow(shape))


def _shadow(shape: Shape) -> str:
    """Return the footprint with its spread, in words."""
    return f"footprint {shape.footprint:.0f} ± {shape.footprint_spread:.0f} Å^2"


def length(case: Case) -> Value:
    """Return the length in Å."""
    shape = case.option.shape
    if shape is None:
        return Value(value=None, note="no geometry")
    return Value(value=shape.length, note=f"{shape.length:.1f} ± {shape.length_spread:.1f} Å long")


def rotatable_bonds(case: Case) -> Value:
    """Return the number of bonds that can turn."""
    count = case.candidate.rotatable_bonds
    return Value(value=float(count), note=f"{count} bonds can turn" if count else "rigid")


def chain_length(case: Case) -> Value:
    """Return the carbon atoms of the longest open chain; None where no chain keeps the dots apart."""
    count = case.candidate.chain_length
    if case.option.partner is not None:
        return Value(value=None, note="a zwitterion: the rule is for chains")
    if case.candidate.ring_carbons > count:
        return Value(value=None, note="rings, no chain: the rule says nothing of them")
    note = f"chain of {count} carbon atoms"
    if count <= 6:
        note += ": not above the 6 that the rule of thumb asks for (S049)"
    return Value(value=float(count), note=note, status="verified")


def far_end(case: Case) -> Value:
    """Return the match of the best other end with the second acid."""
    name = case.preset.far_acid or "Ti4+"
    acid = acid_softness(name)
    found = [(_softness(end, at_oxide=True), end) for end in case.option.far if end.takes != "cation site"]
    known = [(soft * (acid or 0.0), text) for (soft, text), _ in found if soft is not None]
    if not known:
        return Value(value=None, note=f"no second end to bind {name}")
    value, text = max(known)
    return Value(value=value + 0.0, note=f"{text} on {name}", status="verified")


def anchor_shift(case: Case) -> Value:
    """Return the sign of the band shift that the literature states for the binding group."""
    entry = donor_group(case.option.near.group)
    if "band_shift" not in entry:
        return Value(value=0.0, note=f"no statement on the band shift by {case.option.near.group}")
    status = "verified" if "(verified)" in entry["band_shift_source"] else "computed"
    return Value(value=float(entry["band_shift"]), note=entry["band_shift_source"], status=status)


def band_shift(case: Case) -> Value:
    """Return the Helmholtz shift in eV of the dipole of the molecule; positive is towards vacuum."""
    shape = case.option.shape
    if shape is None or shape.dipole is None or case.option.partner is not None:
        return Value(value=None, note="the dipole along the axis is unknown")
    density = case.target.density
    where = "sites" if density else "assumed"
    density = min(density or case.preset.density, 100.0 / max(shape.footprint, 1.0))
    value = HELMHOLTZ * density * shape.dipole / case.preset.permittivity
    note = (
        f"dipole {shape.dipole:+.1f} ± {shape.dipole_spread:.1f} D along the axis, {density:.1f} nm^-2 "
        f"({where} or closest packing), permittivity {case.preset.permittivity:g} (assumed)"
    )
    return Value(value=value, note=note)


def logp(case: Case) -> Value:
    """Return Crippen's log P."""
    return Value(value=case.candidate.logp, note=f"log P {case.candidate.logp:.1f} (Crippen, a proxy)")


def molar_mass(case: Case) -> Value:
    """Return the molar mass in g/mol."""
    mass = case.candidate.molar_mass
    return Value(value=mass, note=f"{mass:.0f} g/mol, a proxy for involatility")


TERMS: dict[str, Callable[[Case], Value]] = {
    "hard_soft_match": hard_soft_match,
    "charge_transfer": charge_transfer,
    "ion_pair": ion_pair,
    "charge_match": charge_match,
    "size_match": size_match,
    "facet": facet,
    "denticity": denticity,
    "donor_pka": donor_pka,
    "crowding": crowding,
    "footprint": footprint,
    "length": length,
    "rotatable_bonds": rotatable_bonds,
    "chain_length": chain_length,
    "far_end": far_end,
    "anchor_shift": anchor_shift,
    "band_shift": band_shift,
    "logp": logp,
    "molar_mass": molar_mass,
}
# Terms that need a geometry of the molecule.
GEOMETRIC = frozenset({"crowding", "footprint", "length", "band_shift"})
