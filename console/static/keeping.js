// A part that fetches itself anew leaves what a person does in it as it was: the focus and the caret, what is half typed,
// what is unfolded, how far it is scrolled. A thing is known again by its id, or else by what it does. While an input method
// composes a word in a part, the part waits.
const HELD = "a[href], button, input:not([type=hidden]), select, textarea, summary, details, [tabindex], .table-frame";
const CHOSEN = /^(radio|checkbox)$/;

let kept = null;
let composing = null;
const postponed = new Set(); // ids of parts

function nameOf(thing) {
  if (thing.id) return `#${thing.id}`;
  const words = thing.matches(".table-frame") ? "" : (thing.querySelector("summary") ?? thing).textContent.trim();
  const does = thing.getAttribute("href") ?? thing.getAttribute("name") ?? thing.getAttribute("aria-label") ?? words;
  const choice = CHOSEN.test(thing.type) ? thing.value : "";
  return [thing.tagName, thing.form?.getAttribute("action") ?? "", does, choice].join(" ");
}

// Of several with one name, each by its turn.
function things(place) {
  const found = new Map();
  const turns = new Map();
  for (const thing of place.querySelectorAll(HELD)) {
    const name = nameOf(thing);
    const turn = (turns.get(name) ?? 0) + 1;
    turns.set(name, turn);
    found.set(`${name} ${turn}`, thing);
  }
  return found;
}

function isTyped(thing) {
  if (thing.matches("select")) return ![...thing.options].every((option) => option.selected === option.defaultSelected);
  if (!thing.matches("input, textarea") || thing.type === "file") return false;
  return CHOSEN.test(thing.type) ? thing.checked !== thing.defaultChecked : thing.value !== thing.defaultValue;
}

function stateOf(thing) {
  const focused = thing === document.activeElement;
  return {
    focused,
    caret: focused && Number.isInteger(thing.selectionStart) ? [thing.selectionStart, thing.selectionEnd] : null,
    typed: isTyped(thing) ? { value: thing.value, checked: thing.checked } : null,
    open: thing.matches("details:not([role=alert])") ? thing.open : null, // an alert unfolds itself again
    scroll: [thing.scrollLeft, thing.scrollTop],
  };
}

function giveBackTo(thing, { focused, caret, typed, open, scroll }) {
  if (typed && CHOSEN.test(thing.type)) thing.checked = typed.checked;
  else if (typed && (!thing.matches("select") || [...thing.options].some((option) => option.value === typed.value))) thing.value = typed.value;
  if (open !== null) thing.open = open;
  [thing.scrollLeft, thing.scrollTop] = scroll;
  if (!focused) return;
  thing.focus({ preventScroll: true });
  if (caret) thing.setSelectionRange(...caret);
}

function keep(event) {
  const part = event.detail.target;
  kept = null;
  if (!part?.hasAttribute("hx-get")) return;
  if (composing && part.contains(composing)) {
    event.detail.shouldSwap = false;
    postponed.add(part.id);
    return;
  }
  const place = part.parentElement; // the end of a transcript leaves what is settled beside itself
  const states = [...things(place)].filter(([, thing]) => part.contains(thing)).map(([name, thing]) => [name, stateOf(thing)]);
  kept = { part, place, states };
}

function giveBack(event) {
  if (!kept || event.detail.target !== kept.part) return;
  const { part, place, states } = kept;
  kept = null;
  const there = things(place);
  for (const [name, state] of states) {
    const thing = there.get(name);
    if (thing) giveBackTo(thing, state);
  }
  if (!states.some(([, state]) => state.focused) || document.activeElement !== document.body) return;
  const renewed = document.getElementById(part.id); // what had the focus is gone: Tab goes on from where it was
  renewed?.setAttribute("tabindex", "-1");
  renewed?.focus({ preventScroll: true });
}

export function startKeeping() {
  document.body.addEventListener("htmx:beforeSwap", keep);
  document.body.addEventListener("htmx:afterSwap", giveBack);
  document.addEventListener("compositionstart", (event) => { composing = event.target; });
  document.addEventListener("compositionend", () => {
    composing = null;
    const parts = [...postponed];
    postponed.clear();
    for (const id of parts) window.htmx.trigger(document.getElementById(id), "live");
  });
}
