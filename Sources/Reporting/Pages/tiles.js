// Deep Zoom tiles of a slide, laid over its small picture as far as one looks at them.

class TileLayer {
  // In pixels of the largest level; `host` is an element of the picture's shape.
  constructor(host, address, format, { width, height, levels }, presence, view) {
    Object.assign(this, { host, address, format, width, height, levels, presence, view });
    this.tiles = new Map();
  }

  // What is seen of the picture, in shares of it, and how many of the screen's pixels the whole is wide.
  show({ left, top, right, bottom }, screenWidth) {
    const last = this.levels - 1;
    const wanted = Math.min(last, Math.max(0, Math.ceil(last + Math.log2(screenWidth * devicePixelRatio / this.width) - 0.3)));
    const needed = new Set();
    // Smaller levels lie below: something is seen at once, and where a large level has no tile.
    for (const level of new Set([Math.max(0, wanted - 3), Math.max(0, wanted - 1), wanted])) {
      const size = 256 * 2 ** (last - level);
      const [columns, rows] = [Math.ceil(this.width / size), Math.ceil(this.height / size)];
      const range = (from, to, whole, count) => [Math.max(0, Math.floor(from * whole / size)), Math.min(count - 1, Math.floor(to * whole / size))];
      const [firstColumn, lastColumn] = range(left, right, this.width, columns);
      const [firstRow, lastRow] = range(top, bottom, this.height, rows);
      for (let row = firstRow; row <= lastRow; row += 1) {
        for (let column = firstColumn; column <= lastColumn; column += 1) {
          const place = row * columns + column;
          if (!(this.presence[level][place >> 3] >> (place & 7) & 1)) continue;
          const name = level + "/" + column + "_" + row;
          needed.add(name);
          if (!this.tiles.has(name)) this.tiles.set(name, this.add(name, level, column, row, size));
        }
      }
    }
    for (const [name, tile] of this.tiles) {
      if (needed.has(name)) continue;
      tile.remove();
      this.tiles.delete(name);
    }
    return wanted;
  }

  add(name, level, column, row, size) {
    const tile = new Image();
    tile.alt = "";
    tile.className = this.view;
    tile.style.zIndex = level;
    for (const [side, place, whole] of [["left", column * size, this.width], ["top", row * size, this.height]]) {
      tile.style[side] = place / whole * 100 + "%";
    }
    tile.style.width = Math.min(size, this.width - column * size) / this.width * 100 + "%";
    tile.style.height = Math.min(size, this.height - row * size) / this.height * 100 + "%";
    tile.addEventListener("error", () => tile.remove());
    tile.src = this.address + "/" + name + "." + this.format;
    this.host.append(tile);
    return tile;
  }

  clear() {
    for (const tile of this.tiles.values()) tile.remove();
    this.tiles.clear();
  }
}
