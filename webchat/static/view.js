/* Draws bubbles and cards. Words of people reach the page through textContent only. */

import { dueLabel, fill, timeLabel } from "./words.js";

const PAUSE = 5 * 60 * 1000; // a longer silence gets a time line
const STEP = /^\s*\d{1,2}[.、)]\s*/;
const PHONE = /(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}|0\d{2,3}[- ]?\d{3,4}[- ]?\d{4}|400[- ]?\d{3,4}[- ]?\d{3,4}|12345|95598/g;
const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  phone: "M6.6 10.8a15 15 0 0 0 6.6 6.6l2.2-2.2c.3-.3.7-.4 1-.2 1.1.4 2.4.6 3.6.6.6 0 1 .4 1 1V20c0 .6-.4 1-1 1A17 17 0 0 1 3 4c0-.6.4-1 1-1h3.5c.6 0 1 .4 1 1 0 1.3.2 2.5.6 3.6.1.3 0 .7-.2 1z",
  warn: "M12 2 1 21h22zm1 15h-2v2h2zm0-8h-2v6h2z",
};

function el(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  path.setAttribute("fill", "currentColor");
  path.setAttribute("fill-rule", "evenodd");
  svg.appendChild(path);
  return svg;
}

function dial(phone) {
  return `tel:${phone.replace(/[^\d+]/g, "")}`;
}

/* Telephone numbers in our own words can be tapped; what residents write stays as it is. */
function withNumbers(node, text) {
  let from = 0;
  for (const found of text.match(PHONE) || []) {
    const at = text.indexOf(found, from);
    const end = at + found.length;
    const insideLonger = /[\d-]/.test(text.charAt(at - 1)) || /[\d-]/.test(text.charAt(end));
    node.appendChild(document.createTextNode(text.slice(from, insideLonger ? end : at)));
    if (!insideLonger) {
      const link = el("a", "", found);
      link.href = dial(found);
      node.appendChild(link);
    }
    from = end;
  }
  node.appendChild(document.createTextNode(text.slice(from)));
}

export class View {
  /* `pictures`: {load(id, size) -> promise of an address, open(small, id, button)}; `nudge(number)`: the button of a card. */
  constructor(log, strings, images, pictures, nudge) {
    this.pictures = pictures;
    this.nudge = nudge;
    this.log = log;
    this.strings = strings;
    this.images = images;
    this.faces = ["resident", "operator"].map((who) => Object.assign(new Image(), { src: `${images}${who}.svg` })); // at hand when the network is gone
    this.pending = new Map(); // client_id -> row
    this.tickets = new Map(); // number -> the ticket as it is now; a card shows that, whatever it was when it was said
  }

  /* The tickets have changed: cards that are on the page show how they stand, the newest of each can be pressed. */
  standing(tickets) {
    for (const info of tickets) this.tickets.set(info.number, info);
    const newest = new Map();
    for (const card of this.log.querySelectorAll(".card_ticket")) newest.set(card.dataset.number, card);
    for (const card of this.log.querySelectorAll(".card_ticket")) {
      const info = this.tickets.get(card.dataset.number);
      const version = info && JSON.stringify([info, newest.get(info.number) === card]);
      if (!info || card.dataset.version === version) continue;
      card.dataset.version = version;
      this.fillTicket(card, info, newest.get(info.number) === card);
    }
  }

  clear() {
    this.log.textContent = "";
    this.pending.clear();
  }

  /* A stored message at its place: above whatever still waits to be sent. Returns its row. */
  show(message) {
    const own = message.client_id && this.pending.get(message.client_id);
    if (own) {
      this.pending.delete(message.client_id);
      this.drop(own);
    }
    const row = this.row(message);
    this.place(this.log, row, this.log.querySelector(".row_pending"));
    if (!own) row.classList.add("row_new");
    return row;
  }

  /* Under the last own words: whether a person has looked. The bot looks at once, so it needs no mark. */
  marks(read, attended) {
    const old = this.log.querySelector(".under_seen");
    const rows = this.log.querySelectorAll(".row_me[data-seq]");
    const last = rows[rows.length - 1];
    const seen = last && Number(last.dataset.seq) <= read;
    const text = last && (seen ? this.strings.read : attended ? this.strings.unread : "");
    if (old && old.textContent === text && old.parentNode === last.querySelector(".what")) return;
    if (old) old.parentNode.removeChild(old);
    if (text) last.querySelector(".what").appendChild(el("p", "under under_seen", text));
  }

