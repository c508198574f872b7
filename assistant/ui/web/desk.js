// The player's page in one component: the video, its lanes and the segment card. It fetches what it shows, so that
// neither a click nor the growing of a timeline runs the page's script.

const KEYS = [["space", "play or pause"], ["← →", "5 seconds back or on"], ["shift ← →  or  , .", "one frame back or on"], ["home end", "to the start or the end"],
  ["[ ]", "previous or next segment"], ["w", "why this label"], ["/", "to the question"], ["t", "transcript or segment"], ["− +", "slower or faster"], ["c m f", "captions, sound, full screen"],
  ["arrows on a bar", "walk along the lanes, Enter to go there"], ["?", "this list"]];

class Desk {
  constructor(root, component) {
    this.component = component;
    this.view = { segments: [], shots: [], voice: [], lanes: [], absences: [], suppressed: [], captions: [] };
    const data = component.data;
    this.stage = new Stage(this, data);
    this.lanes = new Lanes(this);
    this.card = new Card(this);
    this.transcript = new Transcript(this);
    this.status = h("div", { class: "status", role: "status" });
    this.help = h("div", { class: "help", hidden: true }, h("h3", {}, "Keys"), h("dl", {}, ...KEYS.flatMap(([key, what]) => [h("dt", {}, key), h("dd", {}, what)])));
    this.top = h("div", { class: "top" }, this.stage.node, this.lanes.node);
    const tab = (name, words) => h("button", { type: "button", role: "tab", class: "tab", "data-view": name, onclick: () => this.showView(name) }, words);
    this.tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Below the player" }, tab("card", "Segment"), tab("transcript", "Transcript"));
    root.querySelector(".desk").replaceChildren(this.top, this.status, this.help, this.tabs, this.card.node, this.transcript.node);
    this.showView("card");
    this.onClick = (event) => this.followLink(event);
    this.onKey = (event) => this.key(event);
    document.addEventListener("click", this.onClick, true);
    document.addEventListener("keydown", this.onKey);
    this.onJobs = (event) => { event.detail.forEach(newest); if (this.view.job) this.showStatus(this.view); };
    document.addEventListener(JOBS, this.onJobs);
    this.onAsk = (event) => this.keepFocus(event);
    document.addEventListener("keydown", this.onAsk, true);
  }

  close() {
    clearTimeout(this.timer);
    document.removeEventListener("click", this.onClick, true);
    document.removeEventListener("keydown", this.onKey);
    document.removeEventListener(JOBS, this.onJobs);
    document.removeEventListener("keydown", this.onAsk, true);
    clearInterval(this.focusing);
    this.lanes.close();
    this.stage.close();
    this.card.why.hide();
    this.sha = null;
  }

  update(component) {
    this.component = component;
    const data = component.data;
    this.token = data.token;
    if (this.sha !== data.sha) {
      this.sha = data.sha;
      this.view = { segments: [], shots: [], voice: [], lanes: [], absences: [], suppressed: [], captions: [] };
      this.selected = null;
      this.duration = data.duration;
      this.hasPicture = data.has_picture;
      this.stage.shape(data);
      this.card.drawn = {};
      if (data.start) this.stage.seek(data.start);
      this.load();
    } else if (this.version !== data.version) this.load();
    this.version = data.version;
  }

  async load() {
    const sha = this.sha;
    clearTimeout(this.timer);
    let view;
    const known = this.view.finished === false ? this.view.segments : [];
    const after = known.length ? `?after=${known[known.length - 1].id}` : "";
    try { view = await call(`/api/desk/${sha}${after}`, this.token); } catch (error) {
      this.say(error.message);
      this.timer = setTimeout(() => this.load(), 3000);
      return;
    }
    if (sha !== this.sha) return;
    const wasRunning = this.view.job && ["running", "waiting"].includes(this.view.job.state);
    const isRunning = view.job && ["running", "waiting"].includes(view.job.state);
    // Finished for the first time, or an analysis with other settings has ended, whichever way.
    const ended = view.finished && (this.view.finished === false || (wasRunning && !isRunning));
    // Questions can be asked from now on, of the subtitles, while the rest is still on its way.
    const finishedNow = this.view.job && (ended || (view.askable && this.view.askable === false));
    if (!view.finished && known.length) view.segments = known.concat(view.segments);
    this.view = view;
    if (view.job) tellJobs([view.job]);
    this.duration = view.duration || this.duration;
    this.frameRate = view.frame_rate || 25;
    this.stage.setMedia(sha, view.media);
    this.lanes.set(view);
    this.transcript.set(view);
    this.showStatus(view);
    this.moved();
    this.card.show(this.segment(this.selected));
    if (isRunning || view.media.making) this.timer = setTimeout(() => this.load(), 1000);
    if (finishedNow) this.component.setTriggerValue("finished", Date.now());
  }

