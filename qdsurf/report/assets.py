"""Style and script of the page."""

CSS = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f6f7f9; color: #1c2430;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: .3rem 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 .7rem; }
section { background: #fff; border: 1px solid #dfe3e8; border-radius: 8px; padding: 1.1rem 1.3rem;
  margin: 0 0 1.2rem; }
p, ul { margin: 0 0 .6rem; } ul { padding-left: 1.2rem; }
.warn { border-left: 5px solid #E69F00; }
.tools { display: flex; flex-wrap: wrap; gap: .6rem; margin: 0 0 .7rem; align-items: center; }
input[type=search] { flex: 1 1 14rem; font: inherit; padding: .35rem .6rem; border: 1px solid #9aa5b1;
  border-radius: 5px; }
button { font: inherit; padding: .35rem .8rem; border: 1px solid #0072B2; border-radius: 5px;
  background: #fff; color: #005a8c; cursor: pointer; }
button:hover { background: #e8f2f9; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .4rem .55rem; border-bottom: 1px solid #e6e9ed; vertical-align: top; }
th { background: #f0f3f6; white-space: nowrap; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid #0072B2; }
th[aria-sort=ascending] button::after { content: " \\25B2"; }
th[aria-sort=descending] button::after { content: " \\25BC"; }
td.num { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.name { font-weight: 600; min-width: 9em; max-width: 18em; overflow-wrap: break-word; }
td.tight { white-space: nowrap; }
tr.unranked td { color: #5d6875; background: #fbfbfc; }
.dot { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .4em; }
.small { font-size: .85rem; color: #4d5865; overflow-wrap: anywhere; }
figure { margin: 0; text-align: center; } figure svg { max-width: 100%; height: auto; }
#viewer { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
#viewer > div { position: relative; height: 460px; min-width: 0; border: 1px solid #e6e9ed;
  border-radius: 6px; overflow: hidden; }
#viewer > #chsp-info { grid-column: 1 / -1; height: auto; overflow: visible; border: 0; }
#viewer > #chsp-meta { display: none; }
@media (max-width: 800px) { #viewer { grid-template-columns: 1fr; } }
@media print { .tools, #view { display: none; } section { break-inside: avoid; } }
"""

TABLE_JS = """
"use strict";
(() => {
  const table = document.getElementById("rows"), body = table.tBodies[0];
  const data = JSON.parse(document.getElementById("csv").textContent);
  const value = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent;
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    [...body.rows].map((row) => [value(row, column), row]).sort(([a], [b]) => {
      if (a === "" || b === "") return (a === "") - (b === "");   // empty cells stay last
      const x = Number(a), y = Number(b);
      return sign * (Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y);
    }).forEach(([, row]) => body.append(row));
  }));
  const count = document.getElementById("count");
  document.getElementById("filter").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let shown = 0;
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    count.textContent = `${shown} of ${body.rows.length} rows`;
  });
  document.getElementById("download").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([data], { type: "text/csv" }));
    link.download = "table.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
})();
"""

VIEWER_JS = """
"use strict";
(async () => {
  const note = document.getElementById("viewer-note");
  try {
    const data = JSON.parse(document.getElementById("chsp-data").textContent);
    await Chemiscope.DefaultVisualizer.load(
      { meta: "chsp-meta", map: "chsp-map", structure: "chsp-structure", info: "chsp-info" }, data);
  } catch (error) {
    note.textContent = `The viewer did not start in this browser (${error}). ` +
      "The structures are in the folder structures/ beside this page.";
  }
})();
"""
