// The video with its own controls and captions.

const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 4];

class Stage {
  constructor(desk, data) {
    this.desk = desk;
    this.captionsOn = true;
    this.video = h("video", { playsinline: true, preload: "metadata", tabindex: "-1" });
    this.caption = h("div", { class: "caption", "aria-hidden": "true" });
    this.notice = h("div", { class: "notice", role: "status" });
    this.frame = h("div", { class: "frame" }, this.video, this.caption, this.notice);
    this.playButton = this.button("Play", "play", () => this.toggle(), true);
    this.time = h("span", { class: "time" });
    this.speed = h("select", { class: "quiet", "aria-label": "Speed", title: "Speed",
      onchange: () => { this.video.playbackRate = Number(this.speed.value); } },
      ...SPEEDS.map((value) => h("option", { value, selected: value === 1 }, `${value}×`)));
    this.captionsButton = h("button", { type: "button", class: "quiet text", "aria-pressed": "true", title: "Captions (c)",
      onclick: () => this.toggleCaptions() }, "CC");
    this.soundButton = this.button("Sound on or off (m)", "sound", () => this.toggleSound());
    this.fullButton = this.button("Full screen (f)", "full", () => this.toggleFull());
    this.helpButton = h("button", { type: "button", class: "quiet text", title: "Keys (?)", "aria-label": "Keys",
      onclick: () => desk.toggleHelp() }, "?");
    this.bar = h("div", { class: "controls" }, this.playButton, this.time, h("span", { class: "gap" }),
      this.speed, this.captionsButton, this.soundButton, this.fullButton, this.helpButton);
    this.node = h("div", { class: "stage" }, this.frame, this.bar);
    this.shape(data);
    this.listen();
  }

  button(label, name, action, filled = false) {
    return h("button", { type: "button", class: "quiet", "aria-label": label, title: label, onclick: action }, icon(name, filled));
  }

  shape(data) {
    const flat = !data.has_picture;
    this.node.classList.toggle("sound-only", flat);
    this.frame.style.setProperty("--ratio", flat ? "6 / 1" : `${data.width} / ${data.height}`);
  }

  listen() {
    const video = this.video;
    video.addEventListener("click", () => this.toggle());
    for (const name of ["play", "pause", "ended"]) video.addEventListener(name, () => this.showState());
    for (const name of ["timeupdate", "seeking", "seeked", "loadedmetadata"]) video.addEventListener(name, () => this.desk.moved());
    video.addEventListener("error", () => { if (video.getAttribute("src")) this.desk.cannotPlay(); });
    const tick = () => {
      if (!video.paused) this.desk.moved();
      this.ticking = requestAnimationFrame(tick);
    };
    this.ticking = requestAnimationFrame(tick);
  }

  close() { cancelAnimationFrame(this.ticking); this.video.removeAttribute("src"); this.video.load(); }

  setMedia(sha, media) {
    const src = media.playable ? `/api/video/${sha}?v=${media.version}` : "";
    if ((this.video.getAttribute("src") || "") !== src) {
      const at = this.video.currentTime || this.waiting || 0;
      if (src) { this.video.setAttribute("src", src); if (at) this.seek(at); } else this.video.removeAttribute("src");
    }
    this.showNotice(sha, media);
  }

  // Why nothing can be played yet, how far the playable version is, and the way to stop it or to have it made.
  showNotice(sha, media) {
    const act = (path) => () => call(path, this.desk.token, { method: "POST" }).then(() => this.desk.load(), (error) => this.desk.say(error.message));
    if (changed(this.notice, "what", [sha, media.playable, media.job, media.reason, media.can_make])) {
      this.made = h("progress", { max: 1, value: 0, "aria-label": "Playable version" });
      const making = () => [h("p", {}, "Making a version that this browser can play. The timeline works meanwhile."), this.made,
        h("button", { type: "button", class: "link", onclick: act(`/api/jobs/${media.job}/cancel`) }, "Cancel")];
      const none = () => [h("p", {}, media.reason),
        media.can_make ? h("button", { type: "button", class: "link", onclick: act(`/api/proxy/${sha}`) }, "Make it playable") : ""];
      this.notice.replaceChildren(...(media.playable ? [] : media.making ? making() : none()));
    }
    if (media.making) this.made.value = media.fraction;
  }

  get now() { return this.video.getAttribute("src") ? this.video.currentTime : this.waiting || 0; }

  seek(seconds) {
    const to = Math.max(0, Math.min(seconds, this.desk.duration || seconds));
    this.waiting = to;
    if (this.video.getAttribute("src")) this.video.currentTime = to;
    this.desk.moved(to);
  }

  toggle() { if (this.video.paused) this.video.play().catch(() => {}); else this.video.pause(); }
  toggleSound() {
    this.video.muted = !this.video.muted;
    this.soundButton.replaceChildren(icon(this.video.muted ? "mute" : "sound"));
  }
  toggleCaptions() {
    this.captionsOn = !this.captionsOn;
    this.captionsButton.setAttribute("aria-pressed", String(this.captionsOn));
    this.desk.moved();
  }
  toggleFull() {
    if (document.fullscreenElement) document.exitFullscreen(); else this.frame.requestFullscreen().catch(() => {});
  }
  faster(step) {
    const at = SPEEDS.indexOf(this.video.playbackRate);
    const next = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, (at < 0 ? 2 : at) + step))];
    this.video.playbackRate = next;
    this.speed.value = String(next);
  }

  showState() {
    const paused = this.video.paused;
    this.playButton.replaceChildren(icon(paused ? "play" : "pause", true));
    this.playButton.setAttribute("aria-label", paused ? "Play" : "Pause");
  }

  show(seconds, total, words) {
    const text = `${clock(seconds, 1)} / ${lengthOf(total)}`;
    if (this.time.textContent !== text) this.time.textContent = text;
    const caption = this.captionsOn && words ? words : "";
    if (this.caption.textContent !== caption) this.caption.textContent = caption;
  }
}
