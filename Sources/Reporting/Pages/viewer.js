// A case's page as a viewer: one scan at a time, its panels zoomed and panned together.

{
  const sections = [...document.querySelectorAll("section.scan")];
  const controls = document.querySelector(".controls");
  if (sections.length > 0 && controls) start(sections, controls);

  function start(sections, controls) {
    const byId = (id) => document.getElementById(id);
    const [opacity, from, windowing, level, contours, color] = ["opacity", "from", "window", "level", "contours", "color"]
      .map(byId);
    const palette = controls.dataset.palette.match(/../g).map((digits) => parseInt(digits, 16))
      .reduce((colors, part, i) => { i % 3 ? colors.at(-1).push(part) : colors.push([part]); return colors; }, []);
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    // A pixel of the picture may be eight of the screen's, however large the picture.
    const highest = () => Math.max(64, 8 * (section().dataset.tileWidth || 0) / mainFrame().clientWidth);

    let current = -1;
    let blinking = 0;
    let shownOpacity = 100;
    const loaded = new Map();
    const tiled = new Map();

    const section = () => sections[current];
    const mainFrame = () => section().querySelector(".main .frame");

    // MARK: zoom and pan

    const panes = new Panes({
      frames: () => [...section().querySelectorAll(".frame")],
      highest,
      changed: showMove,
      pointed: read,
      windowed: (x, y) => {
        windowing.value = Number(windowing.value) + 3 * x;
        level.value = Number(level.value) - y;
        applyWindow();
      },
    });

    function showMove() {
      for (const frame of panes.frames()) {
        // A pixel larger than two of the screen's is drawn as one, not blurred into its neighbours.
        frame.classList.toggle("small", frame.clientWidth * panes.zoom > 2 * naturalWidth(frame));
      }
      byId("zoom-out").disabled = byId("zoom-fit").disabled = panes.zoom === 1;
      byId("zoom-in").disabled = panes.zoom === highest();
      byId("zoom-fit").textContent = panes.zoom === 1 ? "Fit" : "Fit · " + panes.zoom.toFixed(1) + "×";
      // Numbers and boxes of regions stay as large as they are.
      const marks = section().querySelector(".marks");
      marks.style.strokeWidth = 2 * section().dataset.width / mainFrame().clientWidth / panes.zoom + "px";
      for (const label of section().querySelectorAll(".marks text")) {
        label.style.fontSize = label.getAttribute("font-size") / panes.zoom + "px";
      }
      drawScaleBar();
      showTiles();
    }

    // Where the heatmap of the whole is too coarse for what is seen, its tiles take over, unless another threshold was
    // asked for, which they do not have.
    function showTiles() {
      const layers = tiled.get(section());
      if (!layers) return;
      const screenWidth = mainFrame().clientWidth * panes.zoom;
      const canvas = section().querySelector("canvas.heat");
      if (screenWidth * devicePixelRatio <= canvas.width * 1.01 || !canvas.width) {
        for (const layer of layers) layer.clear();
        canvas.classList.remove("covered");
        return;
      }
      layers[0].show(panes.seen, screenWidth);
      const isDefault = from.value === from.defaultValue && contours.checked;
      if (isDefault) layers[1].show(panes.seen, screenWidth); else layers[1].clear();
      canvas.classList.toggle("covered", isDefault);
    }

    function naturalWidth(frame) {
      const { tileWidth, width } = section().dataset;
      const isTiled = tileWidth && frame === mainFrame();
      return isTiled ? Number(tileWidth) : frame.querySelector("img").naturalWidth || Number(width);
    }

    // MARK: what is under the cursor

    function read(place) {
      const { width, height } = section().dataset;
      const inside = place && place.x >= 0 && place.y >= 0 && place.x < 1 && place.y < 1;
      for (const cross of section().querySelectorAll(".cross")) {
        cross.hidden = !inside;
        if (!inside) continue;
        const { x, y } = panes.onFrame(place);
        cross.style.left = x * 100 + "%";
        cross.style.top = y * 100 + "%";
      }
      const readout = section().querySelector(".readout");
      if (!inside) { readout.value = ""; return; }
      const values = loaded.get(section());
      const words = values
        ? values.words(Math.floor(place.x * values.width), Math.floor(place.y * values.height)) : "";
      readout.value = "x " + Math.floor(place.x * width) + ", y " + Math.floor(place.y * height)
        + (words ? ": " + words : "");
    }

    // One, two or five times a power of ten, at most a quarter of what is seen.
    function drawScaleBar() {
      const bar = section().querySelector(".scale-bar");
      const micrometers = Number(section().dataset.micrometers);
      if (!bar || !micrometers) return;
      const seen = section().dataset.width * micrometers / panes.zoom;
      const power = 10 ** Math.floor(Math.log10(seen / 4));
      const length = [5, 2, 1].map((digit) => digit * power).find((length) => length <= seen / 4);
      bar.style.width = length / seen * 100 + "%";
      const [unit, size] = length >= 10000 ? ["cm", 10000] : length >= 1000 ? ["mm", 1000]
        : length >= 1 ? ["µm", 1] : ["nm", 0.001];
      bar.textContent = Number((length / size).toPrecision(2)) + " " + unit;
    }

    // MARK: layers

    function draw() {
      const values = loaded.get(section());
      if (!values) return;
      // The slider counts levels, so that its beginning is the threshold to the digit.
      byId("from-value").value = (values.threshold + (from.value - values.first) * values.step).toFixed(1);
      values.draw(section().querySelector("canvas.heat"), palette, Number(from.value), contours.checked);
      showTiles();
    }

    function fade() {
      for (const heat of document.querySelectorAll(".heat")) heat.style.opacity = opacity.value / 100;
    }

    function applyWindow() {
      const width = 2 ** Number(windowing.value);
      byId("window-value").value = width.toFixed(2);
      byId("level-value").value = Number(level.value).toFixed(2);
      for (const part of document.querySelectorAll(".filters feComponentTransfer > *")) {
        part.setAttribute("slope", 1 / width);
        part.setAttribute("intercept", 0.5 - level.value / width);
      }
    }

    function applyColor() { document.body.classList.toggle("in-color", color.checked); }

    function show(layer) {
      for (const part of document.querySelectorAll(".main .layer")) part.hidden = part.dataset.layer !== layer;
      for (const button of controls.querySelectorAll(".layers [data-layer]")) {
        button.setAttribute("aria-pressed", button.dataset.layer === layer);
      }
      const below = { scan: "the scan", expected: "what would be expected", difference: "the difference" }[layer];
      for (const caption of document.querySelectorAll(".caption")) caption.textContent = "Heatmap over " + below;
    }

    // Chosen by hand, which ends the blinking.
    function choose(layer) {
      stopBlinking();
      show(layer);
    }

    function stopBlinking() {
      clearInterval(blinking);
      blinking = 0;
      byId("blink").setAttribute("aria-pressed", false);
    }

    const layer = () => controls.querySelector(".layers [aria-pressed=true][data-layer]").dataset.layer;
    const flip = () => show(layer() === "expected" ? "scan" : "expected");

    // Scan and expectation in turn; for who asks for little motion, once a press.
    function blink() {
      if (calm.matches) { flip(); return; }
      if (blinking) { choose("scan"); return; }
      blinking = setInterval(flip, 600);
      byId("blink").setAttribute("aria-pressed", true);
      flip();
    }

    function hideHeat() {
      if (opacity.value > 0) shownOpacity = opacity.value;
      opacity.value = opacity.value > 0 ? 0 : shownOpacity;
      fade();
    }

    function reset() {
      [opacity.value, windowing.value, level.value, contours.checked, color.checked] = [100, 0, 0.5, true, false];
      applyColor();
      from.value = from.defaultValue;
      choose("scan");
      fade();
      applyWindow();
      draw();
      panes.fit();
    }

    // MARK: scans and regions

    function prepare(section) {
      if (section.querySelector("canvas.heat")) return;
      for (const image of section.querySelectorAll(".frame img")) {
        if (image.complete && image.currentSrc && image.naturalWidth === 0) markMissing(image);
      }
      for (const frame of section.querySelectorAll(".frame")) {
        const cross = document.createElement("span");
        cross.className = "cross";
        cross.hidden = true;
        frame.append(cross);
        panes.listen(frame);
      }
      if (section.dataset.micrometers) {
        const bar = document.createElement("span");
        bar.className = "scale-bar";
        section.querySelector(".main .frame").append(bar);
        for (const ruler of section.querySelectorAll(".main .ruler")) ruler.remove();
      }
      const heat = section.querySelector("img.heat");
      const canvas = document.createElement("canvas");
      canvas.className = "heat";
      canvas.hidden = true;
      heat.after(canvas);
      if (section.dataset.tiles) addTiles(section, canvas);
      for (const row of section.querySelectorAll(".regions tbody tr")) addCrop(section, row);
      loadData(section.dataset.values).then((values) => {
        loaded.set(section, values);
        for (const difference of section.querySelectorAll(".difference")) {
          const mask = document.createElement("canvas");
          mask.className = "mask";
          values.drawMask(mask);
          difference.append(mask);
        }
        canvas.hidden = false;
        heat.hidden = true;
        if (section === sections[current]) draw();
        fade();
      });
    }

    function addTiles(section, canvas) {
      const { tiles, heatTiles, tilePresence, tileWidth, tileHeight, tileLevels } = section.dataset;
      const shape = { width: Number(tileWidth), height: Number(tileHeight), levels: Number(tileLevels) };
      const hosts = ["tiles", "tiles heat"].map((name) => {
        const host = document.createElement("div");
        host.className = name;
        return host;
      });
      section.querySelector(".main .stack").append(hosts[0]);
      canvas.after(hosts[1]);
      loadData(tilePresence).then((presence) => {
        tiled.set(section, [
          new TileLayer(hosts[0], tiles, "jpg", shape, presence, "view-light"),
          new TileLayer(hosts[1], heatTiles, "png", shape, presence, ""),
        ]);
        if (section === sections[current]) showTiles();
      });
    }

    function box(region) {
      const rect = region.querySelector("rect");
      const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(rect.getAttribute(name)));
      const whole = rect.closest(".scan").dataset;
      return {
        x: (x + width / 2) / whole.width, y: (y + height / 2) / whole.height,
        share: Math.max(width / whole.width, height / whole.height),
      };
    }

    // The region with as much around it again, scan and heat.
    function addCrop(section, row) {
      const region = byId(row.querySelector("a").hash.slice(1));
      const { x, y, share } = box(region);
      const zoom = Math.min(64, Math.max(1, 0.5 / share));
      const [left, top] = [x, y].map((middle) => Math.min(1 - 0.5 / zoom, Math.max(0.5 / zoom, middle)));
      const frame = document.createElement("a");
      frame.href = "#" + region.id;
      frame.className = "crop";
      frame.tabIndex = -1;
      frame.setAttribute("aria-hidden", "true");
      const inner = document.createElement("span");
      for (const source of [".base", "img.heat"]) {
        const picture = section.querySelector(source).cloneNode();
        picture.alt = "";
        inner.append(picture);
      }
      inner.style.transform = "translate(" + (0.5 - left * zoom) * 100 + "%," + (0.5 - top * zoom) * 100 + "%) scale(" + zoom + ")";
      frame.append(inner);
      row.cells[0].append(frame);
    }

    function goTo(index, { region = null, isNamed = true } = {}) {
      const next = Math.min(sections.length - 1, Math.max(0, index));
      if (next !== current) {
        current = next;
        sections.forEach((section, i) => { section.hidden = i !== current; });
        prepare(section());
        draw();
        markStrip();
        // The scans beside it are likely next.
        for (const beside of [sections[current - 1], sections[current + 1]]) {
          if (beside) new Image().src = beside.querySelector(".base").src;
        }
      }
      for (const mark of section().querySelectorAll(".marks g")) mark.classList.toggle("chosen", mark === region);
      if (isNamed) history.replaceState(null, "", "#" + (region || section()).id);
      if (region) {
        const { x, y, share } = box(region);
        panes.moveTo({ x, y, zoom: 0.3 / share });
      } else {
        panes.moveTo({});
      }
    }

    function markStrip() {
      for (const link of document.querySelectorAll(".strip li a, .along a")) {
        const isCurrent = link.getAttribute("href") === "#" + section().id;
        if (isCurrent) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
        const list = link.closest("ol");
        const item = link.closest("li");
        if (isCurrent && item) list.scrollLeft = item.offsetLeft - list.offsetLeft - (list.clientWidth - item.clientWidth) / 2;
      }
    }

    function nextRegion() {
      const regions = [...section().querySelectorAll(".marks g")];
      if (regions.length === 0) return;
      const chosen = regions.findIndex((region) => region.classList.contains("chosen"));
      goTo(current, { region: regions[(chosen + 1) % regions.length] });
      revealMain();
    }

    // `true` where the address names something on this page.
    function follow(hash, isNamed = true) {
      const [, scan, region] = /^#(scan-\d+)(-region-\d+)?$/.exec(hash) || [];
      const owner = scan && byId(scan);
      if (!owner || !sections.includes(owner)) return false;
      // An address of before the case was analyzed anew may name a region that is gone.
      const target = region ? byId(scan + region) : null;
      goTo(sections.indexOf(owner), { region: target, isNamed: isNamed || Boolean(region && !target) });
      if (target) revealMain();
      return true;
    }

    function revealMain() {
      mainFrame().scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
    }

    // What was set with the mouse does not keep the keys: arrows leaf on.
    document.addEventListener("click", (event) => {
      const isSetting = "input[type=range], input[type=radio], input[type=checkbox]";
      if (event.detail > 0 && event.target.matches(isSetting)) event.target.blur();
    });

    // A difference to a picture that is not there would look like one.
    const markMissing = (image) => image.closest(".frame")?.classList.add("missing");
    document.addEventListener("error", (event) => {
      if (event.target.matches?.(".frame .stack > img, .frame img.heat")) markMissing(event.target);
    }, true);

    document.addEventListener("click", (event) => {
      const link = event.target.closest("a");
      const hash = link && (link.getAttribute("href") || "");
      if (hash && hash.startsWith("#") && follow(hash)) event.preventDefault();
    });
    addEventListener("hashchange", () => follow(location.hash));

    // MARK: keys and buttons

    const keys = {
      h: hideHeat, b: blink, r: nextRegion, "+": () => panes.zoomBy(1.5), "=": () => panes.zoomBy(1.5),
      "-": () => panes.zoomBy(1 / 1.5), 0: () => panes.fit(), 1: () => choose("scan"), 2: () => choose("expected"), 3: () => choose("difference"),
      k: () => { color.checked = !color.checked; applyColor(); },
      c: () => { contours.checked = !contours.checked; draw(); },
      n: () => byNeighbour("next"), p: () => byNeighbour("previous"),
      arrowleft: () => goTo(current - 1), arrowup: () => goTo(current - 1),
      arrowright: () => goTo(current + 1), arrowdown: () => goTo(current + 1),
      home: () => goTo(0), end: () => goTo(sections.length - 1),
    };
    const pans = { arrowleft: [1, 0], arrowright: [-1, 0], arrowup: [0, 1], arrowdown: [0, -1] };

    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const key = event.key.toLowerCase();
      const isLeafing = key in pans || key === "home" || key === "end";
      // What is typed into a field is text, and arrows move a slider; other keys work while one has the focus.
      const field = event.target.closest("input");
      if (event.repeat && !isLeafing && !"+=-".includes(key)) return;
      if (field && (isLeafing || !["range", "checkbox", "radio"].includes(field.type))) return;
      // With one scan there is nothing to leaf through, and the arrows scroll the page.
      if (event.shiftKey && key in pans) panes.panBy(...pans[key].map((step) => step * 0.15));
      else if (key in keys && !(isLeafing && sections.length < 2)) keys[key]();
      else return;
      event.preventDefault();
    });

    function byNeighbour(direction) {
      const link = document.querySelector(".neighbours ." + direction);
      if (link && link.href) location.href = link.href;
    }

    // The study's page leaves the order of its table behind.
    function linkNeighbours() {
      const { study, model } = document.body.dataset;
      let kept;
      try { kept = JSON.parse(localStorage.getItem("norma-list:" + model + ":" + study)); } catch { return; }
      const { list, hash } = kept || {};
      const back = document.querySelector(".kicker .home");
      const home = back.href.replace(/[^/]*$/, "");
      const here = location.href.replace(/[?#].*$/, "");
      const index = Array.isArray(list) ? list.findIndex((address) => new URL(address, home).href === here) : -1;
      if (index < 0) return;
      // Back to the table as it was filtered.
      if (typeof hash === "string" && hash.startsWith("#")) back.hash = hash;
      for (const [name, step] of [["previous", -1], ["next", 1]]) {
        const link = document.querySelector(".neighbours ." + name);
        const address = list[index + step] && new URL(list[index + step], home).href;
        // Any page opened from a file may have written the list.
        if (address && address.startsWith(home)) link.href = address; else link.remove();
      }
      document.querySelector(".neighbours").hidden = false;
    }

    for (const button of controls.querySelectorAll(".layers [data-layer]")) {
      button.addEventListener("click", () => choose(button.dataset.layer));
    }
    byId("blink").addEventListener("click", blink);
    byId("zoom-in").addEventListener("click", () => panes.zoomBy(1.5));
    byId("zoom-out").addEventListener("click", () => panes.zoomBy(1 / 1.5));
    byId("zoom-fit").addEventListener("click", () => panes.fit());
    byId("reset").addEventListener("click", reset);
    opacity.addEventListener("input", fade);
    for (const input of [from, contours]) input.addEventListener("input", draw);
    color.addEventListener("input", applyColor);
    for (const input of [windowing, level]) input.addEventListener("input", applyWindow);
    addEventListener("resize", () => panes.moveTo({}));

    linkNeighbours();
    controls.querySelector(".tools").hidden = false;
    document.body.classList.add("viewer");
    applyWindow();
    if (!follow(location.hash, false)) {
      const worst = document.querySelector(".strip p a");
      goTo(worst ? sections.findIndex((section) => "#" + section.id === worst.getAttribute("href")) : 0, {
        isNamed: location.hash.length > 1,
      });
    }
  }
}
