"use strict";
/**
 * Plays a mix through the bridge to a real server over UDP: 48 kHz, vectors of 64, in real time.
 *
 *     node play.js '{"port": 7770, "ring": 70, "mix": "mix.f32", "z": [[0, 0.5, -1]],
 *                    "bass": "bass.f32", "answers": "answers.f32", "stats": "stats.json"}'
 *
 * mix and bass are raw float32; answers has a row for each block, NaN where there is none: the count at
 * which it came, and its samples. z moves to x, y at a sample. `isAtSource` has the answers come to the
 * sending socket, for a proxy that knows no other. Time begins with the session, and waits where this
 * process had to.
 */

const dgram = require("node:dgram");
const fs = require("node:fs");
const { Patch, CLOCK_MS, OUTLETS, SPEC } = require("./max_stand_in.js");
const { decode, encode } = require("./osc.js");

const RATE = 48000; // Hz
const VECTOR = 64; // samples that Live computes at a time
const MOST_MS = 10; // that are caught up with at once
const GIVE_UP_MS = 20000; // without a session

const options = JSON.parse(process.argv[2]);
const mixBytes = fs.readFileSync(options.mix);
const mix = new Float32Array(mixBytes.buffer, mixBytes.byteOffset, mixBytes.length / 4);
const clock = {
  now: () => Date.now(),
  every: (ms, call) => {
    const timer = setInterval(call, ms);
    return () => clearInterval(timer);
  },
};
const patch = new Patch(clock, { seed: process.pid, rate: RATE });
const sending = dgram.createSocket("udp4"); // udpsend
let receiving = null; // udpreceive
const target = { host: SPEC.host, port: SPEC.port };

const answers = new Map(); // by seq: the count at which the first one came, and its samples

/** A datagram of the server: answers are kept, with the count at which they came. */
function hear(bytes) {
  const [address, ...words] = decode(bytes);
  if (address === "/bassnet/audio/out" && !answers.has(words[0])) {
    answers.set(words[0], [patch.n, ...words.slice(1)]);
  }
  patch.receive(address, ...words);
}

/** What udpsend and udpreceive do with what the script gives out. */
function outlet(to, words) {
  if (to === OUTLETS.listen) {
    if (receiving !== null) receiving.close();
    receiving = dgram
      .createSocket("udp4")
      .on("message", hear)
      .on("error", () => {});
    receiving.bind(words[1], SPEC.host);
  } else if (to === OUTLETS.osc && words[0] === "port") {
    target.port = words[1];
  } else if (to === OUTLETS.osc && words[0].startsWith("/")) {
    const isMoved = options.isAtSource && words[0] === "/bassnet/hello";
    const message = isMoved ? [...words.slice(0, 2), 0, ...words.slice(3)] : words;
    sending.send(encode(message), target.port, target.host);
  }
}

/** x and y at a sample. */
function z(n) {
  const [, x, y] = options.z.filter(([at]) => at <= n).at(-1);
  return [x, y];
}

/** Plays all of it in real time; returns what was heard. */
function play(done) {
  const heard = new Float32Array(mix.length);
  const step = (CLOCK_MS * RATE) / 1000;
  let [before, owed] = [process.hrtime.bigint(), 0];
  const timer = setInterval(() => {
    const now = process.hrtime.bigint();
    owed += Math.min(MOST_MS, Number(now - before) / 1e6) * (RATE / 1000);
    before = now;
    for (; owed >= VECTOR && patch.n + VECTOR <= mix.length; owed -= VECTOR) {
      const place = z(patch.n);
      heard.set(
        patch.play(
          VECTOR,
          (n) => mix[n],
          () => place,
        ),
        patch.n - VECTOR,
      );
      if (patch.n % step < VECTOR) patch.tellClock();
    }
    if (patch.n + VECTOR > mix.length) {
      clearInterval(timer);
      done(heard);
    }
  }, 1);
}

/** Writes what was asked for, and ends. */
function finish(heard) {
  const { ring, session } = patch.bridge;
  const audio = patch.said("/bassnet/audio/in");
  const stats = {
    delay: patch.delay,
    total: patch.out[OUTLETS.total].at(-1)[0],
    start: ring.start - SPEC.ringFrames,
    heard: ring.nHeard,
    missed: ring.nMissed,
    seqs: [audio[0][1], audio.at(-1)[1], audio.length],
    states: patch.out[OUTLETS.state].map((words) => words[1]),
    z: patch.out[OUTLETS.osc].filter(([word]) => word.startsWith("/bassnet/z")),
    model: session.model,
  };
  patch.context.notifydeleted();
  fs.writeFileSync(options.bass, Buffer.from(heard.buffer));
  fs.writeFileSync(options.stats, JSON.stringify(stats));
  const none = new Array(SPEC.blockSize + 1).fill(NaN);
  const rows = Array.from({ length: audio.length }, (_, seq) => answers.get(seq) ?? none);
  fs.writeFileSync(options.answers, Buffer.from(new Float32Array(rows.flat()).buffer));
  setTimeout(() => process.exit(0), 50); // the bye is on its way
}

patch.onOutlet = outlet;
sending.on("message", hear).on("error", () => {});
sending.bind(0, SPEC.host, () => {
  patch.send("ring", options.ring);
  patch.send("port", options.port);
  patch.send("rate", RATE);
  patch.send("dsp", 1);
  patch.send("start");
  const began = Date.now();
  const waiting = setInterval(() => {
    if (patch.bridge.session.isOpen) {
      clearInterval(waiting);
      play(finish);
    } else if (Date.now() - began > GIVE_UP_MS) {
      console.error(`no session: ${patch.newest("state")}`);
      process.exit(1);
    }
  }, 20);
});
