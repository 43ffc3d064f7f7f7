"use strict";
/**
 * A stand-in for Max: buffers, tasks and outlets as v8 has them, a patch that plays, a hand-wound clock.
 *
 * Flow: tests, play.js -> Patch -> the bridge's script, joined as in the patch.
 */

const vm = require("node:vm");

const { SPEC, script } = require("./script.js");

const NAMES = ["1bassnet_mix", "1bassnet_x", "1bassnet_y", "1bassnet_bass"];
const CLOCK_MS = 5; // of the patch's snapshot~
const OUTLETS = { osc: 0, listen: 1, state: 2, told: 3, total: 4, ring: 5, models: 6, note: 7 };

/** A constant of the script. */
function constant(name) {
  return vm.runInContext(name, new Patch(new Clock()).context);
}

/** Random numbers of a seed, 0 to 1 (mulberry32). */
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Time that passes when it is told to, in milliseconds. */
class Clock {
  /** At some time. */
  constructor() {
    this.time = 1e12;
    this.calls = new Set();
  }

  /** The time, as Date has it. */
  now() {
    return Math.floor(this.time);
  }

  /** Calls it again and again; returns what ends that. */
  every(ms, call) {
    const entry = { ms, call, due: this.time + ms };
    this.calls.add(entry);
    return () => this.calls.delete(entry);
  }

  /** Nothing runs for so long. */
  stall(ms) {
    this.time += ms;
    this.calls.forEach((entry) => (entry.due = Math.max(entry.due, this.time)));
  }

  /** So much time passes: what is due is called. */
  pass(ms) {
    const until = this.time + ms;
    for (;;) {
      const due = [...this.calls].filter((entry) => entry.due <= until).sort((a, b) => a.due - b.due)[0];
      if (due === undefined) break;
      this.time = due.due;
      due.due += due.ms;
      due.call();
    }
    this.time = until;
  }
}

/** Max's Buffer as the bridge uses it, strict where Max is: whole frames within the buffer, numbers. */
function bufferClass(buffers) {
  return class Buffer {
    /** The buffer~ of this name, whether it is there or not. */
    constructor(name) {
      this.name = name;
    }

    /** Its samples; -1 where there is none. */
    framecount() {
      return buffers.has(this.name) ? buffers.get(this.name).length : -1;
    }

    /** A list, a number where one sample is asked for, or undefined. */
    peek(channel, frame, n) {
      const data = buffers.get(this.name);
      if (data === undefined) return undefined;
      check(channel === 1 && Number.isInteger(frame) && frame >= 0 && frame + n <= data.length, [frame, n]);
      return n === 1 ? data[frame] : Array.from(data.subarray(frame, frame + n));
    }

    /** Writes. */
    poke(channel, frame, values) {
      const data = buffers.get(this.name);
      const fits = Number.isInteger(frame) && frame >= 0 && frame + values.length <= data.length;
      check(channel === 1 && fits && values.every(Number.isFinite), [frame, values.length]);
      data.set(values, frame);
    }

    /** Another size, which clears it. */
    send(message, n) {
      check(message === "sizeinsamps", message);
      buffers.set(this.name, new Float32Array(n));
    }
  };
}

/** Max would take it. */
function check(holds, what) {
  if (!holds) throw new Error(`Max would not take ${JSON.stringify(what)}`);
}

/** One device: the script in a context of its own, its four buffers, and the signals around them. */
class Patch {
  /** Options that are left out are what the patch has. */
  constructor(clock, { seed = 1, names = NAMES, hasBuffers = true, spec = SPEC, rate = 48000 } = {}) {
    this.clock = clock;
    this.rate = rate;
    this.buffers = new Map(hasBuffers ? names.map((name) => [name, new Float32Array(spec.ringFrames)]) : []);
    this.names = names;
    this.frames = spec.ringFrames;
    this.out = Object.values(OUTLETS).map(() => []); // messages of each outlet
    this.onOutlet = () => {};
    this.n = 0; // samples that were played
    this.delay = 0; // as outlet `ring` has it
    this.context = vm.createContext(this.globals(seed));
    vm.runInContext(script(spec), this.context);
    this.bridge = vm.runInContext("bridge", this.context);
  }