  /* What is on the page belongs to a chat that is over: its numbers mean nothing any more. */
  past() {
    for (const row of this.log.querySelectorAll("[data-seq]")) row.removeAttribute("data-seq");
    const old = this.log.querySelector(".under_seen");
    if (old) old.parentNode.removeChild(old);
    this.tickets.clear();
    for (const card of this.log.querySelectorAll(".card_ticket")) card.removeAttribute("data-number");
    for (const foot of this.log.querySelectorAll(".nudge")) foot.parentNode.removeChild(foot);
  }

  /* Words that are not stored yet. */
  wait(entry) {
    const said = { author: "resident", text: entry.text, at: new Date(entry.at).toISOString(), preview: entry.photo };
    const row = this.row(said);
    row.classList.add("row_pending", "row_new");
    const mark = el("span", "mark mark_spin");
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", this.strings.sending);
    row.querySelector(".line").insertBefore(mark, row.querySelector(".line").firstChild);
    this.pending.set(entry.client_id, row);
    this.place(this.log, row, null);
    return row;
  }

  offline(clientId, gone) {
    const row = this.pending.get(clientId);
    if (!row || row.querySelector(".mark_fail")) return;
    const note = row.querySelector(".under");
    if (gone && !note) row.querySelector(".what").appendChild(el("p", "under", this.strings.waiting));
    if (!gone && note) note.parentNode.removeChild(note);
  }

  /* It will not be sent by itself: says why, and lets the resident try again. */
  fail(clientId, reason, again) {
    const row = this.pending.get(clientId);
    if (!row) return;
    this.offline(clientId, false);
    const mark = row.querySelector(".mark");
    const button = el("button", "mark mark_fail", "!");
    button.type = "button";
    button.setAttribute("aria-label", this.strings.failed);
    button.addEventListener("click", () => {
      this.pending.delete(clientId);
      this.drop(row);
      again();
    });
    mark.parentNode.replaceChild(button, mark);
    row.querySelector(".what").appendChild(el("p", "under under_fail", reason || this.strings.failed));
  }

  note(text, warn) {
    const line = el("p", warn ? "note note_warn" : "note", text);
    this.log.insertBefore(line, this.log.querySelector(".row_pending"));
    return line;
  }

  divider(container, before) {
    container.insertBefore(el("p", "divider", this.strings.chat_divider), before);
  }

  /* An earlier chat, above everything; returns how tall it is. */
  prepend(messages) {
    const before = this.log.scrollHeight;
    const part = el("div");
    this.log.insertBefore(part, this.log.firstChild);
    for (const message of messages) {
      const row = this.row(message);
      row.removeAttribute("data-seq");
      this.place(part, row, null);
    }
    this.divider(this.log, part.nextSibling);
    return this.log.scrollHeight - before;
  }

  /* A row and the time line that was drawn for it. */
  drop(row) {
    const line = row.previousElementSibling;
    if (line && line.classList.contains("time")) line.parentNode.removeChild(line);
    row.parentNode.removeChild(row);
  }

  place(container, row, before) {
    let previous = before ? before.previousElementSibling : container.lastElementChild;
    while (previous && previous.classList.contains("note") && !previous.dataset.at) {
      previous = previous.previousElementSibling;
    }
    const at = Number(row.dataset.at);
    const last = previous && previous.dataset.at ? Number(previous.dataset.at) : 0;
    if (at - last > PAUSE) {
      const line = el("time", "time", timeLabel(at, Date.now(), this.strings));
      line.dateTime = new Date(at).toISOString();
      container.insertBefore(line, before);
    }
    container.insertBefore(row, before);
  }

  row(message) {
    if (message.author === "system") {
      const line = el("p", "note", message.text);
      line.dataset.at = String(Date.parse(message.at));
      return line;
    }
    const mine = message.author === "resident";
    const row = el("div", mine ? "row row_me" : "row row_them");
    row.dataset.at = String(Date.parse(message.at));
    if (message.seq) row.dataset.seq = String(message.seq);
    const picture = el("img", "avatar");
    picture.src = `${this.images}${message.author}.svg`;
    picture.alt = "";
    const what = el("div", "what");
    row.appendChild(picture);
    row.appendChild(what);
    if (message.author === "operator") {
      what.appendChild(el("p", "who", fill(this.strings.author_operator, { name: message.operator || "" }).trim()));
    } else {
      const author = mine ? this.strings.author_resident : this.strings.author_bot;
      what.appendChild(el("span", "unseen", fill(this.strings.says, { author })));
    }
    const card = message.card && this.card(message);
    if (card) {
      row.classList.add("row_wide");
      what.appendChild(card);
      return row;
    }
    const line = el("div", "line");
    if (message.picture || message.preview) {
      line.appendChild(this.photo(message));
      what.appendChild(line);
      return row;
    }
    const bubble = el("div", "bubble");
    if (mine) bubble.textContent = message.text;
    else withNumbers(bubble, message.text);
    line.appendChild(bubble);
    what.appendChild(line);
    return row;
  }

