// Sorting and filtering of the study's table.

const table = document.querySelector("table.cases");
if (table) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.querySelectorAll("th[data-sort]")];
  const form = document.querySelector(".filter");
  const text = document.getElementById("filter");
  const flagged = document.getElementById("only-flagged");
  const failed = document.getElementById("only-failed");
  const unreviewed = document.getElementById("only-unreviewed");
  const least = document.getElementById("least-score");
  const most = document.getElementById("most-score");
  const shown = document.getElementById("shown");
  const { study, model } = document.body.dataset;
  const reviews = new Reviews(study, model);
  const collator = new Intl.Collator(undefined, { numeric: true });

  // The state lives in the address, so that a filtered view can be sent to a colleague.
  function save() {
    const state = new URLSearchParams();
    if (text.value) state.set("filter", text.value);
    if (flagged.checked) state.set("flagged", "1");
    if (failed.checked) state.set("failed", "1");
    if (unreviewed.checked) state.set("unreviewed", "1");
    if (least.value) state.set("least", least.value);
    if (most.value) state.set("most", most.value);
    const head = heads.find((head) => head.ariaSort);
    if (head && (head.cellIndex !== 2 || head.ariaSort !== "descending")) {
      state.set("sort", head.cellIndex + (head.ariaSort === "ascending" ? "a" : "d"));
    }
    const hash = state.toString();
    history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search);
    remember();
  }

  // A case without a score lies in no range.
  function isInRange(row) {
    if (!least.value && !most.value) return true;
    const score = row.cells[2].dataset.value;
    return score !== "" && (!least.value || Number(score) >= Number(least.value))
      && (!most.value || Number(score) <= Number(most.value));
  }

  // The cases as they stand now, for "next" and "previous" on their pages.
  function remember() {
    const list = [...body.rows].filter((row) => !row.hidden).map((row) => row.querySelector(".name a").getAttribute("href"));
    try { localStorage.setItem("norma-list:" + model + ":" + study, JSON.stringify({ list: list.slice(0, 5000), hash: location.hash })); } catch { return; }
  }

  // Reviews made in this browser go before those in the index.
  function showReviews() {
    const all = reviews.all;
    for (const row of rows) {
      const review = all[row.dataset.name];
      if (!review) continue;
      row.dataset.review = review.verdict;
      row.querySelector(".reviewed").textContent = review.verdict;
    }
    const button = document.getElementById("download");
    const count = Object.keys(all).length;
    button.textContent = "Download " + counted(count, "review");
    button.hidden = count === 0;
  }

  function filter() {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const content = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => content.includes(word))
        || (flagged.checked && !row.classList.contains("flagged"))
        || (failed.checked && !("failed" in row.dataset))
        || (unreviewed.checked && row.dataset.review !== undefined)
        || !isInRange(row);
      if (!row.hidden) count += 1;
    }
    remember();
    shown.value = (count === rows.length ? "" : count + " of ") + counted(rows.length, "case");
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
    remember();
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
  for (const input of [text, flagged, failed, unreviewed, least, most]) input.addEventListener("input", () => { filter(); save(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("download").addEventListener("click", () => reviews.download());
  form.hidden = false;

  const state = new URLSearchParams(location.hash.slice(1));
  text.value = state.get("filter") || "";
  flagged.checked = state.has("flagged");
  failed.checked = state.has("failed");
  unreviewed.checked = state.has("unreviewed");
  least.value = state.get("least") || "";
  most.value = state.get("most") || "";
  showReviews();
  const order = /^(\d+)([ad])$/.exec(state.get("sort") || "");
  const head = order && heads.find((head) => head.cellIndex === Number(order[1]));
  if (head) sort(head, order[2] === "a");
  filter();

  // Coming back from a case's page, which may have been reviewed there.
  addEventListener("pageshow", (event) => { if (event.persisted) { showReviews(); filter(); } });
}
