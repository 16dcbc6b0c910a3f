/* A photograph is made small before it is sent: a telephone's own has ten times what anybody needs to see. The server
   draws it anew whatever it gets; this only saves the resident's traffic. */

const LONGEST_SIDE = 1600; // the server's own limit
const QUALITY = 0.82;

/* A JPEG as a data: address, which fits into the outbox. Rejects what the browser cannot show as a picture. */
export function shrink(file) {
  return new Promise((resolve, reject) => {
    const address = URL.createObjectURL(file);
    const picture = new Image();
    picture.onload = () => {
      URL.revokeObjectURL(address);
      const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.naturalWidth, picture.naturalHeight));
      const canvas = document.createElement("canvas");
      canvas.width = Math.max(1, Math.round(picture.naturalWidth * scale));
      canvas.height = Math.max(1, Math.round(picture.naturalHeight * scale));
      const paper = canvas.getContext("2d");
      paper.fillStyle = "#fff"; // under what is transparent
      paper.fillRect(0, 0, canvas.width, canvas.height);
      paper.drawImage(picture, 0, 0, canvas.width, canvas.height);
      resolve(canvas.toDataURL("image/jpeg", QUALITY));
    };
    picture.onerror = () => {
      URL.revokeObjectURL(address);
      reject(new Error("no picture"));
    };
    picture.src = address;
  });
}

/* The page's rules forbid to fetch a data: address, so its bytes are unpacked here. */
export function bytes(dataAddress) {
  const raw = window.atob(dataAddress.slice(dataAddress.indexOf(",") + 1));
  const array = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) array[i] = raw.charCodeAt(i);
  return new Blob([array], { type: "image/jpeg" });
}
