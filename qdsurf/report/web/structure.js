"use strict";
// Structures: extended XYZ as the page carries it, as the viewer wants it, and as files of other programs.
const structure = (() => {
  const lengthOf = (v) => Math.hypot(...v);
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];

  const comment = (line) => {
    const found = {};
    for (const [, key, quoted, bare] of line.matchAll(/([^\s=]+)=(?:"((?:[^"\\]|\\.)*)"|(\S+))/g)) {
      found[key] = quoted === undefined ? bare : quoted.replace(/\\(.)/g, "$1");
    }
    return found;
  };

  // [{species, position}] of places that lack their ion
  const vacancies = (info) => {
    const listed = info.vacancies ?? "";
    return listed.startsWith("_JSON ") ? JSON.parse(listed.slice(6)) : [];
  };

  const parse = (text) => {
    const lines = text.split("\n"), size = Number(lines[0]), info = comment(lines[1]);
    const at = {};
    let column = 0;
    const parts = info.Properties.split(":");
    for (let k = 0; k < parts.length; k += 3) { at[parts[k]] = column; column += Number(parts[k + 2]); }
    const read = lines.slice(2, 2 + size).map((line) => line.trim().split(/\s+/));
    const numbers = info.Lattice ? info.Lattice.trim().split(/\s+/).map(Number) : null;
    return {
      symbols: read.map((words) => words[at.species]),
      positions: read.map((words) => [0, 1, 2].map((k) => Number(words[at.pos + k]))),
      fragments: "fragment" in at ? read.map((words) => words[at.fragment]) : null,
      roles: "role" in at ? read.map((words) => words[at.role]) : null,
      cell: numbers ? [numbers.slice(0, 3), numbers.slice(3, 6), numbers.slice(6, 9)] : null,
      pbc: (info.pbc ?? (numbers ? "T T T" : "F F F")).split(/\s+/).map((sign) => sign === "T"),
      vacancies: vacancies(info),
    };
  };

  // Cell and positions for formats that need a cell: a dot gets a box with empty space around it.
  const boxed = (atoms) => {
    if (atoms.cell && atoms.pbc.some(Boolean)) return atoms;
    const gap = 10, low = [0, 1, 2].map((k) => Math.min(...atoms.positions.map((p) => p[k])));
    const high = [0, 1, 2].map((k) => Math.max(...atoms.positions.map((p) => p[k])));
    return {
      ...atoms,
      cell: [0, 1, 2].map((k) => [0, 1, 2].map((j) => (j === k ? high[k] - low[k] + 2 * gap : 0))),
      positions: atoms.positions.map((p) => p.map((x, k) => x - low[k] + gap)),
    };
  };

  const grouped = (symbols) => {
    const kinds = [...new Set(symbols)].sort();
    return kinds.map((kind) => [kind, symbols.flatMap((symbol, k) => (symbol === kind ? [k] : []))]);
  };
  const triple = (v, digits) => v.map((x) => x.toFixed(digits).padStart(digits + 6)).join(" ");

  const poscar = (given, title) => {
    const atoms = boxed(given), kinds = grouped(atoms.symbols);
    return [
      title.replace(/\s+/g, " "), "1.0", ...atoms.cell.map((v) => triple(v, 10)),
      kinds.map(([kind]) => kind).join(" "), kinds.map(([, members]) => members.length).join(" "),
      "Cartesian", ...kinds.flatMap(([, members]) => members.map((k) => triple(atoms.positions[k], 10))), "",
    ].join("\n");
  };

  const cif = (given, title) => {
    const atoms = boxed(given), [a, b, c] = atoms.cell;
    const volume = dot(a, cross(b, c));
    const inverse = [cross(b, c), cross(c, a), cross(a, b)].map((v) => v.map((x) => x / volume));
    const angle = (u, v) => (Math.acos(dot(u, v) / lengthOf(u) / lengthOf(v)) * 180) / Math.PI;
    const count = {};
    const sites = atoms.symbols.map((symbol, k) => {
      count[symbol] = (count[symbol] ?? 0) + 1;
      const shares = inverse.map((v) => dot(v, atoms.positions[k]).toFixed(8));
      return `${symbol}${count[symbol]} ${symbol} ${shares.join(" ")} 1.0`;
    });
    return [
      `data_${title.replace(/[^\w.+-]+/g, "_").slice(0, 60) || "structure"}`,
      `_cell_length_a ${lengthOf(a).toFixed(8)}`, `_cell_length_b ${lengthOf(b).toFixed(8)}`,
      `_cell_length_c ${lengthOf(c).toFixed(8)}`, `_cell_angle_alpha ${angle(b, c).toFixed(8)}`,
      `_cell_angle_beta ${angle(a, c).toFixed(8)}`, `_cell_angle_gamma ${angle(a, b).toFixed(8)}`,
      "_symmetry_space_group_name_H-M 'P 1'", "_symmetry_Int_Tables_number 1", "loop_",
      "_symmetry_equiv_pos_as_xyz", "'x, y, z'", "loop_", "_atom_site_label", "_atom_site_type_symbol",
      "_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z", "_atom_site_occupancy", ...sites, "",
    ].join("\n");
  };

  // Ions as balls, what is a molecule as balls and sticks: single atoms of the lattice are ions.
  const areIons = (atoms) => {
    const members = {};
    (atoms.fragments ?? []).forEach((fragment) => { members[fragment] = (members[fragment] ?? 0) + 1; });
    return atoms.symbols.map((symbol, k) => {
      if (!atoms.fragments) return !["H", "C", "N", "O", "P"].includes(symbol);
      return members[atoms.fragments[k]] === 1 && atoms.roles?.[k] !== "ligand";
    });
  };

  const rod = (from, to, radius, colour) => ({
    kind: "cylinder",
    parameters: {
      global: { radius, color: colour },
      structure: [{ position: from, vector: to.map((x, k) => x - from[k]) }],
    },
  });

  // Edges of the cell; along a direction that does not repeat, only as high as the atoms.
  const cellEdges = (atoms) => {
    const free = atoms.pbc.indexOf(false);
    let origin = [0, 0, 0], [a, b, c] = atoms.cell;
    if (free >= 0) {
      [a, b] = [atoms.cell[(free + 1) % 3], atoms.cell[(free + 2) % 3]];
      const normal = cross(a, b).map((x) => x / lengthOf(cross(a, b)));
      const heights = atoms.positions.map((p) => dot(p, normal));
      const low = Math.min(...heights) - 1.5, high = Math.max(...heights) + 1.5;
      origin = normal.map((x) => x * low);
      c = normal.map((x) => x * (high - low));
    }
    const corner = (i, j, k) => origin.map((x, n) => x + i * a[n] + j * b[n] + k * c[n]);
    const edges = [];
    for (const [i, j] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
      edges.push([corner(0, i, j), corner(1, i, j)], [corner(i, 0, j), corner(i, 1, j)],
        [corner(i, j, 0), corner(i, j, 1)]);
    }
    return edges.map(([from, to]) => rod(from, to, 0.05, "#8a929c"));
  };

  const MISSING = "#C2185B";   // the colour of vacancies, which no element of the palette has
  const cross3d = ([x, y, z]) => [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map((v) =>
    rod([x - v[0], y - v[1], z - v[2]], [x + v[0], y + v[1], z + v[2]], 0.16, MISSING));

  const MANY = 1500;   // more balls than this are slow to turn; then all atoms are small balls
  const forViewer = (atoms) => {
    const { radii, pale } = page.settings, ions = areIons(atoms);
    const periodic = atoms.cell && atoms.pbc.some(Boolean);
    // ions inside are pale, so that the surface and what is bound to it stand out
    const inside = (k) => ions[k] && atoms.roles?.[k] === "core" && atoms.roles.includes("surface");
    const crosses = atoms.vacancies.flatMap((vacancy) => cross3d(vacancy.position));
    const balls = atoms.symbols.map((symbol, k) => ({
      radius: ions[k] ? radii[symbol] ?? 0.8 : atoms.roles?.[k] === "ligand" ? 0.42 : 0.1,
      ...(inside(k) && pale[symbol] ? { color: pale[symbol] } : {}),
    }));
    // every structure has all three, because the viewer keeps the choice from one to the next
    const shapes = {
      ions: ions.length <= MANY
        ? { kind: "sphere", parameters: { global: { radius: 0.1 }, atom: balls } }
        : { kind: "combined", shapes: [] },
      cell: { kind: "combined", shapes: periodic ? cellEdges(atoms) : [] },
      vacancies: { kind: "combined", shapes: crosses },
    };
    const made = {
      size: atoms.symbols.length, names: atoms.symbols,
      x: atoms.positions.map((p) => p[0]), y: atoms.positions.map((p) => p[1]),
      z: atoms.positions.map((p) => p[2]), shapes,
    };
    return periodic ? { ...made, cell: atoms.cell.flat() } : made;
  };

  return { parse, poscar, cif, forViewer };
})();
