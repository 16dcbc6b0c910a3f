// The transcript stays at its end unless somebody scrolled up to read; the answer box keeps the focus after sending.
const NEAR_PX = 120;
const transcript = document.getElementById("transcript");
let follows = true;
let seen = 0; // the resident is told up to which message somebody has looked

async function tellSeen() {
  const bubbles = transcript.querySelectorAll(".bubble");
  const seq = bubbles.length ? Number(bubbles[bubbles.length - 1].id.slice(1)) : 0;
  if (document.hidden || seq <= seen) return;
  const before = seen;
  seen = seq;
  try {
    const answer = await fetch(transcript.dataset.seen, {
      method: "POST",
      headers: { "X-CSRFToken": JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"] },
      body: new URLSearchParams({ seq }),
    });
    if (!answer.ok) seen = before;
  } catch {
    seen = before; // the next change of the page tells it
  }
}

export function startTranscript() {
  if (!transcript) return;
  transcript.scrollTop = transcript.scrollHeight;
  transcript.addEventListener("scroll", () => {
    follows = transcript.scrollHeight - transcript.scrollTop - transcript.clientHeight < NEAR_PX;
  });
  document.body.addEventListener("htmx:afterSettle", () => {
    if (follows) transcript.scrollTop = transcript.scrollHeight;
    tellSeen();
  });
  document.addEventListener("visibilitychange", tellSeen);
  tellSeen();
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
