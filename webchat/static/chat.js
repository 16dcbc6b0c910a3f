/* The resident's page: what is typed goes through the outbox, what happened comes from the log, "after N" until level. */

import { Api, Refusal } from "./api.js";
import { callAttention, startAttention } from "./attention.js";
import * as outbox from "./outbox.js";
import { bytes, shrink } from "./photo.js";
import { startTools } from "./tools.js";
import { View } from "./view.js";
import { fill } from "./words.js";

const RETRY = [1000, 2000, 4000, 8000, 15000]; // ms between tries of a send
const POLL = 4000; // ms between looks while no stream is to be had
const STREAM_AGAIN = 30000;
const PATIENCE = 3000; // a stream that ends of age is back sooner than this
const SILENT = 40000; // the server gives a sign every 15 s: a stream without one is cut, whatever the browser believes
const KEY_FRESH = 3600 * 1000; // the server takes a stream key for two hours
const TYPING_AFTER = 300;
const TYPED_LASTS = 6000; // how long a person's mark stands
const TELL_TYPING = 4000;
const NEAR_BOTTOM = 140;

const $ = (id) => document.getElementById(id);
const body = document.body;
const strings = JSON.parse(body.dataset.strings);
const api = new Api(body.dataset.base);
const pictures = {
  load: (id, size) => api.picture(id, size).then((blob) => URL.createObjectURL(blob)),
  open: openPicture,
};
const view = new View($("log"), strings, body.dataset.images, pictures, nudge);
const embedded = body.classList.contains("embedded");
const title = document.title;
const input = $("text");

const chat = {
  conversation: null, // {id, floor, operator, waiting}
  level: 0, // everything up to this seq is on the page
  streamKey: "",
  keyAt: 0,
  previous: null,
  source: null,
  lost: false, // the last request found no network
  unsure: false, // the stream broke off, and nothing has been heard since
  tries: 0,
  sending: false,
  started: false,
  unread: 0,
  shown: !embedded, // an embedded page is told by the widget when it is open
};

/* ---- what is seen ---- */

function status() {
  const node = $("status");
  let kind = "connecting";
  let text = strings.status_connecting;
  if (chat.lost || navigator.onLine === false) {
    kind = "offline";
    text = strings.status_offline;
  } else if (chat.conversation && !chat.unsure) {
    kind = chat.conversation.floor;
    const name = chat.conversation.operator;
    const line = chat.conversation.waiting;
    text = line ? line : kind === "operator" && !name ? strings.status_operator_unnamed : fill(strings[`status_${kind}`], { name });
  }
  if (node.dataset.kind === kind && node.textContent === text) return;
  node.dataset.kind = kind;
  node.textContent = text;
}

/* The button that had the focus is gone; a finger has none, and the focus would bring up its keyboard. */
function byKeyboard(event) {
  return event.detail === 0;
}

function visible() {
  return chat.shown && !document.hidden;
}

function tellUnread() {
  document.title = chat.unread ? fill(strings.unread_title, { count: chat.unread, title }) : title;
  if (embedded && window.parent !== window) {
    window.parent.postMessage({ from: "webchat", unread: chat.unread }, "*"); // a number, no secret
  }
}

function seen() {
  if (!visible()) return;
  tellReceipt();
  if (!chat.unread) return;
  chat.unread = 0;
  tellUnread();
}

function atBottom() {
  const talk = $("scroll");
  return talk.scrollHeight - talk.scrollTop - talk.clientHeight < NEAR_BOTTOM;
}

/* To the end, but never past the first line of what is new: a long safety instruction is read from its beginning. */
function scrollTo(firstNew) {
  const talk = $("scroll");
  const end = talk.scrollHeight - talk.clientHeight;
  talk.scrollTop = firstNew ? Math.min(end, firstNew.offsetTop - 10) : end;
  $("jump").hidden = true;
}

function showReplies(message) {
  const box = $("replies");
  box.textContent = "";
  for (const reply of (message && message.quick_replies) || []) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = reply.label;
    if (reply.choice === "not_this") button.className = "replies__aside";
    button.addEventListener("click", (event) => {
      box.textContent = "";
      send(reply.label, reply.choice);
      if (byKeyboard(event)) input.focus({ preventScroll: true });
    });
    box.appendChild(button);
  }
}

