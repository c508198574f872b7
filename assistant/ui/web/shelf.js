// The library and the queue, kept up to date without running the page's script.

class Shelf {
  constructor(root) {
    this.node = root.querySelector(".shelf");
    this.items = h("div", { class: "items" });
    this.message = h("p", { class: "hint" });
    this.node.replaceChildren(this.message, this.items);
    this.onJobs = (event) => { event.detail.forEach(newest); this.redraw(); };
    document.addEventListener(JOBS, this.onJobs);
    nameIcons();
  }

  close() { clearTimeout(this.timer); document.removeEventListener(JOBS, this.onJobs); this.closed = true; }

  update(component) {
    this.component = component;
    this.node.classList.toggle("small", component.data.small);
    clearTimeout(this.timer);
    this.load();
  }

  async load() {
    let shelf;
    try { shelf = await call("/api/shelf", this.component.data.token); } catch (error) {
      this.message.textContent = error.message;
      this.timer = setTimeout(() => this.load(), 4000);
      return;
    }
    if (this.closed) return;
    this.message.textContent = shelf.items.length ? "" : this.component.data.empty;
    this.shelf = shelf;
    tellJobs(shelf.items.map((item) => item.job).filter(Boolean));
    this.timer = setTimeout(() => this.load(), shelf.busy ? 1000 : 5000);
  }

  redraw() {
    if (!this.shelf) return;
    const { small, current, limit } = this.component.data;
    this.show(this.shelf.items.slice(0, limit).map((item) => ({ ...item, job: newest(item.job) })), small, current);
  }

  // Only what is new is drawn: the focus and the pointer stay where they are while others make progress.
  show(items, small, current) {
    const known = this.known || new Map();
    this.known = new Map();
    const nodes = items.map((item) => {
      const key = item.sha256 || item.job.id, text = JSON.stringify([item, small, item.sha256 === current]), old = known.get(key);
      const entry = old && old.text === text ? old : { text, node: this.item(item, small, current) };
      this.known.set(key, entry);
      return entry.node;
    });
    if (nodes.length !== this.items.children.length || nodes.some((node, at) => this.items.children[at] !== node)) {
      const focus = this.items.getRootNode().activeElement;
      this.items.replaceChildren(...nodes);
      if (focus && focus.isConnected) focus.focus();
    }
  }

  item(item, small, current) {
    const job = item.job, running = job && ["running", "waiting"].includes(job.state);
    const left = job && job.seconds_left ? `, ${duration(job.seconds_left)} left` : "";
    const state = !job ? (small ? item.length : "") : job.state === "running" ? `${job.says}${job.fraction ? `, ${percent(job.fraction)}` : " …"}${small ? "" : left}` : `${job.says}${!small && job.what ? `: ${job.what}` : ""}${!small && job.remedy ? `; ${job.remedy}` : ""}`;
    const picture = item.picture ? h("img", { src: item.picture, alt: "", loading: "lazy" }) : null;
    const open = h("button", { type: "button", class: "open", title: item.name, disabled: !item.sha256, "aria-current": item.sha256 && item.sha256 === current ? "page" : null,
      onclick: () => this.component.setTriggerValue("opened", item.sha256) },
      h("span", { class: "thumb" }, icon("film"), picture, item.length ? h("span", { class: "length" }, item.length) : null),
      h("span", {}, h("span", { class: "title" }, item.name), h("span", { class: "state long" }, state)));
    const act = (action, label) => h("button", { type: "button", class: "link", onclick: () => call(`/api/jobs/${job.id}/${action}`, this.component.data.token, { method: "POST" })
      .then(() => this.load(), (error) => { this.message.textContent = error.message; }) }, label);
    const acts = !job ? [] : running ? [act("cancel", "Cancel")] : ["cancelled", "set_aside"].includes(job.state) ? [act("resume", "Go on")] : [act("resume", "Try again")];
    if (job && !running && !item.sha256) acts.push(act("forget", "Remove"));
    return h("div", { class: "item" }, open, running ? h("progress", { max: 1, value: job.fraction, "aria-label": `Analysis of ${item.name}` }) : null, h("div", { class: "acts" }, ...acts));
  }
}

// Streamlit calls its icons "refresh icon", and reads that out before the name of the button that they stand in.
function nameIcons() {
  if (document.documentElement.dataset.iconsAreNamed) return;
  document.documentElement.dataset.iconsAreNamed = "yes";
  const hide = () => { for (const node of document.querySelectorAll('[data-testid="stIconMaterial"]:not([aria-hidden="true"])')) node.setAttribute("aria-hidden", "true"); };
  new MutationObserver(hide).observe(document.body, { childList: true, subtree: true });
  hide();
}

const shelves = new WeakMap();

export default function (component) {
  const root = component.parentElement;
  let shelf = shelves.get(root);
  if (!shelf) { shelf = new Shelf(root); shelves.set(root, shelf); }
  shelf.update(component);
  return () => { shelf.close(); shelves.delete(root); };
}
