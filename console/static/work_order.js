// The page works without this file. With it: the waiting time runs, a button cannot be pressed twice, and a page that comes
// back to the front after a while (out of a chat) shows how things are now, unless somebody is writing a note.
const STALE_MS = 20000;
const shownAt = Date.now();
for (const clock of document.querySelectorAll(".since")) {
  const since = Date.parse(clock.dataset.since);
  setInterval(() => {
    clock.textContent = clock.dataset.words.replace("{}", Math.max(0, Math.floor((Date.now() - since) / 60000)));
  }, 5000);
}
for (const form of document.forms) {
  form.addEventListener("submit", () => setTimeout(() => form.querySelector("button").setAttribute("disabled", "")));
}
addEventListener("pageshow", (event) => event.persisted && location.reload());
document.addEventListener("visibilitychange", () => {
  const writing = document.querySelector("textarea")?.value;
  if (!document.hidden && !writing && Date.now() - shownAt > STALE_MS) location.replace(location.pathname);
});