function showMessages(messages) {
  const follow = atBottom();
  let first = null;
  let last = null;
  let foreign = 0;
  for (const message of messages) {
    if (message.seq <= chat.level) continue;
    const row = view.show(message);
    chat.level = message.seq;
    last = message;
    if (message.author === "operator") receipt.heard = message.seq;
    if (message.author !== "resident") {
      foreign += 1;
      first = first || row;
    }
  }
  if (!last) return;
  showReplies(last);
  marks();
  tellReceipt();
  if (last.author === "operator") typed(false);
  view.standing([]);
  if (chat.started && foreign && !visible()) {
    chat.unread += foreign;
    tellUnread();
    callAttention(title, messages[messages.length - 1].text);
  }
  if (follow || !chat.started) scrollTo(chat.started ? first : null);
  else if (foreign) $("jump").hidden = false;
}

function showState(conversation) {
  const follow = atBottom();
  const over = conversation.floor === "ended";
  chat.conversation = conversation;
  if ($("over").hidden === over) {
    $("over").hidden = !over;
    if (follow) scrollTo(null); // the notice takes its room from the talk
  }
  $("end").hidden = over;
  $("rate").hidden = Boolean(conversation.stars);
  $("rated").hidden = !conversation.stars;
  if (over) showReplies(null);
  view.standing(conversation.tickets);
  marks();
  tellReceipt();
  status();
  typing();
}

/* Marks under the resident's last words, and the operator's marks: what has arrived here, what has been looked at. */
function marks() {
  const floor = chat.conversation ? chat.conversation.floor : "";
  view.marks(chat.conversation ? chat.conversation.read : 0, floor === "queue" || floor === "operator");
}

const receipt = { id: "", delivered: 0, read: 0, heard: 0 }; // heard: the last words of a person that are on the page

async function tellReceipt() {
  if (!chat.conversation || receipt.id !== chat.conversation.id) return;
  const read = visible() ? receipt.heard : receipt.read;
  if (receipt.heard <= receipt.delivered && read <= receipt.read) return;
  const before = [receipt.delivered, receipt.read];
  receipt.delivered = receipt.heard;
  receipt.read = read;
  try {
    await api.post("api/receipts", { conversation: receipt.id, delivered: receipt.delivered, read });
  } catch (error) {
    [receipt.delivered, receipt.read] = before; // told with the next change; a mark is not worth a retry of its own
  }
}

/* The bot thinks, or a person writes. */
let typingTimer = 0;
let typedTimer = 0;
function typing() {
  clearTimeout(typingTimer);
  if (typedTimer) return;
  const busy = () => chat.sending && !chat.lost && chat.conversation && chat.conversation.floor === "bot";
  if (!busy()) {
    $("typing").hidden = true;
    return;
  }
  typingTimer = setTimeout(() => {
    if (busy() && $("typing").hidden) showTyping("bot", strings.typing);
  }, TYPING_AFTER);
}

function showTyping(who, words) {
  const follow = atBottom();
  $("typing-who").src = `${body.dataset.images}${who}.svg`;
  $("typing").querySelector("[role=status]").setAttribute("aria-label", words);
  $("typing").hidden = false;
  if (follow) scrollTo(null);
}

function typed(now) {
  clearTimeout(typedTimer);
  typedTimer = 0;
  if (!now) return typing();
  showTyping("operator", strings.typing_operator);
  typedTimer = setTimeout(() => typed(false), TYPED_LASTS);
}

let toldTyping = 0;
function tellTyping() {
  const floor = chat.conversation && chat.conversation.floor;
  if (!input.value.trim() || (floor !== "queue" && floor !== "operator") || Date.now() - toldTyping < TELL_TYPING) return;
  toldTyping = Date.now();
  api.post("api/typing", { conversation: chat.conversation.id }).catch(() => {}); // a mark: gone is gone
}

/* ---- what happens ---- */

let doubts = 0;
let silence = 0;

/* A request or the stream has told: the server is there, or it is not. */
function network(gone) {
  clearTimeout(doubts);
  doubts = 0;
  chat.unsure = false;
  if (chat.lost && !gone && wake) wake(); // what waits is sent now
  chat.lost = gone;
  for (const entry of outbox.waiting()) view.offline(entry.client_id, gone);
  status();
}

/* The stream is not what it was: nothing is promised until a look at the log tells. */
function doubt() {
  doubts = 0;
  chat.unsure = true;
  status();
  look();
}

