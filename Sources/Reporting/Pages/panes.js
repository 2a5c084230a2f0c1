// The panels of a scan, zoomed and panned together.

class Panes {
  // frames: a function that gives those to move; highest: one that gives the largest zoom.
  // changed: called when they have moved; pointed: with the place in the picture under the cursor, null where there is
  // none; windowed: with what a drag for window and level went, in shares of a frame.
  constructor({ frames, highest, changed, pointed, windowed }) {
    Object.assign(this, { frames, highest, changed, pointed, windowed });
    // The middle of what is seen, in shares of the picture, and how large it is.
    this.x = 0.5;
    this.y = 0.5;
    this.zoom = 1;
  }

  // Clamped so that no frame shows what lies beside its picture.
  moveTo({ x = this.x, y = this.y, zoom = this.zoom }) {
    this.zoom = Math.min(this.highest(), Math.max(1, zoom));
    const margin = 0.5 / this.zoom;
    [this.x, this.y] = [x, y].map((middle) => Math.min(1 - margin, Math.max(margin, middle)));
    const place = [this.x, this.y].map((middle) => (0.5 - middle * this.zoom) * 100 + "%").join(",");
    for (const frame of this.frames()) {
      frame.querySelector(".view").style.transform = "translate(" + place + ") scale(" + this.zoom + ")";
      frame.classList.toggle("zoomed", this.zoom > 1);
    }
    this.changed();
  }

  fit() { this.moveTo({ x: 0.5, y: 0.5, zoom: 1 }); }

  // Keeps the place under the pointer where it is.
  zoomBy(factor, { x, y } = { x: 0.5, y: 0.5 }) {
    const zoom = Math.min(this.highest(), Math.max(1, this.zoom * factor));
    const shift = 1 / this.zoom - 1 / zoom;
    this.moveTo({ x: this.x + (x - 0.5) * shift, y: this.y + (y - 0.5) * shift, zoom });
  }

  // In shares of a frame.
  panBy(x, y) { this.moveTo({ x: this.x - x / this.zoom, y: this.y - y / this.zoom }); }

  // The visible part, in shares of the picture.
  get seen() {
    const half = 0.5 / this.zoom;
    return { left: this.x - half, right: this.x + half, top: this.y - half, bottom: this.y + half };
  }

  onPicture({ x, y }) { return { x: this.x + (x - 0.5) / this.zoom, y: this.y + (y - 0.5) / this.zoom }; }

  onFrame({ x, y }) { return { x: (x - this.x) * this.zoom + 0.5, y: (y - this.y) * this.zoom + 0.5 }; }

  listen(frame) {
    const fingers = new Map();
    const within = (event) => {
      const box = frame.getBoundingClientRect();
      return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
    };
    frame.addEventListener("wheel", (event) => {
      // Where there is nothing to zoom out of, the page scrolls on.
      if (this.zoom === 1 && event.deltaY > 0 && !event.ctrlKey) return;
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0018)), within(event));
    }, { passive: false });
    frame.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      fingers.set(event.pointerId, within(event));
      if (event.pointerType !== "touch" || this.zoom > 1) frame.setPointerCapture(event.pointerId);
    });
    frame.addEventListener("pointermove", (event) => {
      const now = within(event);
      const before = fingers.get(event.pointerId);
      if (before) {
        const other = [...fingers].find(([id]) => id !== event.pointerId);
        if (other) this.pinch(before, now, other[1]);
        else if (event.altKey) this.windowed(now.x - before.x, now.y - before.y);
        else this.panBy(now.x - before.x, now.y - before.y);
        fingers.set(event.pointerId, now);
      }
      this.pointed(this.onPicture(now));
    });
    for (const end of ["pointerup", "pointercancel"]) {
      frame.addEventListener(end, (event) => fingers.delete(event.pointerId));
    }
    frame.addEventListener("pointerleave", () => this.pointed(null));
    frame.addEventListener("dblclick", (event) => this.zoomBy(2, within(event)));
    frame.addEventListener("dragstart", (event) => event.preventDefault());
  }

  pinch(before, now, other) {
    const distance = (finger) => Math.hypot(finger.x - other.x, finger.y - other.y) || 1e-3;
    this.zoomBy(distance(now) / distance(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
  }
}
