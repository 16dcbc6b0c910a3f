// Canned replies: / in the empty answer box opens them, typing filters, arrows choose, Enter fills the box, Escape closes.
// The composer is replaced after every answer, so the document listens for all of them.
const panelOf = (element) => element.closest("#composer")?.querySelector("[data-canned]");
const shown = (panel) => [...panel.querySelectorAll("[role=option]:not([hidden])")];

function choose(panel, option) {
  for (const other of panel.querySelectorAll("[role=option]")) other.setAttribute("aria-selected", String(other === option));
  panel.querySelector("input").setAttribute("aria-activedescendant", option?.id ?? "");
  option?.scrollIntoView({ block: "nearest" });
}

function filter(panel) {
  const words = panel.querySelector("input").value.trim().toLowerCase().split(/\s+/);
  for (const option of panel.querySelectorAll("[role=option]")) {
    const text = option.textContent.toLowerCase();
    option.hidden = !words.every((word) => text.includes(word));
  }
  panel.querySelector(".empty").hidden = shown(panel).length > 0;
  choose(panel, shown(panel)[0]);
}

function open(panel) {
  panel.hidden = false;
  panel.querySelector("input").value = "";
  filter(panel);
  panel.querySelector("input").focus();
}

function close(panel) {
  panel.hidden = true;
  panel.closest("form").querySelector("textarea").focus();
}

function fill(panel, option) {
  const box = panel.closest("form").querySelector("textarea");
  box.value += option.dataset.text;
  close(panel);
  const blank = box.value.indexOf("〔"); // the first open blank is selected: typing fills it
  const end = box.value.indexOf("〕", blank);
  if (blank >= 0 && end > blank) box.setSelectionRange(blank, end + 1);
}

function onKey(event) {
  const panel = panelOf(event.target);
  if (!panel || event.isComposing) return;
  if (event.target.matches("textarea")) {
    if (event.key !== "/" || event.target.value) return;
    event.preventDefault();
    open(panel);
    return;
  }
  if (panel.hidden || !panel.contains(event.target)) return;
  const options = shown(panel);
  const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const steps = { ArrowDown: 1, ArrowUp: -1 };
  if (event.key === "Escape") close(panel);
  else if (event.key === "Enter") options[at] && fill(panel, options[at]);
  else if (steps[event.key]) choose(panel, options[(at + steps[event.key] + options.length) % options.length]);
  else return;
  event.preventDefault();
}

export function startCanned() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("input", (event) => {
    const panel = panelOf(event.target);
    if (panel?.contains(event.target)) filter(panel);
  });
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-canned-open]");
    const option = event.target.closest("[data-canned] [role=option]");
    if (opener) open(panelOf(opener));
    else if (option) fill(panelOf(option), option);
  });
}
