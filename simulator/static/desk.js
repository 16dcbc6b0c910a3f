// The desk of telephones: one long-polled picture of the network, drawn card by card. No sentence is written here:
// the words come from the page (#words), and whatever was said is only ever set as text.
"use strict";

const words = JSON.parse(document.getElementById("words").textContent);
const cards = new Map(); // number, or "residents" for the one card of all residents
const Recognition = window.SpeechRecognition || window.webkitSpeechRecognition;
const RETRY_MS = 1000;
let desk = { phones: [] };
let chosen = ""; // the resident's number
let first = true; // what is there when the page opens is not read aloud

async function act(number, action, body = {}) {
  const answer = await fetch(`/api/phones/${encodeURIComponent(number)}${action ? "/" + action : ""}`, {
    method: action ? "POST" : "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const result = await answer.json().catch(() => ({}));
  const card = [...cards.values()].find((c) => c.number === number);
  if (card) {
    card.$(".error").hidden = answer.ok;
    card.$(".error").textContent = answer.ok ? "" : result.error || String(answer.status);
  }
}

class Card {
  constructor(home, isResident) {
    this.root = document.getElementById("phone").content.firstElementChild.cloneNode(true);
    this.isResident = isResident;
    if (isResident) this.$(".chooser").hidden = false;
    else this.$(".chooser").remove();
    this.sid = "";
    this.textCount = 0;
    home.append(this.root);
    this.listen();
  }

  $(selector) {
    return this.root.querySelector(selector);
  }

  listen() {
    this.$(".dial").onclick = () => act(this.number, "dial", { withheld: this.$(".withheld")?.checked || false });
    this.$(".answer").onclick = () => act(this.number, "answer");
    this.$(".hangup").onclick = () => act(this.number, "hangup");
    this.$(".state").onchange = (event) => act(this.number, "", { state: event.target.value });
    this.$(".caller")?.addEventListener("change", (event) => {
      chosen = event.target.value;
      draw();
    });
    this.$(".speak").onsubmit = (event) => {
      event.preventDefault();
      const said = this.$(".words").value.trim();
      if (said) act(this.number, "say", { text: said });
      this.$(".words").value = "";
    };
    for (const key of this.root.querySelectorAll("[data-key]")) {
      key.onclick = () => act(this.number, "press", { digits: key.dataset.key });
    }
    this.root.addEventListener("keydown", (event) => {
      const typing = event.target.matches("input[type=text], select");
      if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey && /^[0-9*#]$/.test(event.key)) {
        if (this.phase === "talking") act(this.number, "press", { digits: event.key });
      }
    });
    this.$(".inbox").ontoggle = () => this.$(".inbox").classList.remove("new");
    this.$(".aloud").onchange = (event) => {
      if (!event.target.checked && window.speechSynthesis) speechSynthesis.cancel();
    };
    this.$(".toggle").hidden = !window.speechSynthesis;
    if (Recognition) this.dictation();
  }

  dictation() {
    const button = this.$(".dictate");
    const hint = this.$(".words").placeholder;
    button.hidden = false;
    button.onclick = () => {
      const ear = new Recognition();
      ear.lang = "zh-CN";
      ear.onstart = () => {
        button.classList.add("on");
        this.$(".words").placeholder = words.voice;
      };
      ear.onend = () => {
        button.classList.remove("on");
        this.$(".words").placeholder = hint;
      };
      ear.onresult = (event) => act(this.number, "say", { text: event.results[0][0].transcript });
      ear.start();
    };
  }

  draw(phone) {
    this.number = phone.number;
    this.phase = phone.phase;
    this.root.className = `phone ${phone.phase} ${phone.state}`;
    this.root.dataset.number = phone.number;
    this.root.setAttribute("aria-label", phone.label || phone.number);
    this.$(".label").textContent = phone.label || words.unknown;
    this.$(".number").textContent = phone.number;
    this.$(".avatar").title = words.kinds[phone.kind] || words.kinds.other;
    this.$(".phase").textContent = words.phases[phone.phase];
    this.show(".dial", phone.phase === "idle");
    this.show(".behaviour", phone.phase === "idle");
    this.show(".answer", phone.phase === "ringing");
    this.show(".hangup", phone.phase !== "idle");
    this.show(".speak", phone.phase === "talking");
    this.show(".keys", phone.phase === "talking");
    this.$(".dial").className = this.isResident ? "dial go" : "dial";
    if (document.activeElement !== this.$(".state")) this.$(".state").value = phone.state;
    this.drawCall(phone);
    this.drawTexts([...phone.texts, ...(phone.messages || [])].sort((a, b) => (a.at < b.at ? -1 : 1)));
  }

  show(selector, visible) {
    const element = this.$(selector);
    if (element.hidden === !visible) return;
    const hadFocus = element.contains(document.activeElement);
    element.hidden = !visible;
    // Who uses the keyboard goes on where the call goes on.
    if (visible && selector === ".speak" && this.root.contains(document.activeElement)) this.$(".words").focus();
    else if (hadFocus && !visible) this.root.focus();
  }

  drawCall(phone) {
    const call = phone.call;
    const peer = this.$(".peer");
    peer.hidden = !call || phone.phase === "idle";
    if (call) {
      const withheld = call.direction === "inbound" && call.from !== phone.number ? ` (${call.from})` : "";
      const others = call.audience?.length ? call.audience : [call.bridged || call.other];
      peer.textContent = (phone.phase === "ringing" ? words.calling_from : words.talking_to) + others.map(name).join("、") + withheld;
    }
    const list = this.$(".lines");
    list.dataset.empty = words.idle_lines;
    if (this.sid !== (call ? call.sid : "")) {
      list.replaceChildren();
      this.sid = call ? call.sid : "";
    }
    if (!call) return this.drawEar("", false);
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
    const known = new Map([...list.children].map((item) => [Number(item.dataset.seq), item]));
    for (const line of call.lines) {
      if (known.has(line.seq)) continue;
      list.append(this.line(line, phone));
      if (!first && this.$(".aloud").checked && line.kind === "say" && line.who !== phone.number) read(line.text);
    }
    for (const line of call.lines) known.get(line.seq)?.classList.toggle("cut", line.cut);
    if (atEnd) list.scrollTop = list.scrollHeight;
    if (phone.phase !== "talking") return this.drawEar("", false);
    if (call.audience) return this.drawEar(call.audience.length ? words.conference : words.unheard, call.audience.length > 0);
    if (call.bridged) return this.drawEar(words.bridged, true);
    const open = call.listening.length > 0;
    if (call.recording) return this.drawEar(words.recording, true);
    this.drawEar(open ? (call.speaking ? words.speaking : words.listening) : call.speaking ? words.deaf : words.thinking, open);
  }

  drawEar(text, open) {
    const ear = this.$(".ear");
    if (ear.textContent !== text) ear.textContent = text;
    ear.classList.toggle("open", open);
  }

  line(line, phone) {
    const item = document.createElement("li");
    item.dataset.seq = line.seq;
    if (line.kind === "event") {
      item.className = "event";
      item.textContent = words.events[line.text] || line.text;
      return item;
    }
    const own = line.who === phone.number;
    item.className = own ? "own" : "";
    if (line.kind === "press") {
      const key = document.createElement("b");
      key.className = "key";
      key.textContent = line.text;
      item.append(`${words.press} `, key);
    } else {
      item.textContent = line.kind === "play" ? `♪ ${words.sound} ${line.text.split("/").pop()}` : line.text;
    }
    if (line.heard === false) {
      item.classList.add("lost");
      const note = document.createElement("small");
      note.textContent = words.lost;
      item.append(note);
    }
    return item;
  }

  drawTexts(texts) {
    this.$(".count").textContent = texts.length;
    const newest = texts.at(-1)?.sid || "";
    if (newest === this.newest) return;
    const items = texts.toReversed().map((text) => {
      const item = document.createElement("li");
      const when = document.createElement("time");
      when.textContent = `${new Date(text.at).toLocaleTimeString("zh-CN")} · ${text.from === "robot" ? words.robot : name(text.from)}`;
      item.append(when, ...withLinks(text.body));
      return item;
    });
    this.$(".texts").replaceChildren(...items);
    if (!first && this.newest !== undefined && newest) {
      this.$(".inbox").classList.add("new");
      this.$(".inbox").open = true;
    }
    this.newest = newest;
  }
}

// Addresses become links, everything else stays text.
function withLinks(body) {
  return body.split(/(https?:\/\/[^\s]+)/).map((part) => {
    if (!/^https?:\/\//.test(part)) return part;
    const link = document.createElement("a");
    link.href = part;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    link.textContent = part.length > 44 ? `${part.slice(0, 42)}…` : part;
    return link;
  });
}

function name(number) {
  if (desk.hotline?.includes(number)) return `${words.hotline} ${number}`;
  const phone = desk.phones.find((p) => p.number === number);
  return phone?.label ? `${phone.label} ${number}` : number;
}

function read(text) {
  const speech = new SpeechSynthesisUtterance(text);
  speech.lang = "zh-CN";
  speech.rate = Math.min(4, desk.speed || 4);
  speechSynthesis.speak(speech);
}

function draw() {
  const residents = desk.phones.filter((p) => p.kind === "resident");
  const others = desk.phones.filter((p) => p.kind !== "resident");
  if (residents.length) {
    drawResidents(residents);
  }
  for (const phone of others) {
    if (!cards.has(phone.number)) cards.set(phone.number, new Card(document.getElementById("others"), false));
    cards.get(phone.number).draw(phone);
  }
  document.getElementById("nobody").hidden = others.length > 0;
  const violations = document.getElementById("violations");
  violations.textContent = desk.violations;
  violations.classList.toggle("some", desk.violations > 0);
  const ringing = desk.phones.some((p) => p.phase === "ringing");
  document.title = (ringing ? "☎ " : "") + document.title.replace(/^☎ /, "");
  first = false;
}

// One card for all residents: it shows the chosen one, and turns to whoever is called while the chosen one is idle.
function drawResidents(residents) {
  if (!cards.has("residents")) {
    cards.set("residents", new Card(document.getElementById("residents"), true));
  }
  const card = cards.get("residents");
  let shown = residents.find((p) => p.number === chosen) || residents[0];
  if (shown.phase === "idle") shown = residents.find((p) => p.phase !== "idle") || shown;
  chosen = shown.number;
  const select = card.$(".caller");
  const signature = residents.map((p) => p.number + p.label).join();
  if (select.dataset.signature !== signature) {
    select.replaceChildren(...residents.map((p) => new Option(`${p.label || words.unknown} ${p.number}`, p.number)));
    select.dataset.signature = signature;
  }
  select.value = chosen;
  select.disabled = card.$(".withheld").disabled = shown.phase !== "idle";
  card.draw(shown);
}

async function watch() {
  for (;;) {
    try {
      const answer = await fetch(`/api/desk?after=${desk.revision ?? -1}&wait=20`);
      if (!answer.ok) throw new Error(String(answer.status));
      desk = await answer.json();
      document.getElementById("offline").hidden = true;
      draw();
    } catch (error) {
      console.error(error);
      document.getElementById("offline").hidden = false;
      desk.revision = -1;
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
}

watch();
