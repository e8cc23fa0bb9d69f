"use strict";
// Draws each trial's timeline and lists its journal from the JSON beside it. Texts reach the page as text only.
(() => {
  const TICKS = 10000;                       // of time in a second
  const LANE = 22, HEAD_TOP = 22, BARS = 52, STRIP = 17, MOST_LANES = 18, PAGE = 100;
  const MINUTES = [0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1440];
  const style = () => getComputedStyle(document.documentElement);
  const make = (tag, text = "", attributes = {}) => {
    const element = document.createElement(tag);
    if (text !== "") element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const seconds = (ticks) => {
    const value = ticks / TICKS;
    if (value === 0) return "0 s";
    if (value >= 600) return `${(value / 60).toFixed(0)} min`;
    if (value >= 100) return `${value.toFixed(0)} s`;
    if (value >= 1) return `${value.toFixed(value >= 10 ? 1 : 2)} s`;
    return `${(value * 1000).toFixed(value >= 0.01 ? 0 : 1)} ms`;
  };
  const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

  // One canvas, as sharp as the screen.
  function prepare(canvas, width, height) {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(width * ratio));
    canvas.height = Math.max(1, Math.round(height * ratio));
    canvas.style.height = `${height}px`;
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    return pen;
  }

  // The marks differ by shape as well as by colour.
  function mark(pen, kind, x, y, colour, size = 5) {
    pen.fillStyle = pen.strokeStyle = colour;
    pen.lineWidth = 2;
    pen.beginPath();
    switch (kind) {
      case "saved": pen.arc(x, y, size, 0, 7); pen.fill(); break;
      case "partly": pen.arc(x, y, size - 1, 0, 7); pen.stroke(); pen.beginPath(); pen.arc(x, y, size - 1, 1.57, 4.71); pen.fill(); break;
      case "passing": pen.arc(x, y, size - 1, 0, 7); pen.stroke(); break;
      case "refused": { const r = size - 1; pen.moveTo(x - r, y - r); pen.lineTo(x + r, y + r); pen.moveTo(x + r, y - r); pen.lineTo(x - r, y + r); pen.stroke(); break; }
      case "session": pen.rect(x - size + 1.5, y - size + 1.5, 2 * size - 3, 2 * size - 3); pen.stroke(); break;
      case "quota": pen.moveTo(x, y - size); pen.lineTo(x + size, y + size - 1); pen.lineTo(x - size, y + size - 1); pen.closePath(); pen.stroke(); break;
      case "untold": pen.moveTo(x, y - size - 1); pen.lineTo(x + size + 1, y); pen.lineTo(x, y + size + 1); pen.lineTo(x - size - 1, y); pen.closePath(); pen.fill(); break;
      default: pen.moveTo(x, y - size); pen.lineTo(x + size, y); pen.lineTo(x, y + size); pen.lineTo(x - size, y); pen.closePath(); pen.stroke();
    }
  }

  class Trial {
    constructor(root, data) {
      Object.assign(this, { root, data });
      const count = data.number.length;
      this.first = new Array(count + 1).fill(0);                   // where the links of an entry begin
      this.chains = data.inputs.map(() => []);                     // of each input: [entry, kind]
      for (let entry = 0; entry < count; entry += 1) {
        this.first[entry + 1] = this.first[entry] + data.links[entry];
        for (let link = this.first[entry]; link < this.first[entry + 1]; link += 1) this.chains[data.who[link]].push([entry, data.how[link]]);
      }
      this.letters = new Map(data.letters);
      this.span = 1;
      for (let entry = 0; entry < count; entry += 1) this.span = Math.max(this.span, data.at[entry] + data.took[entry]);
      for (const [, , ended] of data.runs) this.span = Math.max(this.span, ended);
      new Timeline(this);
      this.journal = new Journal(this);
    }
    run(entry) {
      const at = this.data.at[entry];
      let found = -1;
      this.data.runs.forEach(([, began], number) => { if (at >= began) found = number; });
      return found;
    }
    rows(entry) { return this.data.rows[entry] ? `${this.data.saved[entry]} of ${this.data.rows[entry]}` : ""; }
  }

  class Timeline {
    constructor(trial) {
      this.trial = trial; this.data = trial.data;
      const find = (query) => trial.root.querySelector(`.timeline-card ${query}`);
      this.box = find(".timeline"); this.head = find("canvas.head"); this.lanes = find(".lanes");
      this.canvas = find(".lanes canvas"); this.room = find(".room"); this.tip = find(".tip"); this.said = find(".said");
      this.picked = -1; this.drag = null;
      this.order("worst"); this.all();
      for (const button of trial.root.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => this.zoom(button.dataset.zoom));
      const order = find("[data-order]");
      order.addEventListener("change", () => { this.order(order.value); this.draw(); });
      this.lanes.addEventListener("scroll", () => this.drawLanes());
      this.lanes.addEventListener("keydown", (event) => this.key(event));
      for (const canvas of [this.head, this.canvas]) {
        canvas.addEventListener("pointermove", (event) => this.hover(event, canvas));
        canvas.addEventListener("pointerleave", () => { this.tip.hidden = true; });
      }
      this.canvas.addEventListener("click", (event) => { const lane = this.laneAt(event); if (lane >= 0) this.pick(lane, true); });
      this.canvas.addEventListener("dblclick", (event) => { const lane = this.laneAt(event); if (lane >= 0) this.fit(this.places[lane]); });
      this.head.addEventListener("pointerdown", (event) => this.grab(event));
      this.head.addEventListener("pointerup", (event) => this.release(event));
      this.head.addEventListener("dblclick", () => this.zoom("all"));
      new ResizeObserver(() => requestAnimationFrame(() => { if (this.box.clientWidth !== this.width) this.draw(); })).observe(this.box);
      this.draw();
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.draw(); legend(trial.root); });
    }
    order(how) {
      const { ends, outcomes, inputs } = this.data, { chains } = this.trial;
      const weight = { lost: 0, duplicated: 1, "dead-lettered": 2, landed: 3, skipped: 4 };
      const places = inputs.map((_, place) => place);
      const begins = (place) => (chains[place].length ? this.data.at[chains[place][0][0]] : Infinity);
      const failed = (place) => chains[place].filter(([, kind]) => kind !== 0).length;
      if (how === "worst") {
        places.sort((a, b) => weight[outcomes[ends[a]]] - weight[outcomes[ends[b]]] || failed(b) - failed(a) || chains[b].length - chains[a].length || a - b);
      }
      if (how === "first") places.sort((a, b) => (begins(a) === begins(b) ? a - b : begins(a) - begins(b)));
      this.places = places;
    }
    all() { this.from = 0; this.to = this.trial.span; }
    look(from, to) {
      const least = Math.max(10, this.trial.span / 20000), wide = Math.min(this.trial.span, Math.max(least, to - from));
      this.from = Math.min(Math.max(0, from), this.trial.span - wide);
      this.to = this.from + wide;
      this.draw();
      this.said.textContent = wide >= this.trial.span ? "" : `Showing ${seconds(this.from)} to ${seconds(this.to)} of ${seconds(this.trial.span)}.`;
    }
    zoom(how) {
      const wide = this.to - this.from, middle = this.from + wide / 2;
      if (how === "in") this.look(middle - wide / 4, middle + wide / 4);
      if (how === "out") this.look(middle - wide, middle + wide);
      if (how === "left") this.look(this.from - wide / 3, this.from - wide / 3 + wide);
      if (how === "right") this.look(this.from + wide / 3, this.from + wide / 3 + wide);
      if (how === "all") this.look(0, this.trial.span);
    }
    key(event) {
      const moves = { ArrowLeft: "left", ArrowRight: "right", "+": "in", "=": "in", "-": "out", 0: "all" };
      const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (moves[event.key]) this.zoom(moves[event.key]);
      else if (event.key in steps) this.pick(Math.min(this.places.length - 1, Math.max(0, this.picked + steps[event.key])), false);
      else if (event.key === "f" && this.picked >= 0) this.fit(this.places[this.picked]);
      else if (event.key === "Home") this.pick(0, false);
      else if (event.key === "End") this.pick(this.places.length - 1, false);
      else if (event.key === "Enter" && this.picked >= 0) this.trial.journal.only({ input: this.data.inputs[this.places[this.picked]] }, true);
      else return;
      event.preventDefault();
    }
    pick(lane, filter) {
      if (lane < 0 || lane >= this.places.length) return;
      this.picked = lane;
      const top = lane * LANE, box = this.lanes;
      if (top < box.scrollTop) box.scrollTop = top;
      if (top + LANE > box.scrollTop + box.clientHeight) box.scrollTop = top + LANE - box.clientHeight;
      this.drawLanes();
      this.said.textContent = this.tell(this.places[lane]);
      if (filter) this.trial.journal.only({ input: this.data.inputs[this.places[lane]] }, false);
    }
    fit(place) {
      const chain = this.trial.chains[place], { at, took } = this.data;
      if (!chain.length) return;
      const from = at[chain[0][0]], to = Math.max(...chain.map(([entry]) => at[entry] + took[entry])), room = Math.max(100, (to - from) * 0.1);
      this.look(from - room, to + room);
    }
    tell(place) {
      const { inputs, ends, endings, says, at } = this.data, chain = this.trial.chains[place];
      const sent = chain.slice(0, 8).map(([entry, kind]) => `${seconds(at[entry])} ${says[kind]} (#${this.data.number[entry]})`);
      const more = chain.length > 8 ? `; and ${chain.length - 8} more` : "";
      return `${inputs[place]}: ${endings[ends[place]]}; ${chain.length ? counted(chain.length, "attempt") : "seen in no request"}${sent.length ? ": " : ""}${sent.join("; ")}${more}.`;
    }

    // -- drawing

    draw() {
      this.width = this.box.clientWidth;
      if (!this.width) return;
      this.left = Math.min(168, Math.max(84, this.width * 0.2));
      this.right = this.width > 620 ? 124 : 10;
      const css = style();
      this.colour = (name) => css.getPropertyValue(`--${name}`).trim();
      this.colours = this.data.kinds.map((kind) => this.colour(kind));
      this.font = getComputedStyle(document.body).fontFamily;
      this.drawHead();
      const high = Math.min(this.places.length, MOST_LANES) * LANE;
      this.lanes.style.height = `${high}px`;
      this.room.style.height = `${Math.max(0, this.places.length * LANE - high)}px`;
      this.drawLanes();
    }
    x(ticks) { return this.left + (ticks - this.from) / (this.to - this.from) * (this.width - this.left - this.right); }
    ticks(x) { return this.from + (x - this.left) / (this.width - this.left - this.right) * (this.to - this.from); }
    cut(pen, text, width) {
      if (pen.measureText(text).width <= width) return text;
      let size = text.length;
      while (size > 1 && pen.measureText(`${text.slice(0, size)}…`).width > width) size -= 1;
      return `${text.slice(0, size)}…`;
    }
    grid(pen, top, high, labels) {
      const wide = this.to - this.from, room = Math.max(1, (this.width - this.left - this.right) / 84);
      let step = 10 ** Math.floor(Math.log10(wide / room));
      while (wide / step > room) step *= wide / step / room > 2.5 ? 5 : 2;
      if (step >= 10 * TICKS) step = (MINUTES.find((minutes) => wide / (minutes * 60 * TICKS) <= room) || Math.ceil(wide / room / 3600 / TICKS) * 60) * 60 * TICKS;
      pen.strokeStyle = this.colour("line"); pen.lineWidth = 1;
      pen.fillStyle = this.colour("soft"); pen.font = `11px ${this.font}`; pen.textAlign = "center"; pen.textBaseline = "middle";
      for (let at = Math.ceil(this.from / step) * step; at <= this.to; at += step) {
        const x = Math.round(this.x(at)) + 0.5;
        pen.beginPath(); pen.moveTo(x, top); pen.lineTo(x, top + high); pen.stroke();
        if (labels) pen.fillText(at === 0 ? "0" : this.tick(at, step), Math.min(x, this.width - 22), top - 9);
      }
    }
    tick(at, step) {
      if (step >= 60 * TICKS) return `${(at / TICKS / 60).toFixed(0)} min`;
      const digits = Math.max(0, -Math.floor(Math.log10(step / TICKS) + 1e-9));
      return this.to < TICKS ? `${(at / TICKS * 1000).toFixed(Math.max(0, digits - 3))} ms` : `${(at / TICKS).toFixed(digits)} s`;
    }
    bands(pen, top, high) {
      this.data.runs.forEach(([, began, ended], number) => {
        const x = this.x(began), wide = Math.max(2, this.x(ended) - x);
        if (x > this.width - this.right || x + wide < this.left) return;
        pen.fillStyle = this.colour("band");
        if (number % 2 === 0) pen.fillRect(Math.max(this.left, x), top, Math.min(this.width - this.right, x + wide) - Math.max(this.left, x), high);
        pen.strokeStyle = this.colour("link"); pen.lineWidth = 1; pen.setLineDash([3, 3]);
        pen.beginPath(); pen.moveTo(Math.round(x) + 0.5, top); pen.lineTo(Math.round(x) + 0.5, top + high); pen.stroke(); pen.setLineDash([]);
      });
    }
    strips() {
      const { faults, struck, at, commits, letters } = this.data, found = [];
      faults.slice(0, 6).forEach((name, number) => found.push({
        label: `fault ${name}`, colour: "violated", shape: "bolt", times: at.filter((_, entry) => struck[entry].includes(number)),
      }));
      if (faults.length > 6) found.push({ label: `${faults.length - 6} more faults`, colour: "violated", shape: "bolt", times: at.filter((_, entry) => struck[entry].some((number) => number >= 6)) });
      found.push({ label: "commits", colour: "saved", shape: "bar", times: at.map((time, entry) => (commits[entry] ? time + this.data.took[entry] : -1)).filter((time) => time >= 0) });
      found.push({ label: "dead letters", colour: "dead-lettered", shape: "cross", times: letters.map(([, time]) => time) });
      return found;
    }
    drawHead() {
      const strips = this.strips(), named = this.data.runs.length ? 16 : 0;
      const high = HEAD_TOP + named + BARS + 8 + strips.length * STRIP + 6, pen = prepare(this.head, this.width, high);
      this.grid(pen, HEAD_TOP, high - HEAD_TOP, true);
      this.bands(pen, HEAD_TOP, high - HEAD_TOP);
      pen.font = `11px ${this.font}`; pen.textBaseline = "middle";
      let end = -1;
      this.data.runs.forEach(([name, began, ended]) => {
        const x = Math.max(this.left, this.x(began)) + 4;
        if (this.x(ended) < this.left || x > this.width - this.right || x < end) return;
        pen.textAlign = "left"; pen.fillStyle = this.colour("link"); pen.fillText(name, x, HEAD_TOP + 8);
        end = x + pen.measureText(name).width + 6;
      });
      this.bars(pen, HEAD_TOP + named);
      strips.forEach((strip, number) => {
        const y = HEAD_TOP + named + BARS + 8 + number * STRIP + STRIP / 2;
        pen.textAlign = "left"; pen.fillStyle = this.colour("soft"); pen.font = `11.5px ${this.font}`;
        pen.fillText(this.cut(pen, strip.label, this.left - 10), 0, y);
        if (this.right > 60) { pen.fillText(String(strip.times.length), this.width - this.right + 10, y); }
        this.ticksOf(pen, strip, y);
      });
    }
    ticksOf(pen, strip, y) {
      // Marks while there is room for them; then a bar a pixel, the darker the more fall on it.
      const found = new Map();
      for (const time of strip.times) {
        if (time < this.from || time > this.to) continue;
        const x = Math.round(this.x(time));
        found.set(x, (found.get(x) || 0) + 1);
      }
      const most = Math.max(1, ...found.values()), crowded = found.size * 9 > this.width - this.left - this.right;
      pen.strokeStyle = this.colour(strip.colour); pen.lineWidth = 1.5;
      for (const [x, count] of found) {
        pen.beginPath();
        if (crowded || strip.shape === "bar") { pen.globalAlpha = crowded ? 0.35 + 0.65 * count / most : 1; pen.moveTo(x, y - 4.5); pen.lineTo(x, y + 4.5); }
        else if (strip.shape === "bolt") { pen.moveTo(x + 1, y - 5); pen.lineTo(x - 2, y + 0.5); pen.lineTo(x + 2, y - 0.5); pen.lineTo(x - 1, y + 5); }
        else { pen.moveTo(x - 3.5, y - 3.5); pen.lineTo(x + 3.5, y + 3.5); pen.moveTo(x + 3.5, y - 3.5); pen.lineTo(x - 3.5, y + 3.5); }
        pen.stroke();
      }
      pen.globalAlpha = 1;
    }
    bars(pen, top) {
      const room = this.width - this.left - this.right, size = 5, count = Math.max(1, Math.floor(room / size));
      const bins = Array.from({ length: count }, () => new Array(this.data.kinds.length).fill(0));
      let most = 1;
      this.data.at.forEach((at, entry) => {
        if (at < this.from || at > this.to) return;
        const bin = bins[Math.min(count - 1, Math.floor((at - this.from) / (this.to - this.from) * count))];
        bin[this.data.kind[entry]] += 1;
        most = Math.max(most, bin.reduce((sum, value) => sum + value, 0));
      });
      pen.textAlign = "left"; pen.fillStyle = this.colour("soft"); pen.font = `11.5px ${this.font}`;
      pen.fillText("requests", 0, top + BARS / 2);
      if (this.right > 60) pen.fillText(`at most ${most}`, this.width - this.right + 10, top + BARS / 2);
      bins.forEach((bin, number) => {
        let y = top + BARS;
        bin.forEach((value, kind) => {
          if (!value) return;
          const high = Math.max(1.5, value / most * (BARS - 6));
          pen.fillStyle = this.colours[kind];
          pen.fillRect(this.left + number * size, y - high, size - 1, high);
          y -= high;
        });
      });
      pen.strokeStyle = this.colour("line"); pen.lineWidth = 1;
      pen.beginPath(); pen.moveTo(this.left, top + BARS + 0.5); pen.lineTo(this.width - this.right, top + BARS + 0.5); pen.stroke();
    }
    drawLanes() {
      if (!this.width) return;
      const high = this.lanes.clientHeight, wide = this.lanes.clientWidth, pen = prepare(this.canvas, wide, high), top = this.lanes.scrollTop;
      this.canvas.style.width = `${wide}px`;
      this.grid(pen, 0, high, false);
      this.bands(pen, 0, high);
      const firstLane = Math.floor(top / LANE), last = Math.min(this.places.length, Math.ceil((top + high) / LANE));
      for (let lane = firstLane; lane < last; lane += 1) this.drawLane(pen, lane, lane * LANE - top);
    }
    drawLane(pen, lane, y) {
      const place = this.places[lane], { at, took, kinds, inputs, ends, outcomes } = this.data, chain = this.trial.chains[place];
      const middle = y + LANE / 2, outcome = outcomes[ends[place]], edge = this.width - this.right;
      if (lane === this.picked) { pen.fillStyle = this.colour("raised"); pen.fillRect(0, y, this.width, LANE); }
      pen.textBaseline = "middle"; pen.textAlign = "left"; pen.font = `12px ${this.font}`; pen.fillStyle = this.colour("ink");
      pen.fillText(this.cut(pen, inputs[place], this.left - 14), 0, middle);
      if (this.right > 60) {
        pen.fillStyle = this.colour(outcome); pen.fillRect(edge + 10, middle - 4, 8, 8);
        pen.fillStyle = this.colour("soft"); pen.fillText(this.cut(pen, this.data.endings[ends[place]], this.right - 24), edge + 23, middle);
      }
      pen.save();
      pen.beginPath(); pen.rect(this.left - 7, y, edge - this.left + 14, LANE); pen.clip();
      for (let number = 1; number < chain.length; number += 1) {
        const [before, after] = [chain[number - 1][0], chain[number][0]];
        if (this.trial.run(before) === this.trial.run(after)) this.wait(pen, before, after, middle);
      }
      const letter = this.trial.letters.get(place);
      let last = -100;
      for (const [entry, kind] of chain) {
        const x = this.x(at[entry]), end = this.x(at[entry] + took[entry]);
        if (end < this.left - 10 || x > edge + 10) continue;
        if (end - x > 3) { pen.fillStyle = this.colours[kind]; pen.globalAlpha = 0.35; pen.fillRect(x, middle - 3, end - x, 6); pen.globalAlpha = 1; }
        if (x - last > 0.5) mark(pen, kinds[kind], x, middle, this.colours[kind]);
        last = x;
      }
      if (letter !== undefined) {
        const x = Math.max(this.x(letter), last + 11);
        pen.strokeStyle = this.colour("dead-lettered"); pen.lineWidth = 1.5; pen.strokeRect(x - 5.5, middle - 4.5, 11, 9);
        pen.beginPath(); pen.moveTo(x - 5.5, middle - 4.5); pen.lineTo(x, middle + 0.5); pen.lineTo(x + 5.5, middle - 4.5); pen.stroke();
      }
      pen.restore();
    }
    wait(pen, before, after, middle) {
      const { at, took } = this.data, began = at[before] + took[before], x1 = Math.max(this.left, this.x(began)), x2 = Math.min(this.width - this.right, this.x(at[after]));
      if (x2 - x1 < 1) return;
      pen.strokeStyle = this.colour("way"); pen.lineWidth = 1; pen.setLineDash([2, 2]);
      pen.beginPath(); pen.moveTo(x1, middle + 0.5); pen.lineTo(x2, middle + 0.5); pen.stroke(); pen.setLineDash([]);
      const text = seconds(at[after] - began);
      pen.font = `10.5px ${this.font}`;
      const wide = pen.measureText(text).width;
      if (x2 - x1 > wide + 22) {
        pen.textAlign = "center"; pen.clearRect((x1 + x2) / 2 - wide / 2 - 3, middle - 5, wide + 6, 10);
        pen.fillStyle = this.colour("soft"); pen.fillText(text, (x1 + x2) / 2, middle + 0.5);
      }
    }

    // -- pointing

    laneAt(event) {
      const lane = Math.floor((event.offsetY + this.lanes.scrollTop) / LANE);
      return lane < this.places.length ? lane : -1;
    }
    hover(event, canvas) {
      if (this.drag !== null && canvas === this.head) { this.drawHead(); this.shade(event.offsetX); return; }
      const text = canvas === this.canvas ? this.about(event) : this.around(event);
      this.tip.hidden = !text;
      if (!text) return;
      this.tip.textContent = text;
      const box = this.box.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
      this.tip.style.left = `${Math.max(0, Math.min(x + 14, this.width - this.tip.offsetWidth - 4))}px`;
      this.tip.style.top = `${y + 18}px`;
    }
    about(event) {
      const lane = this.laneAt(event);
      if (lane < 0) return "";
      const place = this.places[lane], { at, took, number, says, ops, op, answers, answer, faults, struck, inputs, endings, ends } = this.data;
      let best = -1, far = 9, kindOf = 0;
      for (const [entry, kind] of this.trial.chains[place]) {
        const x1 = this.x(at[entry]), x2 = this.x(at[entry] + took[entry]);
        const away = event.offsetX < x1 ? x1 - event.offsetX : Math.max(0, event.offsetX - x2);
        if (away < far) { far = away; best = entry; kindOf = kind; }
      }
      if (best < 0) return event.offsetX < this.left ? `${inputs[place]}\n${endings[ends[place]]}, ${counted(this.trial.chains[place].length, "attempt")}` : "";
      const by = struck[best].length ? `\nfault ${struck[best].map((fault) => faults[fault]).join(", ")}` : "";
      return `${inputs[place]} in #${number[best]} ${ops[op[best]]}\nat ${seconds(at[best])}, took ${seconds(took[best])}\n${says[kindOf]}\n${answers[answer[best]]}${by}`;
    }
    around(event) {
      if (event.offsetX < this.left || event.offsetX > this.width - this.right) return "";
      const half = (this.to - this.from) / Math.max(1, this.width - this.left - this.right) * 3, time = this.ticks(event.offsetX);
      const near = this.data.at.filter((at) => Math.abs(at - time) <= half).length;
      return `${seconds(time)}${near ? `\n${counted(near, "request")} here` : ""}`;
    }
    grab(event) { if (event.button === 0 && event.pointerType !== "touch") { this.drag = event.offsetX; this.head.setPointerCapture(event.pointerId); this.tip.hidden = true; } }
    shade(x) {
      const pen = this.head.getContext("2d");
      pen.fillStyle = this.colour("link"); pen.globalAlpha = 0.18;
      pen.fillRect(Math.min(x, this.drag), HEAD_TOP, Math.abs(x - this.drag), this.head.clientHeight); pen.globalAlpha = 1;
    }
    release(event) {
      if (this.drag === null) return;
      const [from, to] = [this.ticks(Math.min(this.drag, event.offsetX)), this.ticks(Math.max(this.drag, event.offsetX))], far = Math.abs(event.offsetX - this.drag);
      this.drag = null;
      if (far > 6) this.look(from, to); else this.drawHead();
    }
  }

  class Journal {
    constructor(trial) {
      this.trial = trial; this.data = trial.data; this.limit = PAGE;
      const find = (query) => trial.root.querySelector(query);
      this.form = find("[data-filter]"); this.body = find(".journal-table tbody"); this.count = find("[data-count]"); this.more = find("[data-more]");
      this.box = find(".journal-table");
      this.options("op", this.data.ops); this.options("kind", this.data.says, new Set(this.data.kind));
      this.options("fault", this.data.faults); this.options("run", this.data.runs.map(([name]) => name));
      this.form.addEventListener("input", () => this.filter());
      this.form.addEventListener("reset", () => setTimeout(() => this.filter()));
      this.form.addEventListener("submit", (event) => event.preventDefault());
      this.more.addEventListener("click", () => { this.limit += 5 * PAGE; this.list(); });
      this.filter();
    }
    options(name, texts, used = null) {
      const select = this.form.elements[name];
      texts.forEach((text, number) => { if (!used || used.has(number)) select.append(make("option", text, { value: number })); });
      if (select.options.length < 2) this.form.querySelector(`[data-of="${name}"]`).hidden = true;
    }
    only(values, go) {
      this.form.reset();
      for (const [name, value] of Object.entries(values)) this.form.elements[name].value = value;
      this.filter();
      if (go) { this.form.scrollIntoView({ block: "start" }); this.box.focus({ preventScroll: true }); }
    }
    filter() {
      const { text, input, op, kind, fault, run } = Object.fromEntries(new FormData(this.form)), data = this.data;
      const wanted = text.trim().toLowerCase(), exact = /^#\d+$/.test(wanted) ? Number(wanted.slice(1)) : null;
      const name = input.trim().toLowerCase();
      // A whole name means that input alone: K1 is not K12.
      const whole = data.inputs.findIndex((given) => given.toLowerCase() === name);
      const places = name ? new Set(whole >= 0 ? [whole] : data.inputs.flatMap((given, place) => (given.toLowerCase().includes(name) ? [place] : []))) : null;
      const said = (entry) => [data.ops[data.op[entry]], data.answers[data.answer[entry]], data.paths[data.path[entry]], data.says[data.kind[entry]], ...data.struck[entry].map((rule) => data.faults[rule]), `#${data.number[entry]}`].join(" ").toLowerCase();
      this.shown = [];
      for (let entry = 0; entry < data.number.length; entry += 1) {
        if (exact !== null && data.number[entry] !== exact) continue;
        if (op !== "" && data.op[entry] !== Number(op)) continue;
        if (kind !== "" && data.kind[entry] !== Number(kind)) continue;
        if (fault !== "" && !data.struck[entry].includes(Number(fault))) continue;
        if (run !== "" && this.trial.run(entry) !== Number(run)) continue;
        if (places && !this.links(entry).some(([place]) => places.has(place))) continue;
        if (exact === null && wanted && !said(entry).includes(wanted) && !this.links(entry).some(([place]) => data.inputs[place].toLowerCase().includes(wanted))) continue;
        this.shown.push(entry);
      }
      this.limit = PAGE;
      this.list();
    }
    links(entry) {
      const links = [];
      for (let link = this.trial.first[entry]; link < this.trial.first[entry + 1]; link += 1) links.push([this.data.who[link], this.data.how[link]]);
      return links;
    }
    list() {
      const entries = this.shown.slice(0, this.limit), total = this.data.number.length + this.data.left;
      this.body.replaceChildren(...entries.map((entry) => this.row(entry)));
      this.count.textContent = this.shown.length === total ? counted(total, "request") : `${this.shown.length} of ${counted(total, "request")}`;
      this.more.hidden = this.shown.length <= this.limit;
      this.more.textContent = `Show more (${this.shown.length - entries.length} left)`;
    }
    row(entry) {
      const { number, at, took, ops, op, answers, answer, kinds, kind, faults, struck, paths, path } = this.data;
      const row = make("tr"), links = this.links(entry);
      row.append(make("td", String(number[entry]), { class: "number" }), make("td", seconds(at[entry]), { class: "number" }), make("td", seconds(took[entry]), { class: "number" }));
      row.append(make("td", ops[op[entry]], { class: "text", title: paths[path[entry]] }));
      const told = make("td", "", { class: "text" });
      told.append(make("span", "", { class: "dot", style: `background:var(--${kinds[kind[entry]]})`, "aria-hidden": "true" }), answers[answer[entry]]);
      const who = make("td", "", { class: "who" });
      if (links.length <= 2) who.textContent = links.map(([place]) => this.data.inputs[place]).join(", ");
      else {
        const button = make("button", `${this.data.inputs[links[0][0]]} and ${links.length - 1} more`, { type: "button", "aria-expanded": "false" });
        button.addEventListener("click", () => this.unfold(row, button, links));
        who.append(button);
      }
      row.append(told, make("td", this.trial.rows(entry), { class: "number" }), who, make("td", struck[entry].map((rule) => faults[rule]).join(", ")));
      return row;
    }
    unfold(row, button, links) {
      const open = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!open));
      if (open) { row.nextSibling.remove(); return; }
      const cell = make("td", "", { colspan: 8 }), list = make("ul");
      for (const [place, kind] of links) list.append(make("li", `${this.data.inputs[place]}: ${this.data.says[kind]}`));
      cell.append(list);
      const more = make("tr", "", { class: "more" });
      more.append(cell);
      row.after(more);
    }
  }

  function legend(root) {
    const css = style();
    for (const canvas of root.querySelectorAll("canvas[data-mark]")) {
      const pen = canvas.getContext("2d");
      pen.setTransform(2, 0, 0, 2, 0, 0);
      pen.clearRect(0, 0, 16, 16);
      mark(pen, canvas.dataset.mark, 8, 8, css.getPropertyValue(`--${canvas.dataset.mark}`).trim());
    }
  }

  const trials = new Map();
  function open(root) {
    const number = root.dataset.trial, data = document.getElementById(`data-${number}`);
    if (!data || trials.has(number)) return trials.get(number);
    trials.set(number, null);
    legend(root);
    trials.set(number, new Trial(root, JSON.parse(data.textContent)));
    return trials.get(number);
  }

  document.addEventListener("click", (event) => {
    const entry = event.target.closest("[data-entry]"), copy = event.target.closest("[data-copy]"), tile = event.target.closest("a[href^='#']");
    if (entry) open(entry.closest(".trial")).journal.only({ text: `#${entry.dataset.entry}` }, true);
    if (copy && navigator.clipboard) navigator.clipboard.writeText(copy.previousElementSibling.textContent).then(() => { copy.textContent = "Copied"; });
    if (tile) { const target = document.getElementById(tile.getAttribute("href").slice(1)), folded = target && target.closest("details"); if (folded) folded.open = true; }
  });
  // A trial's picture is drawn when it comes near, so that a page of many opens at once.
  const near = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) if (isIntersecting) { near.unobserve(target); open(target); }
  }, { rootMargin: "600px" });
  const roots = [...document.querySelectorAll("[data-trial]")];
  for (const root of roots) {
    if (root.tagName === "DETAILS") root.addEventListener("toggle", () => { if (root.open) open(root); });
    else near.observe(root);
  }
  addEventListener("beforeprint", () => roots.forEach(open));
  if (roots.length && roots[0].tagName !== "DETAILS") open(roots[0]);
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
})();
