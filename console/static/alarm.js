// While an alarm is on the page it sounds, and the tab's title calls. Only an acknowledgement takes it off the page.
import { notify, startNotifications } from "./notifications.js";

const EVERY_MS = 1600;
const title = document.title;
let sound = null;
let known = new Set(); // keys of work that was there already

function beep(at, frequency, length, loudness) {
  const tone = sound.createOscillator();
  const volume = sound.createGain();
  tone.type = "square";
  tone.frequency.value = frequency;
  volume.gain.setValueAtTime(loudness, at);
  volume.gain.exponentialRampToValueAtTime(0.0001, at + length);
  tone.connect(volume).connect(sound.destination);
  tone.start(at);
  tone.stop(at + length);
}

function ring(urgent) {
  const at = sound.currentTime;
  const pattern = urgent ? [1250, 900, 1250, 900] : [880, 1100];
  pattern.forEach((frequency, n) => beep(at + n * 0.22, frequency, 0.2, urgent ? 0.35 : 0.18));
}

function look() {
  const alarms = [...document.querySelectorAll("[data-sound]")];
  const urgent = alarms.some((alarm) => alarm.dataset.sound === "urgent");
  const audible = sound?.state === "running";
  document.title = alarms.length ? `(${alarms.length}!) ${title}` : title;
  const hint = document.querySelector(".sound-off");
  if (hint) hint.hidden = audible || !alarms.length;
  if (alarms.length && audible) ring(urgent);
}

function work() {
  const listed = document.querySelector("[data-work]")?.dataset.work ?? "";
  const alarms = [...document.querySelectorAll(".alarm-button")].map((button) => `alarm:${button.id}`);
  return listed.split(" ").filter(Boolean).concat(alarms);
}

// What was not there before chimes, focus or not, and tells the desktop when nobody looks at the page.
function tellNew() {
  const now = work();
  const fresh = now.filter((key) => !known.has(key));
  known = new Set(now);
  if (!fresh.length) return;
  if (sound?.state === "running") beep(sound.currentTime, 660, 0.35, 0.1);
  for (const key of fresh) notify(key);
}

export function startAlarm() {
  sound = new AudioContext();
  // Browsers keep a page silent until it is touched; the bar says so while it lasts.
  for (const event of ["pointerdown", "keydown"]) {
    document.addEventListener(event, () => sound.resume().then(look), { once: true });
  }
  known = new Set(work());
  document.body.addEventListener("htmx:afterSettle", tellNew);
  startNotifications();
  look();
  window.setInterval(look, EVERY_MS);
}
