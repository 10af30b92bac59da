"""Random molecules whose class, charge, site and binding group are known from how they are put together.

Used by tests and benchmarks; the same seed gives the same molecules.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A SMILES, and what it must be found to be: a ligand, or refused with a message.

    *auto* is (charge, group that binds) in the automatic charge state, where that is asked of it.
    """

    smiles: str
    charge: int = 0
    cbc_class: str = ""
    binds: str = ""
    anchor: str = ""
    refused: str = ""
    auto: tuple[int, str] | None = None


@dataclass(frozen=True)
class Head:
    """The end of a SMILES that binds; *aromatic* is its name on an aryl group, "same" or another."""

    text: str
    charge: int
    cbc_class: str
    binds: str
    anchor: str
    aromatic: str = "same"
    weak: bool = False
    auto: tuple[int, str] | None = None


def _x(text: str, anchor: str, charge: int = -1, aromatic: str = "same") -> Head:
    return Head(text, charge, "X", "anion site", anchor, aromatic, auto=(charge, anchor))


def _a(text: str, anchor: str, aromatic: str = "same") -> Head:
    return Head(text, 1, "X", "cation site", anchor, aromatic)


def _l(
    text: str, anchor: str, aromatic: str = "same", weak: bool = False, auto: tuple[int, str] | None = None
) -> Head:
    return Head(text, 0, "L", "on a cation", anchor, aromatic, weak, auto or (0, anchor))


def _pair(text: str, anchor: str) -> Head:
    return Head(text, 0, "X", "pair", anchor, auto=(0, anchor))


HEADS = (
    _x("C(=O)[O-]", "carboxylate"),
    _x("[S-]", "thiolate"),
    _x("[Se-]", "selenolate"),
    _x("P(=O)(O)[O-]", "phosphonate"),
    _x("P(=O)([O-])[O-]", "phosphonate", charge=-2),
    _x("P(C)(=O)[O-]", "phosphinate"),
    _x("OP(=O)(O)[O-]", "phosphate"),
    _x("S(=O)(=O)[O-]", "sulfonate"),
    _x("OS(=O)(=O)[O-]", "sulfate"),
    _x("S(=O)[O-]", "sulfinate"),
    _x("C(=S)[S-]", "dithiocarboxylate"),
    _x("N(C)C(=S)[S-]", "dithiocarbamate"),
    _x("OC(=S)[S-]", "xanthate"),
    _x("C(=O)[S-]", "thiocarboxylate"),
    _x("[O-]", "alkoxide", aromatic="phenolate"),
    _x("C(=O)N[O-]", "hydroxamate"),
    _a("[NH3+]", "primary ammonium"),
    _a("[NH2+]C", "secondary ammonium"),
    _a("[NH+](C)C", "tertiary ammonium"),
    _a("[N+](C)(C)C", "quaternary ammonium"),
    _a("[P+](C)(C)C", "phosphonium"),
    _a("[S+](C)C", "sulfonium"),
    _a("[n+]1ccccc1", "pyridinium"),
    _a("[n+]1ccn(C)c1", "imidazolium"),
    _a("NC(N)=[NH2+]", "guanidinium"),
    _a("C(N)=[NH2+]", "amidinium"),
    _l("N", "amine"),
    _l("NC", "amine"),
    _l("N(C)C", "amine"),
    _l("P(C)C", "phosphine"),
    _l("P(C)(C)=O", "phosphine oxide"),
    _l("P(C)(C)=S", "phosphine chalcogenide"),
    _l("S", "thiol", auto=(-1, "thiolate")),
    _l("SC", "thioether"),
    _l("S(C)=O", "sulfoxide"),
    _l("c1ccncc1", "pyridine"),
    _l("n1ccnc1", "imidazole"),
    _l("O", "alcohol", aromatic="phenol"),
    _l("C(=O)O", "carboxylic acid", auto=(-1, "carboxylate")),
    _l("P(=O)(O)O", "phosphonic acid", auto=(-1, "phosphonate")),
    _l("P(C)(=O)O", "phosphinic acid", auto=(-1, "phosphinate")),
    _l("S(=O)(=O)O", "sulfonic acid", auto=(-1, "sulfonate")),
    _l("C(=S)N", "thiocarbonyl"),
    _l("NC(=S)N", "thiocarbonyl"),
    _l("[N+]#[C-]", "isocyanide"),
    _l("C#N", "nitrile", weak=True),
    _l("C(C)=O", "carbonyl", weak=True),
    _l("C(=O)OC", "ester", weak=True),
    _l("C(=O)N(C)C", "amide", weak=True),
    _l("OC", "ether", weak=True),
    _pair("C([NH3+])C(=O)[O-]", "carboxylate + primary ammonium"),
    _pair("[N+](C)(C)CCCS(=O)(=O)[O-]", "sulfonate + quaternary ammonium"),
    _pair("OP(=O)([O-])OCC[N+](C)(C)C", "phosphate + quaternary ammonium"),
    Head("C(=O)O[Pb]OC(C)=O", 0, "Z", "on an anion", "metal salt"),
    Head("C(=O)O[Zn]Cl", 0, "Z", "on an anion", "metal salt"),
    Head("B(F)F", 0, "Z", "on an anion", "borane"),
)  # fmt: skip

