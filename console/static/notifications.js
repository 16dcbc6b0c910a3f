// Desktop notifications of new work. The page asks once; the browser remembers the permission, this page that it has asked.
const ASKED = "console.notifications-asked";
const bar = document.getElementById("ask-notify");

export function notify(key) {
  if (!window.Notification || Notification.permission !== "granted" || document.hasFocus()) return;
  const words = bar.dataset[key.split(":")[0]];
  if (!words) return;
  const shown = new Notification(words, { tag: key }); // several tabs show it once
  shown.addEventListener("click", () => {
    window.focus();
    shown.close();
  });
}

export function startNotifications() {
  if (!window.Notification || Notification.permission !== "default" || localStorage.getItem(ASKED)) return;
  bar.hidden = false;
  bar.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    localStorage.setItem(ASKED, "1");
    bar.hidden = true;
    if (button.hasAttribute("data-yes")) await Notification.requestPermission();
  });
}
