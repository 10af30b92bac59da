"use strict";
// The chosen row: its numbers, its structure in three dimensions, its place on the map, its files.
const explorer = (() => {
  const { make } = page;
  const place = (name) => document.getElementById(name);
  let structures = {}, mapped = [], viewer = null;

  const atomsOf = async (row) => structure.parse(await page.unpack(structures[row.index]));

  // --- what is known of the row ---------------------------------------------------------------------

  const fact = (list, name, ...parts) => {
    if (parts.some((part) => part)) list.append(make("dt", {}, name), make("dd", {}, ...parts));
  };

  const facts = (row) => {
    const list = make("dl");
    const energy = row.energy_eV === null || row.energy_eV === undefined ? "" : `${page.energyText(row)} eV per ligand`;
    fact(list, "energy", energy && make("b", {}, energy));
    fact(list, "score", row.score?.toFixed(3));
    fact(list, "rank", row.rank ? `${page.rankText(row)} in: ${row.group}${row.tied ? " (tied: closer than the uncertainty)" : ""}` : "");
    fact(list, "reaction", row.reaction && `${row.reaction}: ${row.equation ?? ""}`);
    fact(list, "method", row.method, row.converged === false ? " (not converged)" : "");
    fact(list, "surface", [row.surface, row.site, row.mode === "auto" ? "" : row.mode].filter(Boolean).join(", "));
    fact(list, "binds by", row.anchor);
    fact(list, "closest contact", row.worst_contact);
    fact(list, "SMILES", row.smiles);
    fact(list, "not ranked", row.unranked);
    fact(list, "cause of failure", row.status === "failed" && !row.unranked ? row.cause : "");
    (row.warnings ?? []).forEach((warning) => fact(list, "warning", warning));
    return list;
  };

  const terms = (row) => {
    const names = Object.keys(row.terms ?? {});
    if (!names.length) return null;
    const body = make("tbody", {}, ...names.map((name) => make("tr", {},
      make("td", {}, name), make("td", { className: "num" }, String(row.stoichiometry?.[name] ?? "")),
      make("td", { className: "num" }, row.terms[name].toFixed(4)))));
    const head = make("tr", {}, make("th", {}, "state"),
      ...["coefficient", "energy / eV"].map((name) => make("th", { className: "num" }, name)));
    return make("table", { className: "terms" }, make("thead", {}, head), body);
  };

  // --- files ----------------------------------------------------------------------------------------

  const KINDS = {
    extxyz: [".extxyz", (row, text) => text],
    POSCAR: [".POSCAR.vasp", (row, text) => structure.poscar(structure.parse(text), `${row.ligand} on ${row.surface ?? "?"}`)],
    CIF: [".cif", (row, text) => structure.cif(structure.parse(text), row.ligand)],
  };
  const files = (row) => {
    if (!(row.index in structures)) return null;
    return make("div", { className: "tools" }, "Structure:", ...Object.entries(KINDS).map(([kind, [ending, write]]) => {
      const button = make("button", {}, kind);
      button.dataset.kind = kind;
      button.addEventListener("click", async () => page.save(
        write(row, await page.unpack(structures[row.index])), page.fileName(row.ligand) + ending, "text/plain"));
      return button;
    }));
  };

  const picture = (row) => {
    const source = page.settings.pictures[row.index];
    return source ? make("img", { src: source, alt: `structure of ${row.ligand}` }) : null;
  };

  const show = (row) => {
    page.chosen = row;
    place("chosen").replaceChildren(
      make("div", {}, make("h3", {}, row.ligand), facts(row)), make("div", {}, files(row), picture(row), terms(row)));
    const absent = place("absent");
    if (!absent) return;
    absent.hidden = row.index in structures;
    const why = row.status === "failed" ? "This row failed: there is no structure."
      : "The structure of this row is not in the page, which carries the best of each class.";
    absent.textContent = absent.hidden ? "" : why;
  };

  // --- the map and the viewer -----------------------------------------------------------------------

  // What the viewer shows under the notice where a row has no structure.
  const NOTHING = { size: 1, names: ["H"], x: [0], y: [0], z: [0] };

  const load = async (index) => {
    const row = mapped[index];
    if (row.index in structures) return structure.forViewer(await atomsOf(row));
    const none = { kind: "combined", shapes: [] };
    return { ...NOTHING, shapes: { ions: none, cell: none, vacancies: none } };
  };

  const dataset = () => {
    const properties = {};
    for (const [name, { values, units }] of Object.entries(page.settings.properties)) {
      const picked = mapped.map((row) => values[row.index]);
      const words = picked.some((value) => typeof value === "string");
      const plain = picked.map((value) => (words ? String(value ?? "") : value ?? NaN));
      properties[name] = { target: "structure", values: plain, ...(units ? { units } : {}) };
    }
    const { map } = page.settings;
    return {
      meta: { name: document.title }, structures: mapped.map((row, k) => ({ size: 1, data: k })), properties,
      settings: {
        map,
        structure: [{ bonds: true, atoms: true, unitCell: false, spaceFilling: false, shape: "ions,cell,vacancies" }],
      },
    };
  };

  const unit = (v) => v.map((x) => x / Math.hypot(...v));

  // Where "eye" and "up" of chemiscope are for a direction towards the camera: where z and y of the
  // structure go, in the axes of the screen. z stays upright.
  const turned = (center, towards) => {
    const near = unit(towards), right = unit([-near[1], near[0], 0]);
    const high = [near[1] * right[2] - near[2] * right[1], near[2] * right[0] - near[0] * right[2],
      near[0] * right[1] - near[1] * right[0]];
    return {
      eye: { x: center.x + right[2], y: center.y + high[2], z: center.z + near[2] },
      up: { x: right[1], y: high[1], z: near[1] },
    };
  };

  // The viewer says where its camera is only after somebody let go of the mouse.
  const letGo = (root) => {
    for (const part of root.querySelectorAll("*")) {
      if (!part.shadowRoot) continue;
      part.shadowRoot.firstElementChild?.dispatchEvent(new Event("mouseup"));
      letGo(part.shadowRoot);
    }
  };

  // Show the whole structure: the viewer itself comes twice as near. With *towards*, turn it too.
  const CAMERA_Z = 150, BACK = 1.5;   // where 3Dmol's camera stands, and how far to step back
  const fit = (towards) => {
    letGo(place("chsp-structure"));
    const saved = viewer.structure.saveSettings();
    if (saved.length !== 1 || !saved[0].camera) return;   // several structures side by side: as they are
    const { center, zoom } = saved[0].camera;
    const camera = { ...saved[0].camera, zoom: CAMERA_Z - (CAMERA_Z - zoom) * BACK, ...(towards ? turned(center, towards) : {}) };
    viewer.structure.applySettings([{ ...saved[0], camera }]);
  };

  // As the pictures of qdsurf: slabs from the side, dots so that three faces show.
  const direction = async () => {
    const row = mapped.find((one) => one.index in structures);
    const slab = row && (await atomsOf(row)).pbc.filter(Boolean).length === 2;
    return slab ? page.settings.views.slab : page.settings.views.dot;
  };

  const go = async (indexes) => {
    viewer.info.show(indexes);
    await viewer.structure.show(indexes);
    fit(null);
  };

  const picked = (indexes) => {
    const row = mapped[indexes.structure];
    if (row) { show(row); table.mark(row); }
  };

  const open = async () => {
    // run only now, so that the table is there first: it is three megabytes of script
    (0, eval)(page.text("viewer-script"));
    const names = { meta: "chsp-meta", map: "chsp-map", structure: "chsp-structure", info: "chsp-info" };
    viewer = await Chemiscope.DefaultVisualizer.load({ ...names, loadStructure: load, maxStructureViewers: 4 }, dataset());
    viewer.map.onselect = (indexes) => { picked(indexes); go(indexes); };
    const before = viewer.map.activeChanged;
    viewer.map.activeChanged = (guid, indexes) => { before(guid, indexes); picked(indexes); };
    fit(await direction());
    document.body.dataset.viewer = "ready";
    performance.mark("viewer");
  };

  const choose = (row) => {
    show(row);
    table.mark(row);
    const index = mapped.indexOf(row);
    if (!viewer || index < 0) return;
    const indexes = viewer.indexer.fromEnvironment(index, "structure");
    viewer.map.select(indexes);
    go(indexes);
  };

  const start = async () => {
    structures = JSON.parse(page.text("structures") ?? "{}");
    mapped = page.rows.filter((row) => page.settings.mapped.includes(row.index));
    const first = mapped[0] ?? page.rows[0];
    if (first) show(first);
    if (!place("chsp-map")) return;
    try {
      await open();
    } catch (error) {
      place("viewer-note").textContent = `The viewer did not start in this browser (${error}). ` +
        "The table works without it, and the structures are in the folder structures/ beside this page.";
    }
  };

  return { start, choose };
})();

(async () => {
  try {
    const data = JSON.parse(await page.unpack(JSON.parse(page.text("data"))));
    page.settings = data.settings;
    page.rows = data.rows.map((values, index) => {
      const row = Object.fromEntries(data.columns.map((name, k) => [name, values[k]]));
      const words = ["ligand", "group", "surface", "site", "anchor", "reaction", "equation", "method", "smiles",
        "worst_contact", "unranked", "cause"].map((name) => row[name] ?? "");
      return { ...row, index, searched: words.join(" ").toLowerCase() };
    });
    table.start();
    document.getElementById("bib")?.addEventListener("click", () =>
      page.save(document.getElementById("bibtex").textContent, "citations.bib", "text/plain"));
    document.body.dataset.table = "ready";
    performance.mark("table");
    // the browser shows the table before it works on the rest
    await new Promise((resume) => setTimeout(resume, 50));
    await explorer.start();
  } catch (error) {
    document.getElementById("count").textContent =
      `This browser could not read the page (${error}); one of 2023 or later can. table.csv has the rows.`;
    throw error;
  }
})();
