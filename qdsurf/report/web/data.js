"use strict";
// What the page carries, unpacked; small tools that the other scripts share.
const page = (() => {
  const text = (name) => document.getElementById(name)?.textContent ?? null;

  // gzip inside base64 -> text
  const unpack = async (packed) => {
    const bytes = Uint8Array.from(atob(packed), (sign) => sign.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };

  const save = (content, name, type) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  // An element with properties and children; text is never read as HTML.
  const make = (kind, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(kind), properties);
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  };

  const fileName = (ligand) => ligand.replace(/[^\p{L}\p{N}_.+-]+/gu, "_").replace(/^\.+/, "") || "ligand";

  const energyText = (row) => {
    if (row.energy_eV === null || row.energy_eV === undefined) return "–";
    const value = (row.energy_eV < 0 ? "" : "+") + row.energy_eV.toFixed(2);
    const width = row.uncertainty_eV;
    return width === null || width === undefined ? value : `${value} ± ${width.toFixed(2)}`;
  };

  const rankText = (row) =>
    row.rank === null || row.rank === undefined ? "–" : (row.tied ? "=" : "") + row.rank;

  return { text, unpack, save, make, fileName, energyText, rankText, rows: [], settings: {}, chosen: null };
})();
