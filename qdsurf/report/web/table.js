"use strict";
// The ranked table: search, filters, sorting, pages of rows, and CSV of what is shown.
const table = (() => {
  const PAGE = 50;
  const { make } = page;
  let shown = [], first = 0, sorted = null;
  const place = (name) => document.getElementById(name);

  const state = (row) =>
    row.status === "failed" ? "failed" : row.rank === null || row.rank === undefined ? "not ranked" : "ranked";

  const reaction = (row) => {
    if (!row.reaction) return [];
    const terms = Object.entries(row.terms ?? {}).map(([name, value]) => `${name} ${value.toFixed(3)} eV`);
    return [
      row.reaction, make("div", { className: "small" }, row.equation ?? ""),
      terms.length
        ? make("details", { className: "small" }, make("summary", {}, "states"), terms.join("; "))
        : null,
    ];
  };

  const method = (row) => [
    row.method ?? "",
    row.converged === false ? make("div", { className: "small" }, "not converged") : null,
  ];

  // head, what the cell shows, what it is sorted by, class of the cell
  const COLUMNS = {
    rank: ["rank", (row) => [page.rankText(row)], (row) => row.rank, "num"],
    ligand: ["ligand", (row) => [make("button", { title: "show its structure" }, row.ligand)],
      (row) => row.ligand, "name"],
    group: ["class", (row) => {
      const dot = make("span", { className: "dot" });
      dot.style.background = page.settings.colours[row.group ?? ""];
      return [dot, row.group ?? ""];
    }, (row) => row.group, ""],
    surface: ["surface", (row) => [[row.surface, row.site].filter(Boolean).join(", ")],
      (row) => row.surface, ""],
    anchor: ["binds by", (row) => [row.anchor ?? ""], (row) => row.anchor, ""],
    energy_eV: ["E / eV per ligand", (row) => [page.energyText(row)], (row) => row.energy_eV, "num"],
    score: ["score", (row) => [row.score === undefined || row.score === null ? "" : row.score.toFixed(3)],
      (row) => row.score, "num"],
    reaction: ["reaction and reference", reaction, (row) => row.reaction, "long"],
    contact: ["closest contact", (row) => [row.worst_contact ?? ""], (row) => row.contact_share, ""],
    method: ["method", method, (row) => row.method, "tight"],
    note: ["note", (row) => [row.unranked || row.cause || ""], (row) => row.unranked || row.cause, ""],
  };

  const values = (name) => [...new Set(page.rows.map((row) => row[name]).filter(Boolean))];
  const options = (name) => {
    const list = place(`only-${name}`);
    const found = name === "state" ? [...new Set(page.rows.map(state))] : values(name);
    list.hidden = found.length < 2;
    found.forEach((value) => list.append(make("option", { value }, value)));
    list.addEventListener("change", select);
    return { name, list };
  };
  let filters = [];

  const compare = (key, sign) => (a, b) => {
    const x = key(a), y = key(b);
    const none = (value) => value === null || value === undefined || value === "";
    if (none(x) || none(y)) return none(x) - none(y);   // empty cells stay last
    return sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)));
  };

  function select() {
    const words = place("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = filters.filter(({ list }) => list.value);
    shown = page.rows.filter((row) =>
      wanted.every(({ name, list }) => (name === "state" ? state(row) : row[name]) === list.value) &&
      words.every((word) => row.searched.includes(word)));
    if (sorted) shown.sort(compare(COLUMNS[sorted.name][2], sorted.sign));
    first = 0;
    draw();
  }

  const line = (row, columns) => {
    const made = make("tr", { className: { failed: "failed", "not ranked": "unranked" }[state(row)] ?? "" });
    made.dataset.row = row.index;
    if (row === page.chosen) made.classList.add("chosen");
    made.append(...columns.map((name) =>
      make("td", { className: COLUMNS[name][3] }, ...COLUMNS[name][1](row).filter((part) => part !== null))));
    return made;
  };

  function draw() {
    const last = Math.min(first + PAGE, shown.length);
    place("rows").tBodies[0].replaceChildren(
      ...shown.slice(first, last).map((row) => line(row, page.settings.columns)));
    const all = page.rows.length;
    place("count").textContent = shown.length === all ? `${all} rows` : `${shown.length} of ${all} rows`;
    place("pages").hidden = shown.length <= PAGE;
    place("where").textContent = `${first + 1}–${last} of ${shown.length}`;
    place("before").disabled = first === 0;
    place("after").disabled = last === shown.length;
  }

  const sortBy = (head, name) => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of place("rows").tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    sorted = { name, sign };
    select();
  };

  // As Python's csv writes it: true and false, JSON for lists and mappings with sorted keys.
  const sortedKeys = (key, value) => value && typeof value === "object" && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
  const cell = (value) => {
    const plain = value === null || value === undefined ? ""
      : typeof value === "object" ? JSON.stringify(value, sortedKeys) : String(value);
    return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  };
  const csv = () => [page.settings.csv, ...shown.map((row) => page.settings.csv.map((name) => row[name]))]
    .map((cells) => cells.map(cell).join(",")).join("\n") + "\n";

  const start = () => {
    shown = [...page.rows];
    filters = ["group", "state", "surface", "method"].map(options);
    const heads = place("rows").tHead.insertRow();
    for (const name of page.settings.columns) {
      const head = make("th", { scope: "col" }, make("button", {}, COLUMNS[name][0]));
      head.dataset.name = name;
      head.firstChild.addEventListener("click", () => sortBy(head, name));
      heads.append(head);
    }
    place("filter").addEventListener("input", select);
    place("before").addEventListener("click", () => { first -= PAGE; draw(); });
    place("after").addEventListener("click", () => { first += PAGE; draw(); });
    place("download").addEventListener("click", () => page.save(csv(), "table.csv", "text/csv"));
    place("rows").tBodies[0].addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row && !event.target.closest("details")) explorer.choose(page.rows[Number(row.dataset.row)]);
    });
    draw();
  };

  // Mark the chosen row, and turn to its page.
  const mark = (row) => {
    const at = shown.indexOf(row);
    if (at >= 0 && (at < first || at >= first + PAGE)) first = Math.floor(at / PAGE) * PAGE;
    draw();
  };

  return { start, mark };
})();
