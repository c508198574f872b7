// What is known of the selected segment: frames, scores, words, doubts; and the ways to ask why or to correct it.

class Card {
  constructor(desk) {
    this.desk = desk;
    this.top = 3;
    this.least = 0;
    this.why = new Why(desk, this);
    this.head = h("div", { class: "card-head" });
    this.body = h("div", { class: "card-body" });
    this.node = h("section", { class: "card", "aria-label": "Segment" }, this.head, this.body, this.why.node);
  }

  get pinned() { return this.why.open || this.correcting; }

  show(segment, force = false) {
    if (!segment) { this.showNothing(); return; }
    const key = [segment, this.top, this.least, this.desk.view.segments.length, this.correcting || ""];
    if (!force && !changed(this, "segment", key)) return;
    if (this.shown !== segment.id) { this.correcting = false; if (this.why.open && this.why.segment !== segment.id) this.why.hide(); }
    this.shown = segment.id;
    this.drawHead(segment);
    this.body.replaceChildren(this.strip(segment), h("div", { class: "facts" }, ...(this.desk.hasPicture ? [this.scores("actions", segment), this.scores("scene", segment)] : []),
      this.words(segment)), ...this.flags(segment), this.tools(segment), ...(this.correcting ? [this.corrector(segment)] : []));
  }

  showNothing() {
    if (!changed(this, "segment", ["nothing", this.desk.waitingText()])) return;
    this.head.replaceChildren();
    this.body.replaceChildren(h("p", { class: "hint" }, this.desk.waitingText()));
  }

  drawHead(segment) {
    const count = this.desk.view.segments.length;
    const turn = (to, name, label) => h("button", { type: "button", class: "quiet", "aria-label": label, title: label, disabled: to < 1 || to > count,
      onclick: () => this.desk.goSegment(to) }, icon(name));
    this.head.replaceChildren(h("h3", {}, `Segment ${segment.id}`), h("a", { class: "chip", href: `#t=${segment.start}&s=${segment.id}` }, span(segment)),
      h("span", { class: "gap" }), turn(segment.id - 1, "left", "Previous segment ([)"), h("span", { class: "of" }, `${segment.id} of ${count}`), turn(segment.id + 1, "right", "Next segment (])"));
  }

  strip(segment) {
    if (!this.desk.hasPicture) return h("div");
    const picture = (name, kind, alt) => h("img", { class: kind, alt, loading: "lazy", src: `/api/picture/${this.desk.sha}/${name}-${segment.id}.jpg`,
      onerror: (event) => { event.target.classList.add("missing"); } });
    const times = segment.frames.length ? `The frames that the model saw, ${clock(segment.frames[0], 1)} to ${clock(segment.frames[segment.frames.length - 1], 1)}` : "Frames of this segment";
    const strip = h("div", { class: "strip", title: times, tabindex: "0", role: "group", "aria-label": "Frames" }, picture("frames", "frames", times));
    if (segment.frames.length) strip.addEventListener("click", (event) => {
      const box = strip.querySelector("img").getBoundingClientRect();
      const at = Math.floor(((event.clientX - box.left) / box.width) * segment.frames.length);
      this.desk.go(segment.frames[Math.max(0, Math.min(segment.frames.length - 1, at))], segment.id);
    });
    return h("div", { class: "pictures" }, picture("keyframe", "keyframe", "Key frame"), strip);
  }

  scores(kind, segment) {
    const items = segment[kind].filter((item, rank) => rank < this.top && (rank === 0 || item.score >= this.least));
    const fixed = segment.corrected[CORRECTED[kind]];
    const rows = items.map((item) => h("div", { class: "score" }, h("span", { class: "label", title: item.label }, item.label),
      h("span", { class: "meter", vars: { "--c": item.colour } }, h("i", { vars: { width: `${100 * item.score}%` } })), h("span", { class: "number" }, percent(item.score))));
    if (!rows.length) rows.push(h("p", { class: "hint" }, "nothing here"));
    if (fixed) rows.unshift(h("p", { class: "fixed" }, "You say: ", h("strong", {}, fixed), " ",
      h("button", { type: "button", class: "link", onclick: () => this.correct(segment, kind, "") }, "Undo")));
    return h("div", { class: "column" }, h("h4", {}, LANES.find(([key]) => key === kind)[1]), ...rows);
  }

