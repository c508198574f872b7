// Small tools of all components. Text from outside reaches the page through text nodes alone, never as markup.

function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "vars") for (const [key, set] of Object.entries(value)) node.style.setProperty(key, set);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const ICONS = {
  play: "M8 5v14l11-7z",
  pause: "M7 5h4v14H7zM13 5h4v14h-4z",
  sound: "M4 9v6h4l5 4V5L8 9zM16 8.5a5 5 0 0 1 0 7M18.5 6a8.5 8.5 0 0 1 0 12",
  mute: "M4 9v6h4l5 4V5L8 9zM17 9.5l5 5M22 9.5l-5 5",
  full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  left: "M14.5 6l-6 6 6 6",
  right: "M9.5 6l6 6-6 6",
  close: "M6 6l12 12M18 6L6 18",
  film: "M4 5h16v14H4zM8 5v14M16 5v14M4 12h16M4 8.5h4M4 15.5h4M16 8.5h4M16 15.5h4",
  upload: "M12 16V4M7 9l5-5 5 5M4 16v4h16v-4",
};

function icon(name, filled = false) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", filled ? "icon filled" : "icon");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function clock(seconds, decimals = 0) {
  const scale = 10 ** decimals;
  const whole = Math.floor(Math.max(0, seconds) * scale + 1e-6) / scale;
  const hours = Math.floor(whole / 3600), minutes = Math.floor((whole % 3600) / 60);
  const rest = (whole % 60).toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

// How long something is: below a minute to the tenth, above to the nearest second.
function lengthOf(seconds) {
  const tenths = Math.round(10 * Math.max(0, seconds));
  return tenths % 10 && tenths < 600 ? clock(tenths / 10, 1) : clock(Math.round(Math.max(0, seconds)));
}

function span(item) { return `${clock(item.start)}–${clock(item.end)}`; }

function percent(score) { return score > 0 && score < 0.005 ? "<1 %" : `${Math.round(100 * score)} %`; }

function duration(seconds) {
  if (seconds < 1.5) return "about a second";
  if (seconds < 90) return `about ${Math.round(seconds)} seconds`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} minutes`;
  return `about ${(seconds / 3600).toFixed(1)} hours`;
}

// The document of a route, or an Error whose message says what happened and what to do.
async function call(path, token, options = {}) {
  let reply;
  try {
    reply = await fetch(path, { ...options, headers: { "x-assistant-token": token, ...(options.headers || {}) } });
  } catch {
    throw new Error("The app does not answer; see whether it is still running.");
  }
  const document = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Error(`${document.what || "That did not work"}${document.remedy ? `; ${document.remedy}` : ""}.`);
  return document;
}

// How far an analysis is, whoever asked last: the library and the player's page say the same of it.
const JOBS = "assistant-jobs";
const heard = new Map();

function newest(job) {
  const known = job && heard.get(job.id);
  if (known && known.state === job.state && known.fraction > job.fraction) return known;
  if (job) heard.set(job.id, job);
  return job;
}

function tellJobs(jobs) { document.dispatchEvent(new CustomEvent(JOBS, { detail: jobs })); }

// Only what is new is drawn again: polling must not take the focus or the pointer away.
function changed(holder, key, value) {
  const text = JSON.stringify(value);
  holder.drawn = holder.drawn || {};
  if (holder.drawn[key] === text) return false;
  holder.drawn[key] = text;
  return true;
}
