// Where a video is dropped: checked before anything is sent, then streamed to disk with progress and Cancel.

class Drop {
  constructor(root, component) {
    this.root = root;
    this.input = h("input", { type: "file", multiple: true, onchange: () => { this.take([...this.input.files]); this.input.value = ""; } });
    this.zone = h("label", { class: "zone" }, icon("upload"), h("strong", {}, "Drop a video here, or choose one"), this.hint = h("span", { class: "hint" }), this.input);
    this.list = h("div", { class: "list", "aria-live": "polite" });
    root.querySelector(".drop").replaceChildren(this.zone, this.list);
    // A video may be dropped anywhere on the page.
    this.over = (event) => { if ([...event.dataTransfer.types].includes("Files")) { event.preventDefault(); this.zone.classList.toggle("over", event.type === "dragover"); } };
    this.dropped = (event) => { if (!event.dataTransfer.files.length) return; event.preventDefault(); event.stopPropagation(); this.zone.classList.remove("over"); this.take([...event.dataTransfer.files]); };
    addEventListener("dragover", this.over);
    addEventListener("dragleave", this.over);
    addEventListener("drop", this.dropped, true);
  }

  close() { removeEventListener("dragover", this.over); removeEventListener("dragleave", this.over); removeEventListener("drop", this.dropped, true); }

  update(component) {
    this.component = component;
    const data = component.data;
    this.input.setAttribute("accept", ["video/*", "audio/*", ...data.accepted].join(","));
    this.hint.textContent = data.hint;
  }

  take(files) { for (const file of files) this.begin(file, files.length === 1); }

  async begin(file, alone) {
    const says = h("span", { class: "hint" }, "Looking at it …");
    const bar = h("progress", { max: 1, value: 0, hidden: true });
    const stop = h("button", { type: "button", class: "link" }, "Cancel");
    const item = h("div", { class: "item" }, h("div", { class: "name" }, file.name), h("div", { class: "progress" }, bar, says, stop));
    const row = { item, says, bar, stop, file, alone };
    stop.onclick = () => item.remove();
    this.list.append(item);
    const trouble = await this.trouble(file);
    if (!item.isConnected) return;
    if (trouble) this.refuse(row, trouble); else this.send(row);
  }

  // What speaks against a file, found without sending it.
  async trouble(file) {
    const data = this.component.data;
    const suffix = (file.name.match(/\.[^.]+$/) || [""])[0].toLowerCase();
    if (!file.size) return "This file is empty; choose another one.";
    if (file.size > data.max_bytes) return `This file is larger than ${(data.max_bytes / 2 ** 30).toFixed(0)} GB; cut it, or save it at a lower quality.`;
    if (!/^(video|audio)\//.test(file.type) && !data.accepted.includes(suffix) && suffix) return "This is not a video or sound file; choose an MP4, MOV, MKV, WebM or AVI file.";
    const seconds = await this.length(file);
    if (seconds && seconds > data.max_seconds) return `This video is ${lengthOf(seconds)} long; up to ${lengthOf(data.max_seconds)} can be analysed, so cut it first.`;
    this.estimate = seconds ? `; the analysis takes ${duration(Math.max(2, seconds * data.seconds_per_second))}${data.memory ? ` and ${data.memory}` : ""}` : "";
    return "";
  }

  // Seconds, or 0 where this browser cannot tell.
  length(file) {
    return new Promise((resolve) => {
      const video = document.createElement("video");
      const done = (value) => { clearTimeout(timer); URL.revokeObjectURL(video.src); resolve(Number.isFinite(value) ? value : 0); };
      const timer = setTimeout(() => done(0), 2500);
      video.preload = "metadata";
      video.onloadedmetadata = () => done(video.duration);
      video.onerror = () => done(0);
      video.src = URL.createObjectURL(file);
    });
  }

  refuse(row, sentence) {
    row.bar.hidden = true;
    row.says.className = "flag";
    row.says.textContent = sentence;
    row.stop.textContent = "Close";
    row.stop.onclick = () => row.item.remove();
  }

  send(row) {
    const request = new XMLHttpRequest();
    const estimate = this.estimate;
    const started = performance.now();
    request.open("PUT", `/api/upload?name=${encodeURIComponent(row.file.name)}`);
    request.setRequestHeader("x-assistant-token", this.component.data.token);
    row.bar.hidden = false;
    row.stop.onclick = () => { request.abort(); row.item.remove(); };
    request.upload.onprogress = (event) => {
      const share = event.loaded / event.total;
      const left = ((performance.now() - started) / 1000) * (1 / Math.max(share, 1e-6) - 1);
      row.bar.value = share;
      row.says.textContent = `Copying, ${percent(share)}${share < 1 && left > 2 ? `, ${duration(left)} left` : ""}${estimate}`;
    };
    request.onerror = () => this.refuse(row, "The app does not answer; see whether it is still running.");
    request.onload = () => {
      let reply = {};
      try { reply = JSON.parse(request.responseText); } catch { /* told below */ }
      if (request.status >= 300) this.refuse(row, `${reply.what || "The upload failed"}${reply.remedy ? `; ${reply.remedy}` : ""}.`);
      else this.follow(row, reply.job);
    };
    request.send(row.file);
  }

  // Until the queue knows which video it is, or why it cannot be used.
  async follow(row, id) {
    row.bar.removeAttribute("value");
    row.says.textContent = "Looking into the file …";
    row.stop.onclick = () => { call(`/api/jobs/${id}/cancel`, this.component.data.token, { method: "POST" }).catch(() => {}); row.item.remove(); };
    for (;;) {
      let job;
      try { job = await call(`/api/jobs/${id}`, this.component.data.token); } catch (error) { this.refuse(row, error.message); return; }
      if (!row.item.isConnected) return;
      if (job.state === "failed" || job.state === "set_aside") {
        this.refuse(row, `${job.what || job.says}${job.remedy ? `; ${job.remedy}` : ""}.`);
        // It is told here, and no video came of it that the library could keep.
        if (!job.sha256) call(`/api/jobs/${id}/forget`, this.component.data.token, { method: "POST" }).catch(() => {});
        return;
      }
      if (job.sha256) { row.item.remove(); if (row.alone) this.component.setTriggerValue("opened", job.sha256); return; }
      row.says.textContent = job.state === "waiting" ? "Waiting for the videos before it" : "Looking into the file …";
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
}

const drops = new WeakMap();

export default function (component) {
  const root = component.parentElement;
  let drop = drops.get(root);
  if (!drop) { drop = new Drop(root, component); drops.set(root, drop); }
  drop.update(component);
  return () => { drop.close(); drops.delete(root); };
}