  words(segment) {
    const lines = segment.spoken.map((item) => h("p", { class: "words" }, h("a", { class: "chip", href: `#t=${item.start}&s=${segment.id}` }, clock(item.start)), " ", item.text));
    const hidden = this.desk.view.suppressed.filter((item) => item.start >= segment.start && item.start < segment.end);
    if (!lines.length) lines.push(h("p", { class: "hint" }, "no words here"));
    if (hidden.length) lines.push(h("details", {}, h("summary", {}, `${hidden.length} not believed`), ...hidden.map((item) => h("p", { class: "hint" }, `“${item.text}”: ${item.reason}`))));
    return h("div", { class: "column" }, h("h4", {}, segment.spoken.some((item) => item.source) ? "Speech, as the subtitles have it" : "Speech"), ...lines);
  }

  flags(segment) { return segment.flags.map((sentence) => h("p", { class: "flag" }, sentence)); }

  tools(segment) {
    const top = h("select", { class: "quiet", "aria-label": "How many labels", onchange: (event) => { this.top = Number(event.target.value); this.show(segment, true); } },
      ...[1, 2, 3, 4, 5].map((n) => h("option", { value: n, selected: n === this.top }, `top ${n}`)));
    const least = h("select", { class: "quiet", "aria-label": "Least score", onchange: (event) => { this.least = Number(event.target.value); this.show(segment, true); } },
      ...[0, 0.05, 0.1, 0.25, 0.5].map((n) => h("option", { value: n, selected: n === this.least }, n ? `from ${Math.round(100 * n)} %` : "any score")));
    const finished = this.desk.view.finished && segment.actions.length;
    return h("div", { class: "tools" },
      finished ? h("button", { type: "button", class: "plain", title: "Why? (w)", onclick: () => this.why.ask(segment) }, "Why?") : null,
      finished ? h("button", { type: "button", class: "plain", onclick: () => { this.correcting = !this.correcting; this.show(segment, true); } }, "Correct it") : null,
      h("span", { class: "gap" }), top, least);
  }

  corrector(segment) {
    const kind = h("select", { "aria-label": "What to correct" }, h("option", { value: "actions" }, "Action"), h("option", { value: "scene" }, "Scene"));
    const field = h("input", { type: "text", list: "known-labels", maxlength: "200", placeholder: "What is it really?", "aria-label": "The right label" });
    const known = new Set(this.desk.view.segments.flatMap((item) => [...item.actions, ...item.scene].map((score) => score.label)));
    const list = h("datalist", { id: "known-labels" }, ...[...known].sort().map((label) => h("option", { value: label })));
    const save = () => { if (field.value.trim()) this.correct(segment, kind.value, field.value.trim()); };
    field.addEventListener("keydown", (event) => { if (event.key === "Enter") save(); event.stopPropagation(); });
    queueMicrotask(() => field.focus());
    return h("div", { class: "corrector" }, kind, field, list, h("button", { type: "button", class: "plain primary", onclick: save }, "Keep"),
      h("button", { type: "button", class: "link", onclick: () => { this.correcting = false; this.show(segment, true); } }, "Leave it"));
  }

  async correct(segment, kind, label) {
    const query = new URLSearchParams({ kind: CORRECTED[kind], label });
    try {
      await call(`/api/correct/${this.desk.sha}/${segment.id}?${query}`, this.desk.token, { method: "POST" });
      this.correcting = false;
      await this.desk.load();
    } catch (error) { this.desk.say(error.message); }
  }
}
