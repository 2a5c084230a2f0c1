// Sorting and filtering of the study's table, the heatmap's opacity on a case's page. The pages read without it.
"use strict";

const table = document.querySelector("table.cases");
if (table) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.querySelectorAll("th[data-sort]")];
  const form = document.querySelector(".filter");
  const text = document.getElementById("filter");
  const flagged = document.getElementById("only-flagged");
  const failed = document.getElementById("only-failed");
  const shown = document.getElementById("shown");
  const collator = new Intl.Collator(undefined, { numeric: true });

  // The state lives in the address, so that a filtered view can be sent to a colleague.
  function save() {
    const state = new URLSearchParams();
    if (text.value) state.set("filter", text.value);
    if (flagged.checked) state.set("flagged", "1");
    if (failed.checked) state.set("failed", "1");
    const head = heads.find((head) => head.ariaSort);
    if (head && (head.cellIndex !== 2 || head.ariaSort !== "descending")) {
      state.set("sort", head.cellIndex + (head.ariaSort === "ascending" ? "a" : "d"));
    }
    const hash = state.toString();
    history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search);
  }

  function filter() {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const content = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => content.includes(word))
        || (flagged.checked && !row.classList.contains("flagged"))
        || (failed.checked && !("failed" in row.dataset));
      if (!row.hidden) count += 1;
    }
    shown.value = count === rows.length ? count + " cases" : count + " of " + rows.length + " cases";
  }

  // What cannot be compared, such as the score of a failed case, stays last in both directions.
  function sort(head, ascending) {
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const column = head.cellIndex;
    const sign = ascending ? 1 : -1;
    const key = head.dataset.sort === "number"
      ? (row) => row.cells[column].dataset.value === "" ? null : Number(row.cells[column].dataset.value)
      : (row) => row.cells[column].textContent.trim();
    const keyed = rows.map((row) => [key(row), row]);
    keyed.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (typeof a === "number" ? a - b : collator.compare(a, b));
    });
    body.append(...keyed.map(([, row]) => row));
  }

  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      // Numbers are first asked for from the top, names and p-values from the bottom.
      const first = head.dataset.sort === "text" || head.cellIndex === 3;
      sort(head, head.ariaSort ? head.ariaSort === "descending" : first);
      save();
    });
  }
  for (const input of [text, flagged, failed]) input.addEventListener("input", () => { filter(); save(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;

  const state = new URLSearchParams(location.hash.slice(1));
  text.value = state.get("filter") || "";
  flagged.checked = state.has("flagged");
  failed.checked = state.has("failed");
  const order = /^(\d+)([ad])$/.exec(state.get("sort") || "");
  const head = order && heads.find((head) => head.cellIndex === Number(order[1]));
  if (head) sort(head, order[2] === "a");
  filter();
}

const opacity = document.getElementById("opacity");
if (opacity) {
  const layers = document.querySelectorAll(".heat");
  let before = 100;
  function fade() {
    for (const layer of layers) layer.style.opacity = opacity.value / 100;
  }
  opacity.addEventListener("input", fade);
  opacity.closest("label").hidden = false;
  // H hides the heatmap and shows it again, to compare by blinking.
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "h" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (opacity.value > 0) before = opacity.value;
    opacity.value = opacity.value > 0 ? 0 : before;
    fade();
  });
  fade();
}
