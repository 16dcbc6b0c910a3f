/* The server's JSON interface. A Refusal is an answer; anything else that is thrown means that the network is gone. */

import { keep } from "./outbox.js";

const TOKEN = "webchat.token";
const PATIENCE = 25000; // ms; the server's own budget for a turn is far smaller

export class Refusal extends Error {
  constructor(status, error, retryAfter) {
    super(error.message || "");
    this.status = status;
    this.code = error.code || "";
    this.retryAfter = retryAfter;
  }
}

export class Api {
  constructor(base) {
    this.base = base;
  }

  async session(wish) {
    const answer = await this.post("api/session", wish);
    keep.set(TOKEN, answer.token);
    return answer;
  }

  post(path, body) {
    return this.ask(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  sendPicture(conversation, clientId, after, blob) {
    const query = `conversation=${encodeURIComponent(conversation)}&client_id=${clientId}&after=${after}`;
    return this.ask(`api/pictures?${query}`, { method: "POST", headers: { "Content-Type": "image/jpeg" }, body: blob });
  }

  /* An <img> cannot send the token: fetched here, shown as blob:. */
  picture(id, size = "") {
    return this.ask(`api/pictures/${encodeURIComponent(id)}${size && `?size=${size}`}`, { headers: {} }, (response) => response.blob());
  }

  messages(conversation, after) {
    return this.ask(`api/messages?conversation=${encodeURIComponent(conversation)}&after=${after}`, { headers: {} });
  }

  events(key, after) {
    return new EventSource(`${this.base}api/events?key=${encodeURIComponent(key)}&after=${after}`);
  }

  async ask(path, options, read) {
    const token = keep.get(TOKEN);
    if (token) options.headers.Authorization = `Bearer ${token}`;
    options.credentials = "same-origin";
    options.cache = "no-store";
    let timer = 0;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("no answer")), PATIENCE);
    });
    try {
      const response = await Promise.race([fetch(this.base + path, options), late]);
      if (response.ok && read) return await Promise.race([read(response), late]);
      const body = await Promise.race([response.json(), late]);
      if (response.ok) return body;
      throw new Refusal(response.status, body.error || {}, Number(response.headers.get("Retry-After")) || 0);
    } finally {
      clearTimeout(timer);
    }
  }
}
