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

export function startCallBar() {
  document.addEventListener("keydown", onKey);
  for (const refresh of [pop, note]) {
    document.body.addEventListener("htmx:afterSettle", refresh);
    refresh();
  }
}
