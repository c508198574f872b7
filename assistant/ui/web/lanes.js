// Lanes over the whole video: actions, scene, speech, and one for each kind of observation that the timeline holds.
// Only what is in sight is drawn.

const LANES = [["actions", "Actions"], ["scene", "Scene"], ["speech", "Speech"]];
const CORRECTED = { actions: "action", scene: "description" };
const MOST_CUTS = 200, MAX_ZOOM = 400, LEAST_PIXELS = 4, TICK_PIXELS = 90;
// A label is written where it fits, or where enough of it does to be read.
const LETTER_PIXELS = 6.4, BESIDE_PIXELS = 14, ENOUGH_LETTERS = 12;
const TICKS = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

class Lanes {
  constructor(desk) {
    this.desk = desk;
    this.zoom = 1;
    this.shown = "actions";
    this.ruler = h("div", { class: "ruler" });
    this.why = h("div", { class: "why-strip", "aria-hidden": "true" });
    this.head = h("div", { class: "head", "aria-hidden": "true" });
    this.canvas = h("div", { class: "canvas" });
    this.viewport = h("div", { class: "viewport", onscroll: () => this.later() }, this.canvas);
    this.nameList = h("div", { class: "names" });
    const zoomButton = (text, label, action) => h("button", { type: "button", class: "quiet text", "aria-label": label, title: label, onclick: action }, text);
    this.zooms = h("div", { class: "zooms" }, zoomButton("−", "Show more of the video", () => this.setZoom(this.zoom / 1.6)),
      zoomButton("+", "Look closer", () => this.setZoom(this.zoom * 1.6)), zoomButton("Fit", "Show the whole video", () => this.setZoom(1)));
    this.node = h("div", { class: "lanes" }, this.nameList, this.viewport);
    this.lay(LANES);
    this.canvas.addEventListener("pointerdown", (event) => this.scrub(event));
    this.viewport.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.canvas.addEventListener("keydown", (event) => this.walk(event));
    this.resizing = new ResizeObserver(() => this.later());
    this.resizing.observe(this.viewport);
    this.markShown();
  }

  // One row for each lane, with its name beside it.
  lay(lanes) {
    this.kinds = lanes.map(([key]) => key).join(" ");
    this.tracks = Object.fromEntries(lanes.map(([key, name]) => [key, h("div", { class: "track", "data-kind": key, role: "group", "aria-label": name })]));
    this.names = lanes.map(([key, name]) => h("button", { type: "button", class: "name", "data-lane": key, "aria-pressed": "false",
      onclick: () => { this.shown = key; this.markShown(); } }, name));
    this.canvas.replaceChildren(this.ruler, ...Object.values(this.tracks), this.why, this.head);
    this.nameList.replaceChildren(this.zooms, ...this.names);
  }

  close() { this.resizing.disconnect(); cancelAnimationFrame(this.pending); }

  markShown() {
    for (const [key, track] of Object.entries(this.tracks)) track.classList.toggle("shown", key === this.shown);
    for (const name of this.names) name.setAttribute("aria-pressed", String(name.dataset.lane === this.shown));
  }

  set(view) {
    this.view = view;
    this.node.classList.toggle("sound-alone", !this.desk.hasPicture);
    const more = (view.lanes || []).map((lane) => [lane.kind, lane.name]);
    const lanes = [...LANES.filter(([key]) => this.desk.hasPicture || key === "speech"), ...more];
    if (lanes.map(([key]) => key).join(" ") !== this.kinds) this.lay(lanes);
    if (!this.tracks[this.shown]) this.shown = this.desk.hasPicture ? "actions" : "speech";
    this.markShown();
    this.bars = { actions: [], scene: [], speech: [], ...Object.fromEntries((view.lanes || []).map((lane) => [lane.kind, lane.items])) };
    for (const segment of view.segments) {
      for (const kind of ["actions", "scene"]) {
        const best = segment[kind][0];
        const fixed = segment.corrected[CORRECTED[kind]];
        if (best || fixed) this.bars[kind].push({ ...(best || { score: 0, colour: "#888888" }), label: fixed || best.label, fixed: Boolean(fixed),
          start: segment.start, end: segment.end, segment: segment.id, unsure: kind === "actions" && segment.unsure && !fixed });
      }
      for (const words of segment.speech.filter((item) => !item.source)) this.bars.speech.push({ label: words.text, start: words.start, end: words.end, segment: segment.id, colour: "#7d8799" });
    }
    for (const kind of Object.keys(this.bars)) this.bars[kind] = this.joined(this.bars[kind]);
    this.later();
  }

