"use strict";
/**
 * A stand-in for Max: its buffers, its tasks and outlets, a patch that plays, and a server, all on one hand-wound clock.
 *
 * Flow: tests -> Patch (runs the bridge's script as v8 would) <-> Network <-> Server.
 */

const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const FOLDER = path.join(__dirname, "..", "..", "max_patch", "bridge");
const FILES = ["ring.js", "blocks.js", "session.js", "bridge.js", "bassnet.js"]; // in the order in which they are joined
const SPEC = {
  host: "127.0.0.1",
  port: 7770,
  seqModulo: 16777216,
  helloBytes: 256,
  latencyTargetMs: 60,
  ringFrames: 131072,
  ringMs: 70,
  usualRate: 48000,
  blockSize: 240,
  wideBlockSize: 480,
  params: ["gain", "timbre", "octave", "tuning", "gate"],
  client: "live",
};
const NAMES = ["1bassnet_mix", "1bassnet_x", "1bassnet_y", "1bassnet_bass"];
const CLOCK_MS = 5; // of the patch's snapshot~
const OUTLETS = { osc: 0, listen: 1, state: 2, told: 3, total: 4, ring: 5, models: 6, note: 7 };

/** The text that the patch holds, the generator's constants before it. */
function script(spec = SPEC) {
  const text = FILES.map((name) => fs.readFileSync(path.join(FOLDER, name), "utf8")).join("\n");
  return `const SPEC = ${JSON.stringify(spec)};\n${text}`;
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
  constructor() {
    this.time = 1e12;
    this.calls = new Set();
  }

  now() {
    return Math.floor(this.time);
  }

  /** Calls it again and again; returns what ends that. */
  every(ms, call) {
    const entry = { ms, call, due: this.time + ms };
    this.calls.add(entry);
    return () => this.calls.delete(entry);
  }

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

/** Max's Buffer as the bridge uses it, strict where Max is: whole frames within the buffer, arrays of numbers. */
function bufferClass(buffers) {
  return class Buffer {
    constructor(name) {
      this.name = name;
    }

    framecount() {
      return buffers.has(this.name) ? buffers.get(this.name).length : -1;
    }

    peek(channel, frame, n) {
      const data = buffers.get(this.name);
      if (data === undefined) return undefined;
      check(channel === 1 && Number.isInteger(frame) && frame >= 0 && frame + n <= data.length, [frame, n]);
      return n === 1 ? data[frame] : Array.from(data.subarray(frame, frame + n));
    }

    poke(channel, frame, values) {
      const data = buffers.get(this.name);
      const fits = Number.isInteger(frame) && frame >= 0 && frame + values.length <= data.length;
      check(channel === 1 && fits && values.every(Number.isFinite), [frame, values.length]);
      data.set(values, frame);
    }

    send(message, n) {
      check(message === "sizeinsamps", message);
      buffers.set(this.name, new Float32Array(n));
    }
  };
}

function check(holds, what) {
  if (!holds) throw new Error(`Max would not take ${JSON.stringify(what)}`);
}

/** One device: the script in a context of its own, its four buffers, and the signals around them. */
class Patch {
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

  globals(seed) {
    const { clock } = this;
    const random = Object.assign(Object.create(Math), { random: seeded(seed) });
    const patch = this;
    class Task {
      constructor(call, self) {
        this.call = () => call.call(self);
        this.end = () => {};
      }
      repeat() {
        this.end();
        this.end = clock.every(this.interval, this.call);
      }
      cancel() {
        this.end();
      }
    }
    return {
      Math: random,
      Date: { now: () => clock.now() },
      Buffer: bufferClass(this.buffers),
      Task,
      jsarguments: ["bassnet.js", ...this.names],
      outlet: (to, ...words) => patch.outlet(to, words.flat()),
    };
  }

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

  /** What udpreceive gives out. */
  receive(address, ...words) {
    this.context.messagename = address;
    this.context.anything(...words);
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

/** A server as the bridge sees it: sessions by their source, reply ports that nobody else gets, answers to blocks. */
class Server {
  constructor(clock, send) {
    this.clock = clock;
    this.send = send; // (port, address, ...words)
    this.sessions = new Map();
    this.heard = []; // [source, words]
    this.state = "ready";
    this.models = ["groove-live", "a1-live"];
    this.knowsModels = true;
    this.answer = (samples) => samples.map((sample) => -0.5 * sample);
    this.deliver = (port, words) => this.send(port, ...words); // of answers to blocks
    this.nTokens = 1000;
  }

  receive(source, words) {
    const [address, ...args] = words;
    this.heard.push([source, words]);
    if (address === "/bassnet/hello") {
      this.hello(source, args);
      return;
    }
    const session = this.sessions.get(source);
    if (session === undefined) return; // no_session goes to the source, which cannot receive
    session.seen = this.clock.now();
    if (address === "/bassnet/ping") {
      session.isProven = session.isProven || args[0] === session.token;
      this.send(session.port, "/bassnet/pong", args[0]);
    } else if (address === "/bassnet/audio/in") {
      this.deliver(session.port, ["/bassnet/audio/out", args[0], ...this.answer(args.slice(1), args[0])]);
    } else if (address === "/bassnet/models") {
      this.send(session.port, ...this.modelsAnswer());
    } else if (address === "/bassnet/model" && !this.models.includes(args[0])) {
      this.send(session.port, "/bassnet/error", "model", `model must be one of ${this.models}; got '${args[0]}'`);
    } else if (address === "/bassnet/bye") {
      this.sessions.delete(source);
    }
  }

  modelsAnswer() {
    return this.knowsModels
      ? ["/bassnet/models", ...this.models]
      : ["/bassnet/error", "address", "no address '/bassnet/models': see the table in the README"];
  }

  hello(source, [client, port, rate, block]) {
    if (this.state === "loading") {
      this.send(port, "/bassnet/status", "loading", "the model warms up");
      return;
    }
    for (const [other, session] of this.sessions) {
      if (other === source || session.port !== port) continue;
      if (session.isProven && this.clock.now() - session.seen < 1500) {
        const text = `reply_port must be free; ${port} is ${session.client}'s: take another one; got ${port}`;
        this.send(port, "/bassnet/error", "hello", text);
        return;
      }
      this.sessions.delete(other);
    }
    const known = this.sessions.get(source);
    const token = known && known.port === port ? known.token : this.nTokens++;
    const isProven = known !== undefined && known.token === token && known.isProven;
    this.sessions.set(source, { token, port, rate, block, client, isProven, seen: this.clock.now() });
    this.send(port, "/bassnet/welcome", 1, token, Math.round(0.06 * rate), this.models[0], "0.1.0");
  }

  /** As real ones do each second. */
  tellState(reason = "") {
    this.sessions.forEach(({ port }) => this.send(port, "/bassnet/status", this.state, reason));
  }
}

/** Bridges and a server; of two udpreceive at one port the first gets all, unless ports are shared. */
class Network {
  constructor(clock = new Clock()) {
    this.clock = clock;
    this.patches = [];
    this.isUp = true;
    this.isShared = false;
    this.taken = new Set(); // ports of other programs
    this.restart();
  }

  /** A server that knows nobody. */
  restart() {
    this.server = new Server(this.clock, (port, ...words) => this.toBridges(port, words));
  }

  add(options) {
    const patch = new Patch(this.clock, options);
    patch.onOutlet = (to, words) => {
      if (to === OUTLETS.listen) {
        patch.port = words[1];
      } else if (to === OUTLETS.osc && words[0].startsWith("/") && this.isUp) {
        this.server.receive(patch, words);
      }
    };
    this.patches.push(patch);
    return patch;
  }

  toBridges(port, words) {
    if (this.taken.has(port) || !this.isUp) return;
    const there = this.patches.filter((patch) => patch.port === port);
    (this.isShared ? there : there.slice(0, 1)).forEach((patch) => patch.receive(...words));
  }

  /** A bridge with a session, at a rate. */
  started(options = {}) {
    const patch = this.add(options);
    patch.send("rate", options.rate || 48000);
    patch.send("dsp", 1);
    patch.send("start");
    return patch;
  }
}

/** Music to measure with: three sines, never 0 for long, full scale 0.7. */
function music(n) {
  return Math.fround(0.4 * Math.sin(0.0131 * n) + 0.2 * Math.sin(0.0533 * n + 1) + 0.1 * Math.sin(0.211 * n));
}

module.exports = { CLOCK_MS, Clock, Network, OUTLETS, Patch, SPEC, music, script, seeded };
