// The page works without this file, but for the signature. With it: the waiting time runs, a button cannot be pressed twice,
// the telephone says where it is, photographs travel small, and a page that comes back to the front after a while (out of a
// chat) shows how things are now, unless somebody is writing.
const STALE_MS = 20000;
const IMPATIENT_MS = 8000; // a network that swallowed the form: it may be sent again, which is the same as once
const shownAt = Date.now();
for (const clock of document.querySelectorAll(".since")) {
  const since = Date.parse(clock.dataset.since);
  setInterval(() => {
    clock.textContent = clock.dataset.words.replace("{}", Math.max(0, Math.floor((Date.now() - since) / 60000)));
  }, 5000);
}
for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    const disable = (off) => form.querySelectorAll("button").forEach((button) => { button.disabled = off; });
    if (event.defaultPrevented) return;
    setTimeout(disable, 0, true);
    setTimeout(disable, IMPATIENT_MS, false);
  });
}
addEventListener("pageshow", (event) => event.persisted && location.reload());
const isWriting = () => [...document.querySelectorAll("input:not([type=hidden]), textarea, select")].some((field) => field.type === "checkbox"
  ? field.checked !== field.defaultChecked
  : field.type === "file" ? field.files.length : field.tagName === "SELECT" ? field.value : field.value !== field.defaultValue) || drawn;
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !isWriting() && Date.now() - shownAt > STALE_MS) location.replace(location.pathname);
});

// Where the telephone is, if its owner lets it say so; asked when he looks at the step, so that pressing it waits for nothing.
const where = document.querySelector("form[data-where]");
if (where && navigator.geolocation) {
  navigator.geolocation.getCurrentPosition(({ coords }) => {
    for (const name of ["latitude", "longitude", "accuracy"]) where.elements[name].value = coords[name];
  }, () => {}, { enableHighAccuracy: true, maximumAge: 60000, timeout: 15000 });
}

// A photograph is made smaller here; what cannot be read here is sent as it is, the server draws it anew in any case.
const SIDE = 1600;
for (const field of document.querySelectorAll("form[data-photo] input[type=file]")) {
  field.addEventListener("change", async () => {
    const chosen = field.files[0];
    try {
      const picture = await createImageBitmap(chosen, { imageOrientation: "from-image" });
      const scale = Math.min(1, SIDE / Math.max(picture.width, picture.height));
      const paper = document.createElement("canvas");
      [paper.width, paper.height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
      paper.getContext("2d").drawImage(picture, 0, 0, paper.width, paper.height);
      const small = await new Promise((done) => paper.toBlob(done, "image/jpeg", 0.8));
      if (!small || small.size >= chosen.size || field.files[0] !== chosen) return;
      const bag = new DataTransfer();
      bag.items.add(new File([small], "photo.jpg", { type: "image/jpeg" }));
      field.files = bag.files;
    } catch {
      // an old browser, or no picture: the server says what it thinks of it
    }
  });
}

// The resident's signature: strokes on white, sent as a PNG with the form.
let drawn = false;
for (const sign of document.querySelectorAll("form[data-sign]")) {
  const canvas = sign.querySelector("canvas");
  const pen = canvas.getContext("2d");
  let written = false;
  const clear = () => {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    Object.assign(pen, { lineWidth: 7, lineCap: "round", lineJoin: "round", strokeStyle: "#101820" });
    written = false;
  };
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
  };
  let writing = false;
  canvas.addEventListener("pointerdown", (event) => {
    writing = true;
    canvas.setPointerCapture(event.pointerId);
    pen.beginPath();
    pen.moveTo(...at(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!writing) return;
    pen.lineTo(...at(event));
    pen.stroke();
    drawn = written = true;
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { writing = false; });
  sign.addEventListener("reset", clear);
  sign.addEventListener("submit", () => {
    sign.elements.signature.value = written ? canvas.toDataURL("image/png") : "";
  });
  clear();
}
