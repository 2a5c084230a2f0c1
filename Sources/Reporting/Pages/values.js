// A scan's heatmap as numbers: loaded from the script beside its pictures, drawn in the study's colors, read under the
// cursor. A page opened from a file may not read a picture's pixels, but may load a script.

const awaited = new Map();

window.normaValues = ({ threshold, first, step, picture }) => {
  const resolve = awaited.get(document.currentScript);
  const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  createImageBitmap(new Blob([bytes], { type: "image/png" }), options).then((bitmap) => {
    const { width, height } = bitmap;
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const pixels = context.getImageData(0, 0, width, height).data;
    const levels = new Uint8Array(width * height);
    for (let i = 0; i < levels.length; i += 1) levels[i] = pixels[4 * i];
    resolve(new LevelMap(width, height, levels, threshold, first, step));
  });
};

// Which tiles of a slide there are, level by level.
window.normaTiles = (levels) => {
  awaited.get(document.currentScript)(
    levels.map((text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))));
};

// Resolves once what the script holds is there, and never where its file is missing: the page stays as it is.
function loadData(address) {
  return new Promise((resolve) => {
    const script = document.createElement("script");
    awaited.set(script, resolve);
    script.src = address;
    document.head.append(script);
  });
}

class LevelMap {
  constructor(width, height, levels, threshold, first, step) {
    Object.assign(this, { width, height, levels, threshold, first, step });
  }

  // Level 0 is no tissue; the lowest and the highest stand for all beyond.
  level(x, y) { return this.levels[y * this.width + x]; }

  words(x, y) {
    const level = this.level(x, y);
    if (level === 0) return "no tissue, not scored";
    const z = this.threshold + (level - this.first + 0.5) * this.step;
    const bound = level === 1 ? "z < " : level === 255 ? "z ≥ " : "z ";
    return bound + z.toFixed(1) + ", p " + (level === 1 ? "> " : level === 255 ? "≤ " : "") + pWords(upperTail(z));
  }

  // From the level `from` up in the colors of the palette; what lies below the calibrated threshold in gray blue.
  draw(canvas, palette, from, isOutlined) {
    const { width, height, levels, first } = this;
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const line = Math.max(1, Math.floor(Math.max(width, height) / 512));
    for (let y = 0, i = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1, i += 1) {
        const level = levels[i];
        if (level < from || level === 0) continue;
        const isBorder = isOutlined
          && ((x >= line && levels[i - line] < from) || (x + line < width && levels[i + line] < from)
            || (y >= line && levels[i - line * width] < from) || (y + line < height && levels[i + line * width] < from));
        const color = isBorder ? [94, 234, 255, 255]
          : level < first ? [120, 150, 190, 120] : [...palette[level - first], 190];
        image.data.set(color, 4 * i);
      }
    }
    context.putImageData(image, 0, 0);
  }

  // Black where nothing was scored.
  drawMask(canvas) {
    const { width, height, levels } = this;
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    for (let i = 0; i < levels.length; i += 1) if (levels[i] === 0) image.data[4 * i + 3] = 255;
    context.putImageData(image, 0, 0);
  }
}

// Share of a standard normal above z. Abramowitz & Stegun 1964, 26.2.11 below 2 and the continued fraction 26.2.14 above.
function upperTail(z) {
  if (z < 0) return 1 - upperTail(-z);
  const density = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
  if (z < 2) {
    let term = z;
    let sum = z;
    for (let n = 3; n < 60; n += 2) { term *= z * z / n; sum += term; }
    return 0.5 - density * sum;
  }
  let fraction = z;
  for (let n = 40; n > 0; n -= 1) fraction = z + n / fraction;
  return density / fraction;
}

function pWords(p) {
  if (p >= 0.001) return p.toFixed(3);
  const [digits, power] = p.toExponential(0).split("e");
  return digits + "·10" + [...power].map((sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]).join("");
}