  showView(name) {
    this.card.node.hidden = name !== "card";
    this.transcript.node.hidden = name !== "transcript";
    for (const tab of this.tabs.children) tab.setAttribute("aria-selected", String(tab.dataset.view === name));
    if (this.sha) this.transcript.follow(this.stage.now);
  }

  say(sentence) { this.status.replaceChildren(h("p", { class: "flag" }, sentence)); this.status.drawn = {}; }

  waitingText() {
    if (this.view.finished) return this.view.segments.length ? "Click a bar, or play, to see what is known of that moment." : "Nothing was found in this video.";
    return "The first segment will appear here in a moment.";
  }

  showStatus(view) {
    const job = view.finished && view.job && !["running", "waiting"].includes(view.job.state) ? null : newest(view.job);
    if (!changed(this.status, "what", [job, view.absences, view.finished])) return;
    const absences = view.absences.map((sentence) => h("p", { class: "absence" }, sentence));
    const act = (action) => () => call(`/api/jobs/${job.id}/${action}`, this.token, { method: "POST" }).then(() => this.load(), (error) => this.say(error.message));
    if (!job) { this.status.replaceChildren(...absences); return; }
    const running = ["running", "waiting"].includes(job.state);
    const left = job.seconds_left !== null && job.seconds_left !== undefined ? `, ${duration(job.seconds_left)} left` : "";
    this.status.replaceChildren(h("div", { class: "progress" }, running ? h("progress", { max: 1, value: job.fraction, "aria-label": "Analysis" }) : null,
      h("span", {}, running ? `${job.says}${job.fraction ? `, ${percent(job.fraction)}` : " …"}${left}` : `${job.says}${job.what ? `: ${job.what}` : ""}${job.remedy ? `; ${job.remedy}` : ""}.`),
      h("button", { type: "button", class: "link", onclick: act(running ? "cancel" : "resume") }, running ? "Cancel" : "Go on")), ...absences);
  }

  segment(id) { return this.view.segments.find((item) => item.id === id); }

  segmentAt(seconds) { return this.view.segments.find((item) => seconds >= item.start - 0.0005 && seconds < item.end - 0.0005) || this.view.segments.filter((item) => item.start <= seconds).pop(); }

  // The playhead moved, by play or by a jump.
  moved(seconds = this.stage.now) {
    if (!this.sha) return;
    const words = this.view.segments.length ? this.wordsAt(seconds) : "";
    this.stage.show(seconds, this.duration, words);
    this.lanes.move(seconds);
    this.transcript.follow(seconds);
    if (this.card.pinned) return;
    const here = this.segmentAt(seconds);
    if (here && here.id !== this.selected) { this.selected = here.id; this.lanes.later(); this.card.show(here); }
    if (!here) this.card.show(null);
  }

  wordsAt(seconds) {
    const words = this.view.captions.find((item) => seconds >= item.start && seconds < item.end);
    return words ? words.text : "";
  }

  go(seconds, segment = null) {
    const target = segment !== null ? this.segment(segment) : null;
    if (this.card.pinned && (!target || target.id !== this.selected)) { this.card.why.hide(); this.card.correcting = false; }
    // A hair behind the start: a time that was rounded down by a thousandth would show the last frame before a cut.
    this.stage.seek(target ? seconds + 0.004 : seconds);
    if (target) {
      this.selected = target.id;
      this.card.show(target);
      this.lanes.later();
      requestAnimationFrame(() => requestAnimationFrame(() => this.lanes.lightUp(target.id)));
    }
  }

  goSegment(id) { const segment = this.segment(id); if (segment) this.go(segment.start, id); }

