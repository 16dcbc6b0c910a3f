// The transcript stays at its end unless somebody scrolled up to read; the answer box keeps the focus after sending.
const NEAR_PX = 120;
const transcript = document.getElementById("transcript");
let follows = true;

export function startTranscript() {
  if (!transcript) return;
  transcript.scrollTop = transcript.scrollHeight;
  transcript.addEventListener("scroll", () => {
    follows = transcript.scrollHeight - transcript.scrollTop - transcript.clientHeight < NEAR_PX;
  });
  document.body.addEventListener("htmx:afterSettle", () => {
    if (follows) transcript.scrollTop = transcript.scrollHeight;
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.requestConfig?.path.endsWith("/answer")) document.querySelector("[data-enter-sends]")?.focus();
  });
  for (const failure of ["htmx:sendError", "htmx:responseError"]) {
    document.body.addEventListener(failure, () => {
      const told = document.querySelector("#composer .unsent");
      if (told) told.hidden = false;
    });
  }
  document.querySelector("[data-enter-sends]")?.focus({ preventScroll: true });
}
