"use strict";
/**
 * Bridges and a server without sockets, on one hand-wound clock.
 *
 * Flow: tests -> Network -> Patch <-> Server. Messages arrive at once, unless a test holds them back.
 */

const { Clock, OUTLETS, Patch } = require("./max_stand_in.js");

/** A server as the bridge sees it: sessions by their source, ports that nobody else gets, answers. */
class Server {
  /** Nobody is known. */
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

  /** A datagram of a source. */
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
    } else if (address === "/bassnet/model" && args[0] === "studio") {
      this.send(session.port, "/bassnet/model", "studio");
      session.latency = Math.round(1.8 * session.rate);
      this.send(session.port, "/bassnet/latency", session.latency, "window_ms", 1800);
    } else if (address === "/bassnet/model" && !this.models.includes(args[0])) {
      const text = `model must be one of ${this.models}; got '${args[0]}'`;
      this.send(session.port, "/bassnet/error", "model", text);
    } else if (address === "/bassnet/bye") {
      this.sessions.delete(source);
    }
  }

  /** What models there are; older servers refuse the question. */
  modelsAnswer() {
    return this.knowsModels
      ? ["/bassnet/models", ...this.models]
      : ["/bassnet/error", "address", "no address '/bassnet/models': see the table in the README"];
  }

  /** Opens, renews or changes a session, or refuses it where its port is another's. */
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
    const latency = known ? known.latency : Math.round(0.06 * rate);
    const seen = this.clock.now();
    this.sessions.set(source, { token, port, rate, block, client, isProven, latency, seen });
    this.send(port, "/bassnet/welcome", 1, token, latency, this.models[0], "0.1.0");
  }

  /** As real ones do each second. */
  tellState(reason = "") {
    this.sessions.forEach(({ port }) => this.send(port, "/bassnet/status", this.state, reason));
  }
}

/** Bridges and a server; of two udpreceive at one port the first gets all, unless ports are shared. */
class Network {
  /** A server, no bridges. */
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

  /** A patch on the network; it was not started. */
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

  /** A datagram to a port. */
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

/** Messages to the server but audio, as text without the padding. */
function words(patch, from = 0) {
  const said = patch.out[0].slice(from).filter(([word]) => word !== "/bassnet/audio/in");
  return said.map((message) => message.filter((word) => !/^\.+$/.test(word)).join(" "));
}

/** What a bridge hears of the last seconds is the stand-in's bass. */
function playsWell(patch, mix = music) {
  const heard = patch.run(0.3, mix);
  const from = patch.n - heard.length;
  return heard.every((sample, i) => sample === Math.fround(-0.5 * mix(from + i - patch.delay)));
}

/** Bridges, all with a session. */
function settled(network, n = 1, options = {}) {
  const patches = Array.from({ length: n }, (_, i) => network.started({ seed: 10 + i, ...options }));
  patches.forEach((patch) => patch.run(0.5, music));
  return patches;
}

module.exports = { Network, music, playsWell, settled, words };
