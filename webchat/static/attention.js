/* That something arrived while nobody looked: a short sound, and a notification where the resident asked for one. */

import { keep } from "./outbox.js";

const SILENT = "webchat.silent";
const NOTIFY = "webchat.notify";
const TOO_LONG = 80;
const $ = (id) => document.getElementById(id);

let sound = null;

/* Browsers keep a page silent until it is touched. */
function wakeSound() {
  const Context = window.AudioContext || window.webkitAudioContext;
  if (!Context) return;
  sound = sound || new Context();
  if (sound.state === "suspended") sound.resume();
}

function ring() {
  if (!sound || sound.state !== "running" || keep.get(SILENT)) return;
  const at = sound.currentTime;
  [[880, 0], [1175, 0.14]].forEach(([frequency, later]) => {
    const tone = sound.createOscillator();
    const volume = sound.createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.12, at + later);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + later + 0.3);
    tone.connect(volume).connect(sound.destination);
    tone.start(at + later);
    tone.stop(at + later + 0.3);
  });
}

function notify(title, words) {
  if (!keep.get(NOTIFY) || !window.Notification || window.Notification.permission !== "granted") return;
  try {
    const shown = new window.Notification(title, { body: words.slice(0, TOO_LONG), tag: "webchat" });
    shown.addEventListener("click", () => { window.focus(); shown.close(); });
  } catch (refused) {
    keep.set(NOTIFY, ""); // Chromium on Android shows them from a service worker only: the sound and the count remain
  }
}

/* New words while the page is not looked at. */
export function callAttention(title, words) {
  ring();
  notify(title, words);
}

export function startAttention(strings) {
  for (const event of ["pointerdown", "keydown"]) document.addEventListener(event, wakeSound, { passive: true });
  const silent = $("sound");
  const showSound = () => { silent.textContent = keep.get(SILENT) ? strings.sound_on : strings.sound_off; };
  silent.addEventListener("click", () => {
    keep.set(SILENT, keep.get(SILENT) ? "" : "1");
    showSound();
  });
  showSound();
  const asked = $("notify");
  const framed = window.parent !== window; // browsers let no frame of another site ask
  if (!window.Notification || framed || window.Notification.permission === "denied") return;
  const showNotify = () => { asked.textContent = keep.get(NOTIFY) ? strings.notify_off : strings.notify_on; };
  asked.hidden = false;
  asked.addEventListener("click", async () => {
    const on = !keep.get(NOTIFY) && (await window.Notification.requestPermission()) === "granted";
    keep.set(NOTIFY, on ? "1" : "");
    if (window.Notification.permission === "denied") asked.hidden = true;
    showNotify();
  });
  showNotify();
}