  photo(message) {
    const button = el("button", "photo");
    button.type = "button";
    button.setAttribute("aria-label", fill(this.strings.picture_of, { author: this.strings.author_resident }));
    const picture = el("img");
    picture.alt = "";
    if (message.width) {
      picture.width = message.width; // its room on the page, before it is there
      picture.height = message.height;
    }
    button.appendChild(picture);
    const show = (address) => {
      picture.src = address;
      button.addEventListener("click", () => this.pictures.open(address, message.picture, button));
    };
    if (message.preview) show(message.preview);
    else this.pictures.load(message.picture, "small").then(show, () => { button.replaceWith(el("span", "bubble", this.strings.picture_gone)); });
    return button;
  }

  card(message) {
    if (message.card.kind === "safety") return this.warning(message, this.strings.safety_title);
    if (message.card.kind === "call_unit") return this.warning(message, this.strings.unit_title);
    if (message.card.kind === "ticket" && message.card.number) return this.ticket(message);
    return null; // a kind of a newer server: the words alone are shown
  }

  /* Read out at once: this cannot wait for a pause. */
  warning(message, title) {
    const card = el("section", "card card_safety");
    card.setAttribute("role", "alert");
    const head = el("h2", "card__head");
    head.appendChild(icon("warn"));
    head.appendChild(el("span", "", title));
    card.appendChild(head);
    const body = el("div", "card__body");
    let steps = null;
    for (const text of message.text.split("\n")) {
      if (STEP.test(text)) {
        if (!steps) steps = body.appendChild(el("ol"));
        const step = el("li");
        withNumbers(step, text.replace(STEP, ""));
        steps.appendChild(step);
      } else if (text.trim()) {
        steps = null;
        const words = el("p");
        withNumbers(words, text);
        body.appendChild(words);
      }
    }
    card.appendChild(body);
    if (message.card.phone) {
      const call = el("a", "call");
      call.href = dial(String(message.card.phone));
      call.appendChild(icon("phone"));
      const phone = String(message.card.phone).replace(/-/g, "\u2011"); // a number is not broken in two
      call.appendChild(el("span", "", fill(this.strings.call, { phone })));
      card.appendChild(call);
    }
    return card;
  }

  ticket(message) {
    const card = el("section", "card card_ticket");
    card.dataset.number = message.card.number;
    const head = card.appendChild(el("h2", "card__head"));
    head.appendChild(el("span", "", message.card.title || this.strings.ticket_title));
    head.appendChild(el("span", "card__state"));
    withNumbers(card.appendChild(el("div", "card__body")), message.text);
    card.appendChild(el("dl", "facts"));
    this.fillTicket(card, this.tickets.get(message.card.number) || message.card, false);
    return card;
  }

  /* State, clocks, and the button for whoever has waited long enough. */
  fillTicket(card, info, pressable) {
    const strings = this.strings;
    const state = card.querySelector(".card__state");
    state.textContent = info.state || "";
    state.hidden = !info.state;
    const facts = card.querySelector(".facts");
    facts.textContent = "";
    const number = facts.appendChild(el("div", "fact fact_number"));
    number.appendChild(el("dt", "", strings.ticket_number));
    number.appendChild(el("dd", "", info.number));
    for (const clock of info.clocks || []) {
      const fact = facts.appendChild(el("div", "fact"));
      const what = fact.appendChild(el("dt", "", clock.title));
      if (clock.clause) what.appendChild(el("small", "", fill(strings.ticket_clause, clock)));
      const time = dueLabel(Date.parse(clock.due_by), Date.now(), strings);
      fact.appendChild(el("dd", "", fill(strings.ticket_by, { time })));
    }
    const old = card.querySelector(".nudge");
    const hadFocus = old && old.contains(document.activeElement);
    if (old) card.removeChild(old);
    if (!pressable || !info.open) return;
    const foot = card.appendChild(el("p", "nudge"));
    foot.appendChild(el("span", "nudge__count", info.nudges ? fill(strings.ticket_nudged, { count: info.nudges }) : ""));
    const button = foot.appendChild(el("button", "nudge__button", strings.ticket_nudge));
    button.type = "button";
    button.addEventListener("click", () => {
      button.disabled = true; // until the ticket says that it was heard
      this.nudge(info.number);
    });
    if (hadFocus) button.focus({ preventScroll: true });
  }
}
