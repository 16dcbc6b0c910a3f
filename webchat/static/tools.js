/* What helps to write: a handful of emoji, where I am as words, and speech where the browser hears it. Each only fills the
   box: nothing is sent that the resident has not seen. What a browser does not have is not offered. */

import { fill } from "./words.js";

const FIND_WITHIN = 10000; // ms
const Recognition = window.SpeechRecognition || window.webkitSpeechRecognition;
const $ = (id) => document.getElementById(id);

/* `write(words)` puts words where the cursor is; `tell(words)` shows a line in the talk. */
export function startTools(strings, write, tell) {
  const tools = $("tools");
  const opener = $("tools-open");

  function show(open) {
    tools.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
    if (!open) return;
    const first = tools.querySelector("button:not([hidden])");
    if (first) first.focus({ preventScroll: true });
  }
  opener.addEventListener("click", () => show(tools.hidden));
  tools.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    show(false);
    opener.focus();
  });
  for (const emoji of strings.emoji) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "tools__emoji";
    button.textContent = emoji;
    button.addEventListener("click", () => write(emoji));
    $("emoji").appendChild(button);
  }
  place(strings, write, tell);
  speech(strings, write, tell);
}

function place(strings, write, tell) {
  const button = $("place");
  if (!navigator.geolocation || !window.isSecureContext) return;
  button.hidden = false;
  const words = button.querySelector("span");
  let finding = false; // no `disabled`: that takes the focus away
  const idle = () => {
    finding = false;
    words.textContent = strings.place;
  };
  button.addEventListener("click", () => {
    if (finding) return;
    finding = true;
    words.textContent = strings.place_finding;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        idle();
        write(fill(strings.place_is, {
          latitude: coords.latitude.toFixed(5),
          longitude: coords.longitude.toFixed(5),
          metres: Math.ceil(coords.accuracy),
        }));
      },
      () => {
        idle();
        tell(strings.place_unknown);
      },
      { enableHighAccuracy: true, timeout: FIND_WITHIN, maximumAge: 60000 },
    );
  });
}

function speech(strings, write, tell) {
  const button = $("speech");
  if (!Recognition) return;
  button.hidden = false;
  const words = button.querySelector("span");
  let ear = null;
  button.addEventListener("click", () => {
    if (ear) {
      ear.stop();
      return;
    }
    ear = new Recognition();
    ear.lang = "zh-CN";
    ear.interimResults = false;
    ear.addEventListener("result", (event) => {
      for (let n = event.resultIndex; n < event.results.length; n += 1) write(event.results[n][0].transcript);
    });
    ear.addEventListener("error", (event) => {
      if (event.error !== "aborted") tell(event.error === "not-allowed" ? strings.speech_forbidden : strings.speech_failed);
    });
    ear.addEventListener("end", () => {
      ear = null;
      button.setAttribute("aria-pressed", "false");
      words.textContent = strings.speech;
    });
    button.setAttribute("aria-pressed", "true");
    words.textContent = strings.speech_listening;
    ear.start();
  });
}