function watch(sign) {
  clearTimeout(silence);
  silence = setTimeout(() => {
    listen();
    doubt();
  }, SILENT);
  if (sign && (chat.lost || chat.unsure || doubts)) network(false);
}

function take(answer) {
  network(false);
  if (chat.conversation && answer.conversation.id !== chat.conversation.id) return;
  showMessages(answer.messages);
  chat.level = Math.max(chat.level, answer.level);
  showState(answer.conversation);
}

async function catchUp() {
  let answer;
  do {
    answer = await api.messages(chat.conversation.id, chat.level);
    take(answer);
  } while (answer.more);
}

/* A look at the log; the network may be gone, then the next one will see. */
async function look() {
  if (!chat.conversation) return;
  try {
    await catchUp();
  } catch (error) {
    if (!(error instanceof Refusal)) network(true);
    else if (error.status === 401 || error.status === 404) await start();
  }
}

let starting = null;
function start(wish) {
  if (!starting) {
    starting = open(wish || {}).then(
      () => { starting = null; },
      (error) => { starting = null; throw error; },
    );
  }
  return starting;
}

async function open(wish) {
  const known = outbox.keep.get("webchat.conversation");
  for (let tries = 0; ; tries += 1) {
    try {
      const answer = await api.session(Object.assign(known ? { conversation: known } : {}, wish));
      const same = chat.conversation && chat.conversation.id === answer.conversation.id;
      if (!same) {
        view.past();
        if (chat.conversation && chat.level) view.divider($("log"), $("log").querySelector(".row_pending"));
        else chat.previous = answer.previous;
        chat.level = 0;
        chat.conversation = answer.conversation;
        Object.assign(receipt, { id: answer.conversation.id, delivered: 0, read: 0, heard: 0 });
        outbox.keep.set("webchat.conversation", answer.conversation.id);
        $("earlier").hidden = !chat.previous;
      }
      chat.streamKey = answer.stream;
      chat.keyAt = Date.now();
      take(answer);
      if (answer.more) await catchUp();
      if (!chat.started) {
        chat.started = true;
        scrollTo(null);
      }
      listen();
      return;
    } catch (error) {
      if (!(error instanceof Refusal)) network(true);
      await pause(RETRY[Math.min(tries, RETRY.length - 1)]);
    }
  }
}

let wake = null; // cuts a pause short
function pause(ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => { clearTimeout(timer); resolve(); };
  });
}

function send(text, choice, photo) {
  const entry = { client_id: outbox.newId(), text, choice: choice || "", at: Date.now() };
  if (photo) entry.photo = photo;
  outbox.add(entry);
  view.wait(entry);
  showReplies(null);
  scrollTo(null);
  flush();
}

let flushing = false;
async function flush() {
  if (flushing) {
    if (wake) wake();
    return;
  }
  flushing = true;
  try {
    for (let entry = outbox.waiting()[0]; entry; entry = outbox.waiting()[0]) await deliver(entry);
  } finally {
    flushing = false;
    chat.sending = false;
    typing();
  }
}

/* One try of one entry. It leaves the outbox only when the server has answered for it. */
async function deliver(entry) {
  try {
    if (!chat.conversation) await start();
    const aboutOldCase = entry.choice.startsWith("nudge:"); // a card's button belongs to its own chat, over or not
    if (chat.conversation.floor === "ended" && !aboutOldCase) await start({ fresh: true });
    chat.sending = true;
    typing();
    const id = chat.conversation.id;
    const answer = entry.photo
      ? await api.sendPicture(id, entry.client_id, chat.level, bytes(entry.photo))
      : await api.post("api/messages", {
        conversation: id,
        client_id: entry.client_id,
        text: entry.text,
        choice: entry.choice,
        after: chat.level,
      });
    chat.tries = 0;
    chat.sending = false;
    outbox.remove(entry.client_id);
    take(answer);
    if (answer.notice) view.note(answer.notice);
    if (answer.more) await look();
    if (!chat.source) listen();
  } catch (error) {
    chat.sending = false;
    typing();
    if (!(error instanceof Refusal)) {
      network(true);
    } else if (error.status === 401 || error.status === 404) {
      await start();
    } else if (error.status !== 429 && error.status < 500 && error.status !== 409) {
      outbox.remove(entry.client_id);
      view.fail(entry.client_id, error.message, () => send(entry.text, entry.choice, entry.photo));
      return;
    }
    const ms = RETRY[Math.min(chat.tries, RETRY.length - 1)];
    chat.tries += 1;
    await pause(Math.max(ms, (error.retryAfter || 0) * 1000));
  }
}

