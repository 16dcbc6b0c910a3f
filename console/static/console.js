// The console's own script: live parts, running clocks, the alarm's sound, and keys. No words: those are in the templates.
import { startAlarm } from "./alarm.js";
import { startCallBar } from "./call_bar.js";
import { startCanned } from "./canned.js";
import { startClocks } from "./clocks.js";
import { startKeeping } from "./keeping.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startSoftphone } from "./softphone.js";
import { startTranscript } from "./transcript.js";
import { startTypingMarks } from "./typing_marks.js";

startClocks();
startKeys();
if (document.body.dataset.events) {
  startKeeping();
  startAlarm();
  startTranscript();
  startTypingMarks();
  startCallBar();
  startCanned();
  startSoftphone();
  startLive();
}
document.body.dataset.ready = "yes"; // from here on keys and buttons are heard
