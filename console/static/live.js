// Parts that show another version than the server's fetch themselves anew (htmx, trigger "live"). The stream only tells
// versions, so nothing is lost by a reconnect; over the cap (503) the page asks every few seconds and tries again later.
const POLL_MS = 3000;
const TRY_STREAM_AGAIN_MS = 20000;
const BEAT_MS = 8000;
const RETRY_PART_MS = 2000;
const PATIENCE_MS = 3000; // a stream that ends of age is back sooner than this

const latest = {}; // topic -> version the server told last
const asked = new Map(); // address of a part -> version it was last asked for

let source = null;
let polling = 0;
let worry = 0;

const topics = () => [...new Set([...document.querySelectorAll("[data-topic]")].map((part) => part.dataset.topic))].join(",");
const address = (extra = "") => `${document.body.dataset.events}?topics=${encodeURIComponent(topics())}${extra}`;

function refreshStale() {
  for (const part of document.querySelectorAll("[data-topic]")) {
    const version = latest[part.dataset.topic];
    const key = part.id;
    if (!version || version === part.dataset.version || asked.get(key) === version) continue;
    asked.set(key, version);
    window.htmx.trigger(part, "live");
  }
}

function take(versions) {
  Object.assign(latest, versions);
  refreshStale();
}

function beat() {
  for (const element of document.querySelectorAll("[data-beat]")) window.htmx.trigger(element, "beat");
}

function showConnection(lost) {
  const line = document.getElementById("connection");
  line.hidden = !lost;
  line.textContent = lost ? line.dataset.polling : "";
}

async function poll() {
  try {
    const answer = await fetch(address("&now"), { headers: { Accept: "application/json" } });
    if (answer.status === 401) return window.location.reload();
    if (answer.ok) take(await answer.json());
  } catch {
    // offline: the next poll tells
  }
}

function startPolling() {
  if (polling) return;
  showConnection(true);
  poll();
  polling = window.setInterval(poll, POLL_MS);
}

function stopPolling() {
  window.clearInterval(polling);
  window.clearTimeout(worry);
  polling = worry = 0;
  showConnection(false);
}

function openStream() {
  source?.close();
  source = new EventSource(address());
  source.addEventListener("open", stopPolling);
  source.addEventListener("versions", (event) => take(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    // A refused stream (503, 401) is closed for good; a broken one reconnects by itself.
    if (source.readyState === EventSource.CLOSED) {
      startPolling();
      window.setTimeout(openStream, TRY_STREAM_AGAIN_MS);
    } else if (!worry) {
      worry = window.setTimeout(startPolling, PATIENCE_MS);
    }
  });
  source.addEventListener("typing", () => document.dispatchEvent(new Event("resident-writes")));
  // Timers of a hidden page are slowed to one a minute; what arrives on the stream is not.
  source.addEventListener("beat", beat);
}

export function startLive() {
  document.body.addEventListener("htmx:afterSettle", refreshStale);
  const failed = (event) => {
    const key = event.detail.elt?.id;
    if (!asked.has(key)) return;
    window.setTimeout(() => {
      asked.delete(key);
      refreshStale();
    }, RETRY_PART_MS);
  };
  document.body.addEventListener("htmx:sendError", failed);
  document.body.addEventListener("htmx:responseError", failed);
  window.setInterval(beat, BEAT_MS);
  window.addEventListener("pagehide", () => source?.close());
  openStream();
}