INORGANIC = (
    Known("[I-]", -1, "X", "anion site", "halide"),
    Known("[Cl-]", -1, "X", "anion site", "halide"),
    Known("[S-2]", -2, "X", "anion site", "sulfide"),
    Known("[S-]C#N", -1, "X", "anion site", "thiocyanate"),
    Known("[N-]=[N+]=[N-]", -1, "X", "anion site", "azide"),
    Known("F[P-](F)(F)(F)(F)F", -1, "X", "anion site", "hexafluorophosphate"),
    Known("[O-][N+](=O)[O-]", -1, "X", "anion site", "nitrate"),
    Known("[S-][Sn]([S-])([S-])[S-]", -4, "X", "anion site", "chalcogenidometallate"),
    Known("[Cs+]", 1, "X", "cation site", "metal cation"),
    Known("[NH4+]", 1, "X", "cation site", "ammonium"),
    Known("I[Pb]I", 0, "Z", "on an anion", "metal salt"),
    Known("Cl[Cd]Cl", 0, "Z", "on an anion", "metal salt"),
    Known("N", 0, "L", "on a cation", "amine"),
    Known("O", 0, "L", "on a cation", "water"),
)

# Two heads on one chain: nothing but the person can say which binds.
AMBIGUOUS = (("N", "S"), ("N", "O"), ("C(=O)[O-]", "[S-]"), ("C(=O)[O-]", "S(=O)(=O)[O-]"), ("S", "C(=O)O"))


def random_molecules(count: int, seed: int = 0) -> list[Known]:
    """Return *count* molecules, one in ten of them to be refused, one in twenty inorganic."""
    rng = random.Random(seed)
    return [_one(rng) for _ in range(count)]


def _one(rng: random.Random) -> Known:
    draw = rng.random()
    if draw < 0.10:
        return _refused(rng)
    if draw < 0.15:
        return rng.choice(INORGANIC)
    head = rng.choice(HEADS)
    aromatic = rng.random() < 0.25
    name = head.aromatic if aromatic and head.aromatic != "same" else head.anchor
    auto = (
        None if head.auto is None else (head.auto[0], name if head.auto[1] == head.anchor else head.auto[1])
    )
    smiles = _backbone(rng, aromatic=aromatic, plain=head.weak) + head.text
    return Known(smiles, head.charge, head.cbc_class, head.binds, name, auto=auto)


def _backbone(rng: random.Random, *, aromatic: bool, plain: bool) -> str:
    """Return the SMILES of a chain or ring that ends where the head is put; *plain* has no weak donor."""
    tail = rng.choice(("", "C", "CC", "CCCC", "CC(C)", "FC(F)(F)", "ClC", "CCCCCCCC"))
    if not plain:
        tail = rng.choice((tail, tail, tail, "COCC", "N#CC", "COC(=O)C"))
    if aromatic:
        ring = rng.choice(("c1ccc(cc1)", "c1cccc(c1)", "c1cc(C)c(c(F)c1)", "c1ccc2cc(ccc2c1)"))
        return (tail + ring) if ring != "c1ccc2cc(ccc2c1)" else ring
    middle = rng.choice(
        (
            *("C" * rng.randint(1, 14), "CC(C)CC", "C(F)(F)C(F)(F)CC", "C1CCC(CC1)", "c1ccc(cc1)CC"),
            *("CC/C=C\\CC", "CC/C=C/CC", "C#CCC", "CCC(C)(C)C"),
        )
    )
    return tail + middle


def _refused(rng: random.Random) -> Known:
    chain = "C" * rng.randint(1, 8)
    kind = rng.randrange(6)
    if kind == 0:
        return Known(
            rng.choice((chain, chain + "Cl", f"c1ccccc1{chain}", chain + "[N+](=O)[O-]")), refused="no group"
        )
    if kind == 1:
        one, other = rng.choice(AMBIGUOUS)
        start = {"C(=O)[O-]": "[O-]C(=O)"}.get(one, one)
        return Known(f"{start}{chain}C{other}", refused="can bind by")
    if kind == 2:
        return Known(f"{chain}C(C)(C)(C)C", refused="valence")
    if kind == 3:
        return Known(f"{chain}(C", refused="not SMILES")
    if kind == 4:
        return Known(f"{chain}N.{chain}O", refused="several molecules")
    return Known(f"{chain}[CH-]C", refused="no group")