  // What goes on from one segment to the next is one bar.
  joined(bars) {
    const out = [];
    for (const bar of bars) {
      const last = out[out.length - 1];
      const same = last && last.label === bar.label && last.unsure === bar.unsure && last.fixed === bar.fixed && last.text === bar.text;
      if (!same || Math.abs(bar.start - last.end) > 0.05) { out.push({ ...bar, last: bar.segment, parts: 1, least: bar.score, most: bar.score }); continue; }
      Object.assign(last, { end: bar.end, last: bar.segment, parts: last.parts + 1, least: Math.min(last.least, bar.score), most: Math.max(last.most, bar.score) });
    }
    return out;
  }

  later() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => { this.pending = 0; this.draw(); });
  }

  draw() {
    const total = this.desk.duration;
    const width = this.viewport.clientWidth;
    if (!total || !width || !this.view) return;
    this.canvas.style.width = `${100 * this.zoom}%`;
    this.perSecond = (width * this.zoom) / total;
    const from = this.viewport.scrollLeft / this.perSecond - 1, to = (this.viewport.scrollLeft + width) / this.perSecond + 1;
    this.drawRuler(from, to, total);
    for (const [key, track] of Object.entries(this.tracks)) {
      const seen = this.bars[key].filter((bar) => bar.end > from && bar.start < to);
      const items = this.merged(seen);
      if (changed(track, "bars", [items, this.perSecond, key === "speech" ? this.view.voice : null, this.desk.selected])) track.replaceChildren(...this.voice(key), ...items.map((bar) => this.bar(bar)));
    }
    this.move(this.desk.stage.now);
  }

  // Bars too thin to be hit are drawn as one.
  merged(bars) {
    const out = [];
    for (const bar of bars) {
      const last = out[out.length - 1];
      if (last && (bar.end - last.start) * this.perSecond < LEAST_PIXELS) { last.end = bar.end; last.last = bar.last; last.count = (last.count || last.parts) + bar.parts; }
      else out.push({ ...bar });
    }
    return out;
  }

  bar(bar) {
    const sure = percent(bar.least) === percent(bar.most) ? percent(bar.most) : `${percent(bar.least)} to ${percent(bar.most)}`;
    const score = bar.count || bar.score === undefined ? "" : `, ${bar.fixed ? "corrected by you" : sure}`;
    const label = bar.count ? `${bar.count} segments` : bar.unsure ? `unsure: ${bar.label}` : bar.label;
    const name = `${label}, ${clock(bar.start)} to ${clock(bar.end)}${score}`;
    const current = bar.segment <= this.desk.selected && this.desk.selected <= bar.last;
    const room = (bar.end - bar.start) * this.perSecond - BESIDE_PIXELS, shown = bar.unsure && !bar.count ? `${bar.label}?` : label;
    const left = (bar.start / this.desk.duration) * 100, width = ((bar.end - bar.start) / this.desk.duration) * 100;
    return h("button", { type: "button", class: `bar${bar.unsure ? " unsure" : ""}${current ? " current" : ""}`, title: name, "aria-label": name,
      "aria-current": current ? "true" : null, tabindex: current ? "0" : "-1", "data-segment": bar.segment, "data-last": bar.last, "data-start": bar.start,
      vars: { left: `${left}%`, width: `calc(${width}% - 1px)`, "--c": bar.colour },
      onclick: (event) => this.open(bar, event) }, room >= LETTER_PIXELS * Math.min(shown.length, ENOUGH_LETTERS) ? shown : "");
  }

  // A press leads to the segment under it; the keyboard to where the bar begins.
  open(bar, event) {
    const at = event.detail && bar.last !== bar.segment ? this.desk.segmentAt(this.at(event)) : null;
    if (at && at.id > bar.segment && at.id <= bar.last) this.desk.go(at.start, at.id); else this.desk.go(bar.start, bar.segment);
  }

  voice(key) {
    if (key !== "speech") return [];
    return this.view.voice.map(([start, end]) => h("div", { class: "voice", vars: {
      left: `${(100 * start) / this.desk.duration}%`, width: `${(100 * (end - start)) / this.desk.duration}%` } }));
  }

  drawRuler(from, to, total) {
    const step = TICKS.find((seconds) => seconds * this.perSecond >= TICK_PIXELS) || 3600;
    const ticks = [];
    for (let at = Math.max(0, Math.floor(from / step) * step); at <= Math.min(total, to); at += step) {
      if (at * this.perSecond > total * this.perSecond - 34 && at > 0) break;
      ticks.push(h("span", { class: "tick", vars: { left: `${(100 * at) / total}%` } }, clock(at, step < 1 ? 1 : 0)));
    }
    const seen = this.view.shots.slice(1).filter((at) => at > from && at < to);
    const cuts = (seen.length > MOST_CUTS ? [] : seen)
      .map((at) => h("i", { class: "cut", title: `cut at ${clock(at, 1)}`, vars: { left: `${(100 * at) / total}%` } }));
    if (changed(this.ruler, "ticks", [ticks.length, step, from, to, cuts.length])) this.ruler.replaceChildren(...ticks, ...cuts);
  }

  move(seconds) {
    if (!this.desk.duration) return;
    this.head.style.left = `${(100 * seconds) / this.desk.duration}%`;
    const x = seconds * this.perSecond, view = this.viewport;
    if (this.zoom > 1 && !this.desk.stage.video.paused && (x < view.scrollLeft || x > view.scrollLeft + view.clientWidth * 0.95)) view.scrollLeft = x - view.clientWidth * 0.1;
  }

  setZoom(zoom, at = this.desk.stage.now) {
    const total = this.desk.duration || 1, x = at * this.perSecond - this.viewport.scrollLeft;
    const most = Math.max(1, Math.min(MAX_ZOOM, total / 2));
    this.zoom = Math.max(1, Math.min(most, zoom));
    this.canvas.style.width = `${100 * this.zoom}%`;
    this.perSecond = (this.viewport.clientWidth * this.zoom) / total;
    this.viewport.scrollLeft = at * this.perSecond - Math.max(0, Math.min(this.viewport.clientWidth, x));
    this.later();
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.setZoom(this.zoom * (event.deltaY < 0 ? 1.25 : 0.8), this.at(event));
  }

  at(event) { return ((event.clientX - this.canvas.getBoundingClientRect().left) / this.canvas.clientWidth) * this.desk.duration; }

  // A press on a bar keeps the focus where it was, so that the keys go on steering the player.
  scrub(event) {
    if (event.button !== 0) return;
    if (event.target.closest(".bar")) { event.preventDefault(); return; }
    event.preventDefault();
    const move = (next) => this.desk.go(this.at(next));
    const stop = () => { removeEventListener("pointermove", move); removeEventListener("pointerup", stop); };
    addEventListener("pointermove", move);
    addEventListener("pointerup", stop);
    move(event);
  }

  // With the focus on a bar: left and right walk along the lane, up and down to the other lanes.
  walk(event) {
    const bar = event.target.closest(".bar");
    if (!bar) return;
    const keys = Object.keys(this.tracks).filter((key) => this.tracks[key].offsetParent);
    const lane = keys.findIndex((key) => this.tracks[key] === bar.parentElement);
    let next = null;
    if (event.key === "ArrowRight") next = bar.nextElementSibling;
    else if (event.key === "ArrowLeft") next = bar.previousElementSibling;
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const other = this.tracks[keys[lane + (event.key === "ArrowDown" ? 1 : -1)]];
      const bars = other ? [...other.querySelectorAll(".bar")] : [];
      next = bars.filter((item) => Number(item.dataset.start) <= Number(bar.dataset.start) + 0.01).pop() || bars[0];
    } else return;
    event.preventDefault();
    event.stopPropagation();
    if (next && next.classList.contains("bar")) { next.focus(); next.scrollIntoView({ block: "nearest", inline: "nearest" }); }
  }

  lightUp(segment) {
    for (const bar of this.canvas.querySelectorAll(".bar")) {
      const mine = Number(bar.dataset.segment) <= segment && segment <= Number(bar.dataset.last);
      bar.classList.toggle("lit", mine);
      if (mine) setTimeout(() => bar.classList.remove("lit"), 1600);
    }
  }

  showWhy(parts) {
    const most = Math.max(1e-9, ...parts.map((part) => Math.abs(part.importance)));
    this.why.replaceChildren(...parts.map((part) => h("i", { vars: { left: `${(100 * part.start_seconds) / this.desk.duration}%`,
      width: `${(100 * (part.end_seconds - part.start_seconds)) / this.desk.duration}%`, height: `${Math.max(6, (100 * Math.abs(part.importance)) / most)}%` } })));
  }
}