let pollTimer = 0;
let streamTimer = 0;
function listen() {
  clearTimeout(streamTimer);
  clearTimeout(silence);
  clearInterval(pollTimer);
  if (chat.source) chat.source.close();
  chat.source = null;
  if (chat.conversation.floor === "ended") return;
  const id = chat.conversation.id;
  const source = api.events(chat.streamKey, chat.level);
  chat.source = source;
  watch(null);
  for (const sign of ["open", "message", "state", "typing", "beat"]) source.addEventListener(sign, watch);
  source.addEventListener("message", (event) => {
    if (chat.conversation.id === id) showMessages([JSON.parse(event.data)]);
  });
  source.addEventListener("state", (event) => {
    const state = JSON.parse(event.data);
    if (chat.conversation.id !== state.id) return;
    showState(state);
    if (state.floor === "ended") {
      clearTimeout(silence);
      source.close();
      chat.source = null;
    }
  });
  source.addEventListener("typing", () => {
    if (chat.conversation.id === id && chat.conversation.floor === "operator") typed(true);
  });
  source.addEventListener("error", () => {
    if (chat.source !== source) return;
    if (source.readyState !== EventSource.CLOSED) { // the browser tries again by itself
      if (!doubts && !chat.lost) doubts = setTimeout(doubt, PATIENCE);
      return;
    }
    clearTimeout(silence);
    chat.source = null; // refused: no seat, or the key is too old
    pollTimer = setInterval(look, POLL);
    streamTimer = setTimeout(() => (Date.now() - chat.keyAt < KEY_FRESH ? listen() : start()), STREAM_AGAIN);
    look();
  });
}

async function showEarlier() {
  const button = $("earlier");
  button.disabled = true;
  button.textContent = strings.earlier_loading;
  const messages = [];
  let after = 0;
  let answer;
  try {
    do {
      answer = await api.messages(chat.previous, after);
      messages.push(...answer.messages);
      after = answer.level;
    } while (answer.more);
  } catch (error) {
    if (!(error instanceof Refusal)) network(true);
    return;
  } finally {
    button.disabled = false;
    button.textContent = strings.earlier;
  }
  const log = $("log");
  log.setAttribute("aria-live", "off"); // old words are not news
  const taller = view.prepend(messages);
  $("scroll").scrollTop += taller;
  setTimeout(() => log.setAttribute("aria-live", "polite"), 0);
  chat.previous = answer.previous;
  button.hidden = !chat.previous;
}

/* ---- hands ---- */

let opener = null;
/* The small one is there at once; the other takes its place when it has come. */
function openPicture(small, id, button) {
  const shown = $("viewer-picture");
  opener = button;
  shown.src = small;
  if (id) {
    pictures.load(id).then((full) => {
      shown.addEventListener("load", () => URL.revokeObjectURL(full), { once: true });
      if (shown.getAttribute("src") === small) shown.src = full; // not closed meanwhile
    }, () => {}); // the small one stays
  }
  $("viewer").hidden = false;
  $("viewer-close").focus();
}

function closePicture() {
  $("viewer").hidden = true;
  $("viewer-picture").removeAttribute("src");
  if (opener) opener.focus({ preventScroll: true });
}
$("viewer").addEventListener("click", closePicture);
$("viewer").addEventListener("keydown", (event) => {
  if (event.key === "Tab") event.preventDefault(); // the one button keeps the focus
});

$("photo").addEventListener("change", async () => {
  const files = Array.from($("photo").files);
  $("photo").value = "";
  for (const file of files) {
    try {
      send("", "", await shrink(file));
    } catch (unreadable) {
      view.note(strings.picture_unreadable, true);
      scrollTo(null);
    }
  }
});
$("photo-open").addEventListener("click", () => $("photo").click());

