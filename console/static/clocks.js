// Running times: <time data-due> counts down (and below zero), <time data-since> counts up. The server's present decides.
const serverAhead = Date.parse(document.body.dataset.now) - Date.now();

export function worded(seconds) {
  const sign = seconds < 0 ? "-" : "";
  const whole = Math.floor(Math.abs(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const days = Math.floor(whole / 86400);
  const hours = Math.floor((whole % 86400) / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (days) return `${sign}${days} ${document.body.dataset.day} ${two(hours)}:${two(minutes)}`;
  return hours ? `${sign}${hours}:${two(minutes)}:${two(whole % 60)}` : `${sign}${minutes}:${two(whole % 60)}`;
}

function tick() {
  const now = Date.now() + serverAhead;
  for (const clock of document.querySelectorAll("time.tick")) {
    const { due, since } = clock.dataset;
    clock.textContent = worded((due ? Date.parse(due) - now : now - Date.parse(since)) / 1000);
  }
}

export function startClocks() {
  tick();
  window.setInterval(tick, 1000);
}
