/* What was typed and is not yet known to be stored. It survives a reload; two tabs may both send an entry, since the
   server stores one message per client_id. */

const KEY = "webchat.outbox";

const memory = {};
const refusedKeys = {}; // what local storage holds under these is out of date

/* Local storage, or memory where the browser refuses it (private windows, blocked third-party storage). */
export const keep = {
  get(key) {
    if (refusedKeys[key]) return memory[key];
    try {
      return window.localStorage.getItem(key);
    } catch (refused) {
      return key in memory ? memory[key] : null;
    }
  },
  set(key, value) {
    memory[key] = value;
    try {
      window.localStorage.setItem(key, value);
      delete refusedKeys[key];
    } catch (refused) {
      refusedKeys[key] = true; // full of photographs, or not allowed at all
      /* memory has it: it lasts as long as the page */
    }
  },
};

export function newId() {
  const bytes = new Uint8Array(16);
  window.crypto.getRandomValues(bytes);
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

export function waiting() {
  try {
    const entries = JSON.parse(keep.get(KEY) || "[]");
    return Array.isArray(entries) ? entries : [];
  } catch (broken) {
    return [];
  }
}

export function add(entry) {
  keep.set(KEY, JSON.stringify(waiting().concat([entry])));
}

export function remove(clientId) {
  keep.set(KEY, JSON.stringify(waiting().filter((entry) => entry.client_id !== clientId)));
}