function fit() {
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight}px`;
  $("send").disabled = !input.value.trim();
}

function submit() {
  const text = input.value.trim();
  if (!text) return;
  input.value = "";
  fit();
  send(text);
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
  input.focus({ preventScroll: true });
});
input.addEventListener("input", () => {
  fit();
  tellTyping();
});
input.addEventListener("keydown", (event) => {
  // isComposing: the Enter that picks a pinyin candidate sends nothing
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) {
    event.preventDefault();
    submit();
  }
});

function nudge(number) {
  send(fill(strings.ticket_nudge_said, { number }), `nudge:${number}`);
}

function write(words) {
  const start = input.selectionStart;
  input.value = input.value.slice(0, start) + words + input.value.slice(input.selectionEnd);
  input.setSelectionRange(start + words.length, start + words.length);
  fit();
  tellTyping();
}

function setLarge(on) {
  document.documentElement.classList.toggle("large", on);
  $("larger").textContent = on ? strings.normal : strings.larger;
  outbox.keep.set("webchat.large", on ? "1" : "");
}

function menu(open) {
  $("menu").hidden = !open;
  (open ? $("larger") : $("menu-open")).focus();
}

$("menu-open").addEventListener("click", () => menu(true));
$("menu-close").addEventListener("click", () => menu(false));
$("menu-mask").addEventListener("click", () => menu(false));
$("menu").addEventListener("keydown", (event) => {
  if (event.key !== "Tab") return;
  const stops = Array.from($("menu").querySelectorAll("button, a")).filter((stop) => !stop.hidden);
  const edge = event.shiftKey ? stops[0] : stops[stops.length - 1];
  if (document.activeElement === edge) {
    event.preventDefault();
    (event.shiftKey ? stops[stops.length - 1] : stops[0]).focus();
  }
});
$("larger").addEventListener("click", () => {
  setLarge(!document.documentElement.classList.contains("large"));
  menu(false);
  scrollTo(null);
});
$("ask-person").addEventListener("click", () => {
  menu(false);
  send(strings.ask_person);
});
$("end").addEventListener("click", async () => {
  menu(false);
  if (!chat.conversation) return;
  try {
    take(await api.post("api/end", { conversation: chat.conversation.id, after: chat.level }));
  } catch (error) {
    if (error instanceof Refusal) view.note(error.message, true);
    else network(true);
  }
});
$("rate").addEventListener("change", () => { $("rate-send").disabled = !$("rate").elements.stars.value; });
$("rate").addEventListener("submit", async (event) => {
  event.preventDefault();
  const stars = Number($("rate").elements.stars.value);
  if (!stars || !chat.conversation) return;
  $("rate-send").disabled = true;
  try {
    const words = $("rate-words").value;
    take(await api.post("api/rating", { conversation: chat.conversation.id, stars, words, after: chat.level }));
    $("rate").reset();
  } catch (error) {
    $("rate-send").disabled = false;
    if (error instanceof Refusal) view.note(error.message, true);
    else network(true);
  }
});
$("fresh").addEventListener("click", (event) => {
  start({ fresh: true });
  if (byKeyboard(event)) input.focus();
});
$("earlier").addEventListener("click", showEarlier);
$("jump").addEventListener("click", () => scrollTo(null));
$("scroll").addEventListener("scroll", () => {
  if (atBottom()) $("jump").hidden = true;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (!$("viewer").hidden) closePicture();
  else if (!$("menu").hidden) menu(false);
  else if (embedded) window.parent.postMessage({ from: "webchat", close: true }, "*");
});
$("close").addEventListener("click", () => window.parent.postMessage({ from: "webchat", close: true }, "*"));
window.addEventListener("message", (event) => {
  if (event.source !== window.parent || !event.data || event.data.to !== "webchat") return;
  chat.shown = event.data.shown === true;
  seen();
  if (chat.shown) {
    scrollTo(null);
    if (window.matchMedia("(pointer: fine)").matches) input.focus();
  }
});

function back() {
  seen();
  if (document.hidden) return;
  if (wake) wake();
  flush();
  if (chat.conversation) look();
}
document.addEventListener("visibilitychange", back);
window.addEventListener("online", () => {
  back();
  if (chat.conversation) listen();
});
window.addEventListener("offline", () => network(true));
window.addEventListener("resize", () => {
  if (atBottom()) scrollTo(null); // the keyboard came up
});

setLarge(outbox.keep.get("webchat.large") === "1");
startTools(strings, write, (words) => { view.note(words, true); scrollTo(null); });
startAttention(strings);
for (const entry of outbox.waiting()) view.wait(entry);
fit();
start().then(flush);
