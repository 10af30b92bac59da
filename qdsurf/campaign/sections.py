"""The sections of a campaign file and what each key means."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)


class _Section(BaseModel):
    """Part of a campaign file: unknown keys, text for numbers and infinities are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class SurfaceSection(_Section):
    """A slab (crystal and hkl), a dot (crystal and shape), an entry of the shelf, or a file.

    Lengths in Å.
    """

    name: str | None = Field(default=None, description="What rows call it; else what its builder calls it.")
    crystal: str | None = Field(default=None, description="Crystal of the shelf.")
    shelf: str | None = Field(default=None, description="Surface of the shelf.")
    file: str | None = Field(default=None, description="Extended XYZ written by qdsurf.")
    hkl: tuple[int, int, int] | None = Field(default=None, description="Miller indices of a slab.")
    termination: str | None = None
    layers: PositiveInt = 3
    repeat: tuple[PositiveInt, PositiveInt] = (1, 1)
    vacuum: PositiveFloat = 15.0
    shape: str | None = Field(default=None, description="Shape of a dot: cube, sphere, octahedron, ...")
    cells: PositiveInt | tuple[PositiveInt, PositiveInt, PositiveInt] | None = Field(
        default=None, description="Size of a dot in unit cells; three numbers for a cuboid."
    )
    edge: PositiveFloat | tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = Field(
        default=None, description="Edge of a dot; three numbers for a cuboid."
    )
    diameter: PositiveFloat | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> SurfaceSection:
        given = [name for name in ("crystal", "shelf", "file") if getattr(self, name) is not None]
        if not given:
            raise ValueError("the key 'surface.crystal' is missing")
        if len(given) > 1:
            raise ValueError(f"one of crystal, shelf and file is wanted, not {' and '.join(given)}")
        if self.crystal is not None and (self.hkl is None) == (self.shape is None):
            raise ValueError("a crystal needs either hkl (a slab) or shape (a dot)")
        return self


class VacancySection(_Section):
    """Ions taken out of a surface at random places of it; an empty section leaves it whole."""

    species: str | None = None
    count: PositiveInt | None = None
    fraction: PositiveFloat | None = Field(default=None, le=1.0)
    compensate: str | None = Field(
        default=None, description="Species that goes too, so that no charge is left."
    )
    seed: NonNegativeInt = 0

    @model_validator(mode="after")
    def _complete(self) -> VacancySection:
        if self.species and (self.count is None) == (self.fraction is None):
            raise ValueError("vacancies need either count or fraction")
        if not self.species and (self.count or self.fraction or self.compensate):
            raise ValueError("vacancies need a species")
        return self


class CoverageSection(_Section):
    """Ligands that are on the surface before; an empty section leaves it bare."""

    ligands: dict[str, float] = Field(default_factory=dict)
    unit: Literal["count", "fraction", "nm^-2"] = "count"
    seed: NonNegativeInt = 0


class SiteSection(_Section):
    """Which sites may be taken; an empty section allows all."""

    kind: str | None = Field(default=None, description='"anion site", "cation site", "on a cation", ...')
    species: str | None = None
    location: Literal["face", "edge", "corner"] | None = None
    facet: tuple[int, int, int] | None = None


class LigandSection(_Section):
    """Names of the shelf, SMILES of bound forms by name, and files of SMILES, CSV or SDF."""

    names: tuple[str, ...] = ()
    smiles: dict[str, str] = Field(default_factory=dict)
    files: tuple[str, ...] = Field(default=(), description="Paths, relative to the campaign file.")
    anchor: str | None = Field(
        default=None,
        description='Group that binds, for SMILES; of molecules from files "best" where left out.',
    )
    charge_state: str = Field(default="as written", description='"as written", "auto", or a state by name.')


class LimitSection(_Section):
    """What one pair may use; memory in GB of address space, seconds of wall time."""

    threads: PositiveInt = 1
    memory: PositiveFloat | None = None
    seconds: PositiveFloat | None = None
    gpus: NonNegativeInt = 0


class MethodSection(_Section):
    """A method of the shelf and whose lattice constant slabs have."""

    name: str
    settings: dict[str, Any] = Field(default_factory=dict, description="In place of those of the preset.")
    lattice: Literal["method", "experimental"] = "method"


class ProtocolSection(_Section):
    """Starting poses per ligand, force threshold in eV/Å and step limit."""

    poses: PositiveInt = 2
    fmax: PositiveFloat = 0.05
    steps: PositiveInt = 150