  /** What Max puts into the script's context. */
  globals(seed) {
    const { clock } = this;
    const random = Object.assign(Object.create(Math), { random: seeded(seed) });
    const patch = this;
    class Task {
      /** It does not run yet. */
      constructor(call, self) {
        this.call = () => call.call(self);
        this.end = () => {};
      }
      /** Runs every `interval` ms. */
      repeat() {
        this.end();
        this.end = clock.every(this.interval, this.call);
      }
      /** Runs once, later. */
      schedule(ms) {
        this.end();
        this.end = clock.every(ms, () => {
          this.end();
          this.call();
        });
      }
      /** Does not run any more. */
      cancel() {
        this.end();
      }
    }
    return {
      Math: random,
      Date: { now: () => clock.now() },
      Buffer: bufferClass(this.buffers),
      Task,
      jsarguments: ["bassnet_embedded.js", ...this.names],
      outlet: (to, ...words) => patch.outlet(to, words.flat()),
    };
  }

  /** What the script gives out: atoms only. */
  outlet(to, words) {
    check(words.length > 0 && words.every((w) => ["string", "number"].includes(typeof w)), words);
    this.out[to].push(words);
    if (to === OUTLETS.ring) this.delay = this.frames - words[0];
    this.onOutlet(to, words);
  }

  /** A message into the inlet. */
  send(name, ...words) {
    check(typeof this.context[name] === "function", name);
    this.context[name](...words);
  }

  /** What udpreceive gives out, through `prepend osc`. */
  receive(address, ...words) {
    this.context.osc(address, ...words);
  }

  /** The mix, x, y or bass buffer. */
  data(which) {
    return this.buffers.get(this.names[["mix", "x", "y", "bass"].indexOf(which)]);
  }

  /**
   * Plays n samples: mix and z are written at the count, the bass is read the ring's delay before it.
   * @param {function(number): number} mix sample by running number
   * @param {function(number): [number, number]} z
   */
  play(n, mix, z = () => [0, 0]) {
    const heard = new Float32Array(n);
    const [mixes, xs, ys, bass] = ["mix", "x", "y", "bass"].map((which) => this.data(which));
    for (let i = 0; i < n; i++, this.n++) {
      const frame = this.n % this.frames;
      mixes[frame] = mix(this.n);
      [xs[frame], ys[frame]] = z(this.n);
      heard[i] = bass[(frame + this.frames - this.delay) % this.frames];
    }
    return heard;
  }

  /** The count, as snapshot~ tells it. */
  tellClock() {
    this.send("clock", this.n % this.frames);
  }

  /** Plays for so many seconds, time and all; returns what is heard. `each` is called before each clock. */
  run(seconds, mix, { each = () => {}, z } = {}) {
    const step = Math.round((CLOCK_MS * this.rate) / 1000);
    const heard = [];
    for (let left = Math.round(seconds * this.rate); left > 0; left -= step) {
      heard.push(...this.play(step, mix, z));
      this.clock.pass((1000 * step) / this.rate);
      each();
      this.tellClock();
    }
    return heard;
  }

  /** Messages to the server with an address, from the n-th on. */
  said(address, from = 0) {
    return this.out[OUTLETS.osc].slice(from).filter(([word]) => word === address);
  }

  /** The newest message of an outlet, as text without `set`. */
  newest(outlet) {
    const words = this.out[OUTLETS[outlet]].at(-1);
    return words === undefined ? undefined : words.filter((word) => word !== "set").join(" ");
  }
}

module.exports = { CLOCK_MS, Clock, OUTLETS, Patch, SPEC, constant, seeded };
