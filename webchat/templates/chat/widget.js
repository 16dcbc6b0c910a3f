/* One tag on any page: <script src="https://…/chat/widget.js" defer></script>
   A button with the unread count; it opens the chat in a frame. Nothing of the foreign page is read or sent. */
(function () {
  "use strict";
  var config = {{ config|tojson }};
  var script = document.currentScript;
  if (!script || window.hotlineChat) return;
  var origin = new URL(script.src, location.href).origin;
  var USED = "webchat.used"; // this browser has opened the chat before: load the frame at once, for the unread count
  var words = config.strings;

  function used(set) {
    try {
      if (set) window.localStorage.setItem(USED, "1");
      return window.localStorage.getItem(USED) === "1";
    } catch (refused) {
      return false;
    }
  }

  function build() {
    var host = document.createElement("div");
    var root = host.attachShadow ? host.attachShadow({ mode: "open" }) : host;
    var style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = origin + config.style;
    host.style.display = "none"; // until its looks have arrived
    style.onload = function () { host.style.display = ""; };

    var panel = document.createElement("div");
    panel.className = "webchat-panel";
    panel.hidden = true;

    var button = document.createElement("button");
    button.type = "button";
    button.className = "webchat-button";
    button.setAttribute("aria-expanded", "false");
    var svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    var path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", "M12 3C6.5 3 2 6.8 2 11.4c0 2.6 1.4 4.9 3.7 6.4L5 21l3.7-1.9c1 .3 2.1.4 3.3.4 5.5 0 10-3.8 10-8.4S17.5 3 12 3zM8 12.600a1.300 1.300 0 1 1 0-2.600 1.300 1.300 0 0 1 0 2.600zm4 0a1.300 1.300 0 1 1 0-2.600 1.300 1.300 0 0 1 0 2.600zm4 0a1.300 1.300 0 1 1 0-2.600 1.300 1.300 0 0 1 0 2.600z");
    path.setAttribute("fill", "currentColor");
    path.setAttribute("fill-rule", "evenodd");
    svg.appendChild(path);
    var label = document.createElement("span");
    label.className = "webchat-label";
    label.textContent = words.open;
    var badge = document.createElement("span");
    badge.className = "webchat-badge";
    badge.hidden = true;
    button.appendChild(svg);
    button.appendChild(label);
    button.appendChild(badge);

    root.appendChild(style);
    root.appendChild(panel);
    root.appendChild(button);
    document.body.appendChild(host);

    var frame = null;
    var isOpen = false;

    function load() {
      if (frame) return;
      frame = document.createElement("iframe");
      frame.title = words.frame;
      frame.allow = "geolocation; microphone"; // asked for by the browser when the resident presses their buttons
      frame.onload = tell;
      frame.src = origin + config.page;
      panel.appendChild(frame);
    }

    function tell() {
      if (frame && frame.contentWindow) frame.contentWindow.postMessage({ to: "webchat", shown: isOpen }, origin);
    }

    function show(open) {
      isOpen = open;
      if (open) {
        used(true);
        load();
      }
      panel.hidden = !open;
      button.classList.toggle("webchat-button-open", open);
      button.setAttribute("aria-expanded", String(open));
      if (open) unread(0);
      else button.focus();
      tell();
    }

    function unread(count) {
      badge.hidden = !count;
      badge.textContent = count > 99 ? "99+" : String(count);
      button.setAttribute("aria-label", count ? words.unread.replace("{count}", count) : isOpen ? words.close : words.open);
    }

    window.addEventListener("message", function (event) {
      if (!frame || event.source !== frame.contentWindow || event.origin !== origin) return;
      var data = event.data || {};
      if (data.from !== "webchat") return;
      if (typeof data.unread === "number") unread(data.unread);
      if (data.close) show(false);
    });
    button.addEventListener("click", function () { show(!isOpen); });
    unread(0);
    if (used(false)) load();

    /* For the page's own "contact us" buttons. */
    window.hotlineChat = { open: function () { show(true); }, close: function () { show(false); } };
  }

  if (document.body) build();
  else document.addEventListener("DOMContentLoaded", build);
})();