class FilterSection(_Section):
    """A value of the row and the range that it must lie in: score, energy_eV, descriptors.NAME, ..."""

    value: str
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> FilterSection:
        if self.min is None and self.max is None:
            raise ValueError("a filter needs min or max")
        return self


class TierSection(_Section):
    """One round of the funnel: by descriptors (rank) or by energies (method), and what goes on."""

    name: str | None = None
    rank: str | None = Field(default=None, description="Preset of qdsurf rank: a score from descriptors.")
    method: str | None = Field(default=None, description="Method of the shelf: energies.")
    settings: dict[str, Any] = Field(default_factory=dict)
    evaluate: str | None = Field(
        default=None, description='"module:function" that computes in place of the binding energy.'
    )
    lattice: Literal["method", "experimental"] = "method"
    protocol: ProtocolSection = ProtocolSection()
    limits: LimitSection | None = None
    keep: PositiveInt | None = Field(
        default=None, description="How many go on: of all by score, of each class by energy."
    )
    filters: tuple[FilterSection, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> TierSection:
        if (self.rank is None) == (self.method is None):
            raise ValueError("a tier needs either rank or method")
        return self


class OutputSection(_Section):
    """What is left behind beside table.csv and table.json."""

    store: str | None = Field(
        default=None, description="URL of a PostgreSQL database; else a file of the folder."
    )
    exports: tuple[Literal["db", "extxyz", "csv", "jsonl", "parquet"], ...] = ()
    structures: NonNegativeInt = Field(default=1000, description="Most structure files, the best first.")
    report: bool = True


class EngineSection(_Section):
    """Where the work is done."""

    kind: Literal["local", "dask", "parsl", "slurm"] = "local"
    workers: PositiveInt | None = None
    options: dict[str, Any] = Field(default_factory=dict, description="Handed to the engine as they are.")


class Campaign(_Section):
    """A screening: surfaces x vacancies x coverages x sites x modes x ligands, in one tier or several.

    Attributes
    ----------
    path
        The file that it was read from, or None; gives the default output folder its name.
    """

    title: str = ""
    surface: SurfaceSection | None = None
    surfaces: tuple[SurfaceSection, ...] = ()
    vacancies: tuple[VacancySection, ...] = (VacancySection(),)
    coverages: tuple[CoverageSection, ...] = (CoverageSection(),)
    sites: tuple[SiteSection, ...] = (SiteSection(),)
    modes: tuple[Literal["auto", "terminal", "chelating", "bridging", "tilted"], ...] = ("auto",)
    ligands: LigandSection
    method: MethodSection | None = None
    protocol: ProtocolSection = ProtocolSection()
    limits: LimitSection = LimitSection()
    tiers: tuple[TierSection, ...] = ()
    engine: EngineSection = EngineSection()
    outputs: OutputSection = OutputSection()
    path: Path | None = Field(default=None, exclude=True)

    @model_validator(mode="after")
    def _complete(self) -> Campaign:
        if (self.surface is None) == (not self.surfaces):
            raise ValueError("either [surface] or [[surfaces]] is wanted")
        if (self.method is None) == (not self.tiers):
            raise ValueError("either [method] or [[tiers]] is wanted")
        if self.tiers and (self.tiers[-1].keep or self.tiers[-1].filters):
            raise ValueError("the last tier hands nothing on: keep and filters belong to those before it")
        for axis in ("vacancies", "coverages", "sites", "modes"):
            values = getattr(self, axis)
            if not values or any(value in values[:n] for n, value in enumerate(values)):
                raise ValueError(f"{axis} is empty or has the same entry twice")
        return self

    @property
    def all_surfaces(self) -> tuple[SurfaceSection, ...]:
        """The surfaces, however they are written."""
        return self.surfaces or ((self.surface,) if self.surface else ())

    @property
    def all_tiers(self) -> tuple[TierSection, ...]:
        """The tiers; [method] with [protocol] is one."""
        if self.tiers or self.method is None:
            return self.tiers
        return (
            TierSection(
                method=self.method.name,
                settings=self.method.settings,
                lattice=self.method.lattice,
                protocol=self.protocol,
            ),
        )

    @property
    def name(self) -> str:
        """Name of the campaign in its store: the file name without its ending."""
        return (self.path or Path("campaign")).stem

    def beside(self, file: str) -> Path:
        """Return the path of *file*, which is relative to the campaign file."""
        return (self.path.parent if self.path else Path()) / file
