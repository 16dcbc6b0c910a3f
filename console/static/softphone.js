// This browser as the operator's telephone (Twilio's Voice SDK): registers, answers what its operator asked for by himself,
// rings for everything else. Every call is placed by the server; hanging up here is hanging up a telephone.
const state = () => document.getElementById("softphone-state");
let device = null;
let current = null;

function show(name) {
  document.body.dataset.softphoneState = name;
  const line = state();
  if (line) line.textContent = line.dataset[name] || "";
  const ringing = document.getElementById("softphone-ringing");
  if (ringing) ringing.hidden = name !== "ringing";
}

async function token() {
  const answer = await fetch(document.body.dataset.softphone, {
    method: "POST",
    headers: { "X-CSRFToken": JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"] },
  });
  if (!answer.ok) throw new Error(String(answer.status));
  return (await answer.json()).token;
}

// The leg that I asked for on this very page is answered at once; a colleague's call rings until it is accepted.
const mine = (call) => document.querySelector("[data-my-leg]")?.dataset.myLeg === call.customParameters.get("leg");

function onIncoming(call) {
  current = call;
  call.on("accept", () => show("talking"));
  for (const end of ["disconnect", "cancel", "reject", "error"]) {
    call.on(end, () => {
      if (current === call) current = null;
      show("ready");
    });
  }
  show("ringing");
  if (mine(call)) call.accept();
}

async function register() {
  device = new window.Twilio.Device(await token(), { closeProtection: true });
  device.on("registered", () => show("ready"));
  device.on("unregistered", () => show("lost"));
  device.on("error", () => show("lost"));
  device.on("incoming", onIncoming);
  device.on("tokenWillExpire", async () => device.updateToken(await token()));
  await device.register();
}

export function startSoftphone() {
  if (!document.body.dataset.softphone || !window.Twilio) return;
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-softphone-accept]")) current?.accept();
    if (event.target.closest("[data-softphone-reject]")) current?.reject();
  });
  // The bar may learn only after the ringing that the leg is mine.
  document.body.addEventListener("htmx:afterSettle", () => {
    show(document.body.dataset.softphoneState || "starting");
    if (current && current.status() === "pending" && mine(current)) current.accept();
  });
  window.addEventListener("pagehide", () => device?.destroy());
  register().catch(() => show("lost"));
}
