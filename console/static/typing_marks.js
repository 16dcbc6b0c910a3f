// Each side sees that the other writes. A mark stands for a few seconds after it was told, and is kept nowhere.
const STANDS_MS = 6000;
const TELL_MS = 4000;

let told = 0;
let timer = 0;

export function startTypingMarks() {
  const mark = document.getElementById("writes");
  if (!mark) return;
  const hide = () => {
    window.clearTimeout(timer);
    mark.hidden = true;
  };
  document.addEventListener("resident-writes", () => {
    hide();
    mark.hidden = false;
    timer = window.setTimeout(hide, STANDS_MS);
  });
  document.body.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.elt.closest?.("#transcript")) hide(); // his words are there
  });
  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-enter-sends]") || !event.target.value.trim() || Date.now() - told < TELL_MS) return;
    told = Date.now();
    const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
    fetch(mark.dataset.tell, { method: "POST", headers: { "X-CSRFToken": token } }).catch(() => {}); // a mark: gone is gone
  });
}
