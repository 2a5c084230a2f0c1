// A reviewer's verdicts: kept in the browser, downloaded as the JSON that `norma review import` reads.

// A count with its noun: "1 case", "2 cases".
function counted(count, noun) { return count + " " + noun + (count === 1 ? "" : "s"); }

class Reviews {
  constructor(study, model) {
    this.study = study;
    this.model = model;
    this.key = "norma-review:" + model + ":" + study;
  }

  // Firefox gives every page opened from a file its own store, and any browser may refuse to keep things.
  get all() {
    try { return JSON.parse(localStorage.getItem(this.key)) || {}; } catch { return {}; }
  }

  set(name, review) {
    const all = this.all;
    if (review) all[name] = review; else delete all[name];
    try { localStorage.setItem(this.key, JSON.stringify(all)); return true; } catch { return false; }
  }

  download() {
    const reviews = Object.entries(this.all).map(([name, review]) => ({ case: name, ...review }));
    const text = JSON.stringify({ norma: "review 1", study: this.study, model_sha256: this.model, reviews }, null, 2);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text + "\n"], { type: "application/json" }));
    link.download = (this.study.replace(/[^\w.-]+/g, "_") || "study") + ".review.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
}

{
  const form = document.querySelector("form.review");
  if (form) {
    const { case: name, study, model, score } = document.body.dataset;
    const reviews = new Reviews(study, model);
    const { verdict, note } = form.elements;
    const said = form.querySelector("output");
    const button = form.querySelector(".download");
    const clear = form.querySelector(".clear");

    function count() {
      const n = Object.keys(reviews.all).length;
      button.textContent = "Download " + counted(n, "review");
      button.disabled = n === 0;
      clear.hidden = !verdict.value && !note.value;
    }

    function save() {
      const review = verdict.value && {
        verdict: verdict.value, note: note.value, reviewed_at: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
        ...(score === "" ? {} : { score: Number(score) }),
      };
      said.value = !review ? (note.value ? "– choose a verdict for the note to be kept" : "")
        : reviews.set(name, review) ? "– kept in this browser"
        : "– this browser keeps nothing for this page: download before you leave it";
      count();
    }

    const before = reviews.all[name];
    if (before) { verdict.value = before.verdict; note.value = before.note || ""; }
    form.addEventListener("input", save);
    form.addEventListener("submit", (event) => event.preventDefault());
    button.addEventListener("click", () => reviews.download());
    clear.addEventListener("click", () => {
      form.reset();
      reviews.set(name, null);
      said.value = "";
      count();
    });
    count();
    form.hidden = false;
  }
}
