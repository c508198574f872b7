// Why a label was predicted: a measurement that takes a while, so it is begun, looked at now and then, and can be stopped.

class Why {
  constructor(desk, card) {
    this.desk = desk;
    this.card = card;
    this.open = false;
    this.node = h("section", { class: "why", "aria-label": "Why", "aria-live": "polite", hidden: true });
  }

  hide() {
    this.open = false;
    this.node.hidden = true;
    this.desk.lanes.showWhy([]);
    clearTimeout(this.timer);
  }

  async ask(segment) {
    if (this.open && this.segment === segment.id) { this.hide(); return; }
    this.open = true;
    this.segment = segment.id;
    this.label = segment.actions[0].label;
    this.node.hidden = false;
    this.path = `/api/why/${this.desk.sha}/${segment.id}`;
    this.node.replaceChildren(this.title(), h("p", { class: "hint" }, "Measuring …"));
    this.node.scrollIntoView({ block: "nearest", behavior: "smooth" });
    try { this.draw(await call(this.path, this.desk.token, { method: "POST" })); } catch (error) { this.failed(error.message); }
  }

  title() {
    return h("div", { class: "card-head" }, h("h3", {}, `Why “${this.label}” in segment ${this.segment}?`), h("span", { class: "gap" }),
      h("button", { type: "button", class: "quiet", "aria-label": "Close", title: "Close", onclick: () => this.hide() }, icon("close")));
  }

  failed(sentence) { this.node.replaceChildren(this.title(), h("p", { class: "flag" }, sentence)); }

  draw(state) {
    if (!this.open) return;
    if (state.state === "running") {
      this.node.replaceChildren(this.title(), h("div", { class: "progress" }, h("progress", { max: 1, value: state.fraction }),
        h("span", {}, `${state.message || "Measuring"}, ${percent(state.fraction)}`),
        h("button", { type: "button", class: "link", onclick: () => call(this.path, this.desk.token, { method: "DELETE" }).catch(() => {}) }, "Cancel")));
      this.timer = setTimeout(async () => {
        try { this.draw(await call(this.path, this.desk.token)); } catch (error) { this.failed(error.message); }
      }, 400);
      return;
    }
    if (state.state === "failed") { this.failed(`${state.what}${state.remedy ? `; ${state.remedy}` : ""}.`); return; }
    this.result(state.explanation);
  }

  result(found) {
    this.desk.lanes.showWhy(found.temporal);
    this.node.replaceChildren(this.title(), h("p", { class: "text" }, found.text || ""),
      h("div", { class: "facts" }, this.temporal(found), this.spatial(found), this.controls(found)), ...this.trust(found));
  }

  temporal(found) {
    const most = Math.max(1e-9, ...found.temporal.map((part) => Math.abs(part.importance)));
    return h("div", { class: "column" }, h("h4", {}, "when it mattered"), h("div", { class: "when" }, ...found.temporal.map((part) => {
      const name = `${clock(part.start_seconds, 1)}: ${part.importance.toFixed(2)}`;
      return h("button", { type: "button", title: name, "aria-label": name, onclick: () => this.desk.go(part.start_seconds, this.segment) },
        h("i", { class: part.importance < 0 ? "against" : "", vars: { height: `${(100 * Math.abs(part.importance)) / most}%` } }));
    })), h("p", { class: "hint" }, "How much the score falls when this moment is taken away."));
  }

  spatial(found) {
    const grid = (found.spatial && found.spatial.grid) || [];
    if (!grid.length) return h("div", { class: "column" });
    const most = Math.max(1e-9, ...grid.flat().map(Math.abs));
    const cells = grid.flat().map((value) => h("i", { vars: { opacity: Math.max(0, value / most).toFixed(2) } }));
    // The map covers what the model saw: the whole frame, or a square in its middle.
    const square = found.seen > 0;
    const picture = h("img", { alt: "Key frame", src: `/api/picture/${this.desk.sha}/keyframe-${this.segment}.jpg`, vars: square ? { transform: `scale(${1 / found.seen})` } : {} });
    return h("div", { class: "column" }, h("h4", {}, "where it mattered"),
      h("div", { class: square ? "where square" : "where" }, picture, h("div", { class: "cells", vars: { "--across": grid[0].length } }, ...cells)),
      h("p", { class: "hint" }, `Orange: hiding this place lowers the score.${square ? " The model sees the middle of the picture." : ""}`));
  }

  controls(found) {
    const names = { reversed: "played backwards", frozen: "one frame, held", shuffled: "frames shuffled", shifted: "seen a moment later" };
    const rows = Object.entries(found.controls || {}).map(([key, item]) => h("p", { class: "control" }, h("span", {}, names[key] || key),
      h("strong", {}, item.label), h("span", { class: "number" }, percent(item.score))));
    return h("div", { class: "column" }, h("h4", {}, "what if"), ...rows);
  }

  // The text says how far the marks can be trusted; where they cannot, it is said again, plainly.
  trust(found) {
    const measured = found.faithfulness || {};
    return measured.better_than_random === false ? [h("p", { class: "flag" },
      "Taking away what is marked changes the score no more than taking away as much at random: do not rely on these marks.")] : [];
  }
}