  // A time anywhere on the page, in a streaming answer too, is a link #t=7.25&s=3.
  followLink(event) {
    // Streamlit's own Stop would end the page's script where it stands, with half a page drawn.
    if (event.composedPath().some((node) => node.dataset && node.dataset.testid === "stChatInputStopButton")) { this.stopAnswer(event); return; }
    const link = event.composedPath().find((node) => node.tagName === "A" && /^#(t=|copy$|stop$)/.test(node.getAttribute("href") || ""));
    if (!link || event.ctrlKey || event.metaKey) return;
    if (link.getAttribute("href") === "#stop") { this.stopAnswer(event); return; }
    event.preventDefault();
    event.stopPropagation();
    if (link.getAttribute("href") === "#copy") { this.copy(link); return; }
    const target = new URLSearchParams(link.getAttribute("href").slice(1));
    this.go(Number(target.get("t")) || 0, target.has("s") ? Number(target.get("s")) : null);
  }

  // The field is off while an answer is written; whoever typed there and went nowhere else types on there.
  keepFocus(event) {
    const find = () => document.querySelector('[data-testid="stChatInputTextArea"]');
    if (event.key !== "Enter" || event.shiftKey || event.composedPath()[0] !== find()) return;
    clearInterval(this.focusing);
    // Where the conversation lies under the player, the answer comes into sight.
    const show = () => { const last = [...document.querySelectorAll('[data-testid="stChatMessage"]')].pop(); if (last) last.scrollIntoView({ block: "center" }); };
    if (innerWidth <= 1100) setTimeout(show, 700);
    const started = performance.now();
    this.focusing = setInterval(() => {
      const field = find(), at = document.activeElement;
      const elsewhere = at && at !== document.body && at !== field;
      if (elsewhere || performance.now() - started > 600000) { clearInterval(this.focusing); return; }
      if (!field || field.disabled || field.readOnly) return;
      if (at !== field) field.focus({ preventScroll: true });
      else if (!document.querySelector('[data-testid="stChatInputStopButton"]') && performance.now() - started > 1500) clearInterval(this.focusing);
    }, 150);
  }

  stopAnswer(event) {
    event.preventDefault();
    event.stopPropagation();
    call(`/api/stop/${this.component.data.visit}`, this.token, { method: "POST" }).catch((error) => this.say(error.message));
  }

  // The text of the answer that this link stands under, times included.
  async copy(link) {
    const message = link.closest('[data-testid="stChatMessage"]');
    const text = message ? message.querySelector('[data-testid="stMarkdown"]').innerText.replaceAll("\u2060", "") : "";
    const words = link.textContent;
    try { await navigator.clipboard.writeText(text); link.textContent = "Copied"; } catch { link.textContent = "Not allowed here"; }
    setTimeout(() => { link.textContent = words; }, 1500);
  }

  async cannotPlay() {
    try { this.stage.setMedia(this.sha, await call(`/api/proxy/${this.sha}`, this.token, { method: "POST" })); } catch (error) { this.say(error.message); return; }
    this.timer = setTimeout(() => this.load(), 1000);
  }

  toggleHelp() { this.help.hidden = !this.help.hidden; }

  key(event) {
    const at = event.composedPath()[0];
    if (event.ctrlKey || event.metaKey || event.altKey || (at && (/^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName) || at.isContentEditable))) return;
    if (event.key === " " && at && /^(BUTTON|A|SUMMARY)$/.test(at.tagName) && !at.classList.contains("bar")) return;
    const stage = this.stage, frame = 1 / (this.frameRate || 25), here = this.segment(this.selected);
    const actions = {
      " ": () => stage.toggle(), k: () => stage.toggle(),
      ArrowLeft: () => stage.seek(stage.now - (event.shiftKey ? frame : 5)), ArrowRight: () => stage.seek(stage.now + (event.shiftKey ? frame : 5)),
      ",": () => stage.seek(stage.now - frame), ".": () => stage.seek(stage.now + frame),
      Home: () => stage.seek(0), End: () => stage.seek(Math.max(0, this.duration - frame)),
      "[": () => this.goSegment((this.selected || 2) - 1), "]": () => this.goSegment((this.selected || 0) + 1),
      w: () => { if (here && here.actions.length && this.view.finished) { this.showView("card"); this.card.why.ask(here); } },
      t: () => this.showView(this.card.node.hidden ? "card" : "transcript"),
      "-": () => stage.faster(-1), "+": () => stage.faster(1), "=": () => stage.faster(1),
      c: () => stage.toggleCaptions(), m: () => stage.toggleSound(), f: () => stage.toggleFull(), "?": () => this.toggleHelp(),
      "/": () => { const field = document.querySelector('[data-testid="stChatInputTextArea"]'); if (field) field.focus(); },
      Escape: () => { this.help.hidden = true; },
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}

const desks = new WeakMap();

export default function (component) {
  const root = component.parentElement;
  let desk = desks.get(root);
  if (!desk) { desk = new Desk(root, component); desks.set(root, desk); }
  desk.update(component);
  return () => { desk.close(); desks.delete(root); };
}
