// Everything that is said, beside the player: it follows playback, a click seeks, and words can be found in it.

class Transcript {
  constructor(desk) {
    this.desk = desk;
    this.lines = [];
    this.count = h("span", { class: "hint", role: "status" });
    this.field = h("input", { type: "search", placeholder: "Find in what is said", "aria-label": "Find in what is said", oninput: () => this.find() });
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") { this.field.value = ""; this.find(); this.field.blur(); }
      event.stopPropagation();
    });
    this.list = h("div", { class: "said", tabindex: "0", role: "group", "aria-label": "What is said" });
    this.node = h("section", { class: "transcript", role: "tabpanel", "aria-label": "Transcript", hidden: true }, h("div", { class: "find" }, this.field, this.count), this.list);
  }

  // Words that two segments share are listed in one of them alone.
  set(view) {
    const said = view.segments.flatMap((segment) => segment.speech.map((words) => ({ ...words, segment: segment.id })));
    if (!changed(this, "said", said)) return;
    this.lines = said.map((words) => {
      const text = h("span", { class: "text" }, words.text);
      const node = h("button", { type: "button", class: "line", onclick: () => this.desk.go(words.start, words.segment) }, h("span", { class: "at" }, clock(words.start)), text);
      return { ...words, node, shown: text };
    });
    this.list.replaceChildren(...(this.lines.length ? this.lines.map((line) => line.node) : [h("p", { class: "hint" }, this.desk.view.finished === false ? "What is said appears here as it is found." : "No words were found in this video.")]));
    this.current = null;
    this.find();
  }

  // The line that is being said is marked and kept in sight, unless somebody is looking for words.
  follow(seconds) {
    if (this.node.hidden) return;
    let low = 0, high = this.lines.length;
    while (low < high) { const middle = (low + high) >> 1; if (this.lines[middle].start <= seconds + 0.01) low = middle + 1; else high = middle; }
    const line = this.lines[low - 1] || null;
    if (line === this.current) return;
    if (this.current) this.current.node.removeAttribute("aria-current");
    this.current = line;
    if (!line) return;
    line.node.setAttribute("aria-current", "true");
    if (!this.field.value) this.reveal(line);
  }

  reveal(line) {
    this.list.scrollTop = line.node.offsetTop - this.list.clientHeight / 3;
  }

  find() {
    const wanted = this.field.value.trim().toLowerCase();
    this.found = [];
    for (const line of this.lines) {
      const low = line.text.toLowerCase(), parts = [];
      let from = 0;
      // A letter whose small form is longer than itself would shift every place behind it.
      for (let at = wanted && low.length === line.text.length ? low.indexOf(wanted) : -1; at >= 0; at = low.indexOf(wanted, from)) {
        parts.push(line.text.slice(from, at), h("mark", {}, line.text.slice(at, at + wanted.length)));
        from = at + wanted.length;
      }
      if (from || line.marked) line.shown.replaceChildren(...parts, line.text.slice(from));
      line.marked = from > 0;
      if (from) this.found.push(line);
    }
    this.place = -1;
    this.count.textContent = !wanted ? "" : this.found.length ? `${this.found.length} found` : "Not found";
    if (this.found.length) this.reveal(this.found[0]);
  }

  step(by) {
    if (!this.found.length) return;
    this.place = (this.place + by + this.found.length) % this.found.length;
    const line = this.found[this.place];
    this.count.textContent = `${this.place + 1} of ${this.found.length}`;
    this.reveal(line);
    this.desk.go(line.start, line.segment);
  }
}
