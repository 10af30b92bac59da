// The viewer (3Dmol) and the sketcher (JSME) of the builder; texts are set as text, never as HTML.
"use strict";
window.qdsurf = (() => {
  const state = { atoms: 0, drawn: 0, sketcher: "closed" };
  let viewer = null, data = null, hydrogens = true;

  const place = () => document.getElementById("viewer");
  const words = (text) => { document.getElementById("viewer-words").textContent = text; };

  function legend() {
    const list = document.getElementById("legend");
    list.replaceChildren();
    const seen = new Set();
    for (const kind of data.kinds) {
      if (seen.has(kind.element)) continue;
      seen.add(kind.element);
      const item = document.createElement("span"), dot = document.createElement("i");
      dot.style.background = kind.colour;
      item.append(dot, kind.element);
      list.append(item);
    }
  }

  function atomsOf(bonds) {
    const atoms = data.kind.map((kind, i) => ({
      elem: data.kinds[kind].element, x: data.xyz[3 * i], y: data.xyz[3 * i + 1], z: data.xyz[3 * i + 2],
      index: i, serial: i, bonds: [], bondOrder: [], properties: { kind },
    }));
    for (let k = 0; k < bonds.length; k += 2) {
      const [i, j] = [bonds[k], bonds[k + 1]];
      atoms[i].bonds.push(j); atoms[i].bondOrder.push(1);
      atoms[j].bonds.push(i); atoms[j].bondOrder.push(1);
    }
    return atoms;
  }

  function told(atom) {
    const role = ["inside", "at the surface", "ligand"][data.role[atom.serial]];
    const name = data.names[data.species[atom.serial]];
    words(`${atom.elem} ${atom.serial}: ${name === atom.elem ? "ion" : name}, ${role}`);
  }

  function draw() {
    viewer.removeAllModels();
    viewer.removeAllShapes();
    if (data.crystal.length) {
      const lattice = viewer.addModel();
      lattice.addAtoms(atomsOf(data.crystal));
      lattice.setStyle({}, { stick: { radius: 0.11, color: "#9e9ea8" } });
    }
    const model = viewer.addModel();
    model.addAtoms(atomsOf(data.sticks));
    data.kinds.forEach((kind, k) => {
      const color = kind.colour, style = { sphere: { radius: kind.radius, color } };
      if (kind.radius < 0.4) style.stick = { radius: 0.15, color };
      model.setStyle({ properties: { kind: k } }, kind.element === "H" && !hydrogens ? {} : style);
    });
    model.setClickable({}, true, told);
    for (const [a, b, c, d, e, f] of data.box) {
      viewer.addLine({ start: { x: a, y: b, z: c }, end: { x: d, y: e, z: f }, color: "#5d6875" });
    }
    viewer.render();
  }

  function show(given) {
    data = given;
    if (viewer === null) {
      try {
        viewer = $3Dmol.createViewer(place(), { backgroundColor: "white", antialias: true });
        new ResizeObserver(() => viewer.resize()).observe(place());
      } catch (error) {
        viewer = null;
      }
      if (!viewer) {
        words("This browser draws nothing in three dimensions (WebGL is off). All else works.");
        return;
      }
    }
    draw();
    look(0, 0, 0);
    legend();
    words(data.caption || "Drag to turn, wheel to come nearer, click an atom to see what it is.");
    state.atoms = data.kind.length;
    state.drawn += 1;
  }

  function look(x, y, angle) {
    if (!viewer) return;
    viewer.setView([0, 0, 0, 0, 0, 0, 0, 1]);
    viewer.zoomTo();
    if (angle) viewer.rotate(angle, { x, y, z: 0 });
    viewer.render();
  }

  function toggleHydrogens() {
    hydrogens = !hydrogens;
    if (viewer && data) draw();
  }

  // The sketcher is loaded when it is first opened, and kept.
  let applet = null, loading = null;
  function sketcher() {
    loading ??= new Promise((ready, failed) => {
      window.jsmeOnLoad = () => {
        const box = document.getElementById("sketch-canvas");
        applet = new JSApplet.JSME("sketch-canvas", `${box.clientWidth}px`, `${box.clientHeight}px`,
          { options: "newlook,star,nosearchinchikey,noquery,hydrogens" });
        applet.setUserInterfaceBackgroundColor("#eef1f4");
        ready(applet);
      };
      const script = document.createElement("script");
      script.src = "/studio/jsme/jsme.nocache.js";
      script.onerror = () => failed(new Error("the sketcher is missing"));
      document.head.append(script);
    });
    return loading;
  }

  async function openSketch(mol) {
    document.getElementById("sketch").hidden = false;
    state.sketcher = "loading";
    await sketcher();
    applet.reset();
    if (mol) applet.readMolFile(mol);
    state.sketcher = "open";
  }

  function closeSketch() {
    document.getElementById("sketch").hidden = true;
    state.sketcher = "closed";
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && state.sketcher === "open") closeSketch();
  });

  return {
    state, show, look, toggleHydrogens, openSketch, closeSketch,
    smiles: () => (applet ? applet.smiles() : ""),
    readMol: (mol) => applet.readMolFile(mol),
  };
})();
