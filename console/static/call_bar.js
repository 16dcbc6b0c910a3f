// The call bar: function keys press its buttons; a call that a colleague brings opens its page once it is answered.
const typing = () => [...document.querySelectorAll("#composer textarea")].some((box) => box.value.trim());

function onKey(event) {
  if (!/^F[0-9]+$/.test(event.key) || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const button = document.querySelector(`.call-bar [data-key="${event.key}"]:not([disabled])`);
  if (!button) return;
  event.preventDefault();
  button.click();
  if (button.tagName === "SUMMARY") button.parentElement.querySelector("select")?.focus();
}

function pop() {
  const ring = document.querySelector("#rings [data-pop-now]");
  // A text that is being written is not thrown away; the line on top of the page stays to be clicked.
  if (ring && !typing()) window.location.assign(ring.dataset.pop);
}

// While the caller is on the telephone, what is typed is a note and is not read out; the box says so.
function note() {
  const noting = document.querySelector(".call-bar")?.hasAttribute("data-noting");
  const box = document.querySelector("#composer textarea[data-noted]");
  const button = document.querySelector("#composer button[data-noted]");
  if (!box || !button) return;
  box.dataset.spoken ??= box.placeholder;
  button.dataset.spoken ??= button.textContent;
  box.placeholder = noting ? box.dataset.noted : box.dataset.spoken;
  button.textContent = noting ? button.dataset.noted : button.dataset.spoken;
}

// What is open and half filled in (whom to give the call to) survives the bar's own refreshes.
const kept = new Map();

function keep(event) {
  if (event.detail.target?.id !== "call-bar") return;
  for (const part of event.detail.target.querySelectorAll("[data-keep]")) {
    if (!part.open) continue;
    kept.set(part.dataset.keep, [...part.querySelectorAll("select, input:not([type=hidden])")].map((field) => field.value));
  }
}

function giveBack() {
  for (const part of document.querySelectorAll(".call-bar [data-keep]")) {
    const values = kept.get(part.dataset.keep);
    if (!values) continue;
    part.open = true;
    part.querySelectorAll("select, input:not([type=hidden])").forEach((field, index) => { field.value = values[index]; });
  }
  kept.clear();
}

export function startCallBar() {
  document.addEventListener("keydown", onKey);
  document.body.addEventListener("htmx:beforeSwap", keep);
  document.body.addEventListener("htmx:afterSettle", giveBack);
  for (const refresh of [pop, note]) {
    document.body.addEventListener("htmx:afterSettle", refresh);
    refresh();
  }
}
