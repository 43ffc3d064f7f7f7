"use strict";
/** What changes while it plays: rate, ring, stream, server, z; what was true before is gone, no sooner. */

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { OUTLETS, SPEC } = require("./max_stand_in.js");
const { Network, music, playsWell, settled } = require("./network.js");

/** Lets time pass until a hello has just been said. */
function toHeartbeat(patch) {
  const n = patch.said("/bassnet/hello").length;
  while (patch.said("/bassnet/hello").length === n) patch.clock.pass(1);
}

/** Points of z in time, from the n-th message on: seq, offset, x, y. */
function points(patch, from) {
  return patch.said("/bassnet/z/at", from).map(([, ...point]) => point);
}

/** seq of the blocks that were sent, from the n-th message on. */
function seqs(patch, from) {
  return patch.said("/bassnet/audio/in", from).map(([, seq]) => seq);
}

test("between a new rate and its welcome no block is sent, and then those of the new size", () => {
  const network = new Network();
  const [patch] = settled(network);
  const { hello } = network.server;
  network.server.hello = () => {};
  const from = patch.out[0].length;
  patch.rate = 96000;
  patch.send("rate", 96000);
  patch.run(0.9, music);
  assert.deepEqual(patch.said("/bassnet/audio/in", from), []);
  network.server.hello = hello;
  patch.run(1.5, music);
  const sent = patch.said("/bassnet/audio/in", from);
  assert.ok(sent.length > 100 && sent.every((words) => words.length === 2 + SPEC.wideBlockSize));
  assert.ok(playsWell(patch));
});

test("a rate in fractions is the whole number next to it", () => {
  const patch = new Network().add();
  patch.send("rate", 44099.998);
  patch.send("start");
  assert.equal(patch.said("/bassnet/hello")[0][3], 44100);
  assert.deepEqual(patch.out[OUTLETS.ring], [[SPEC.ringFrames - 3087]]); // 70 ms
});

test("a short ring leaves the server one hop's time", () => {
  for (const ms of [1, 30, 49]) {
    const patch = new Network().add();
    patch.send("ring", ms);
    patch.send("start");
    assert.deepEqual(patch.said("/bassnet/hello")[0].slice(6, 8), ["deadline_ms", 20]);
  }
});

test("another ring is told to the server within 250 ms of its settling, long before the heartbeat", () => {
  const [patch] = settled(new Network());
  toHeartbeat(patch);
  const from = patch.out[0].length;
  patch.send("ring", 100);
  patch.clock.pass(500);
  patch.clock.pass(250);
  assert.deepEqual(
    patch.said("/bassnet/hello", from).map((words) => words.slice(6, 8)),
    [["deadline_ms", 70]],
  );
});

test("a second stream tells where z stood before it moves, whatever was told in the first", () => {
  const [patch] = settled(new Network());
  patch.run(1, music, { z: (n) => [n < 60000 ? 0 : 1, 0] });
  patch.send("dsp", 1);
  const [from, n] = [patch.out[0].length, patch.n];
  patch.run(1, music, { z: (i) => [i < n + 12000 ? 1 : 2, 0] });
  const [first] = seqs(patch, from);
  const k = first + Math.ceil((12000 - 240) / SPEC.blockSize);
  assert.deepEqual(points(patch, from), [
    [k - 1, 0, 1, 0],
    [k, 0, 2, 0],
  ]);
});

test("z that moves with a stream's first block has no point before it", () => {
  const [patch] = settled(new Network());
  patch.send("dsp", 1);
  const from = patch.out[0].length;
  patch.run(0.5, music, { z: () => [1, 0] });
  assert.deepEqual(points(patch, from), [[seqs(patch, from)[0], 0, 1, 0]]);
});

test("no_session is answered by a hello at once, and by four a second at most", () => {
  const [patch] = settled(new Network());
  toHeartbeat(patch);
  patch.clock.pass(300);
  const from = patch.out[0].length;
  const refuse = () => patch.receive("/bassnet/error", "no_session", "no session: say hello");
  const hellos = () => patch.said("/bassnet/hello", from).length;
  refuse();
  assert.equal(hellos(), 1);
  for (let i = 0; i < 199; i++) {
    refuse();
    patch.clock.pass(5);
  }
  assert.equal(hellos(), 4);
});

test("a note that sounds ends before the bridge turns to another server", () => {
  const network = new Network();
  const [patch] = settled(network);
  patch.receive("/bassnet/note/on", 40, 90, 0, 100, 3);
  const order = [];
  patch.onOutlet = (to, words) => order.push([to, ...words].join(" "));
  patch.send("port", 7999);
  patch.clock.pass(500);
  const off = order.indexOf(`${OUTLETS.note} 0 40 0`);
  const port = order.indexOf(`${OUTLETS.osc} port 7999`);
  assert.ok(off >= 0 && off < port);
});

test("a note that sounds ends when its server was restarted", () => {
  const network = new Network();
  const [patch] = settled(network);
  patch.receive("/bassnet/note/on", 40, 90, 0, 100, 3);
  network.restart();
  network.server.nTokens = 7000;
  patch.run(2.2, music);
  assert.equal(patch.bridge.session.token, 7000);
  assert.deepEqual(patch.out[OUTLETS.note].slice(1), [[0, 40, 0]]);
});

test("a server whose welcomes are lost for long is there while its bass comes", () => {
  const network = new Network();
  const [patch] = settled(network);
  const from = patch.out[OUTLETS.state].length;
  network.server.hello = () => {};
  patch.run(5, music);
  const states = patch.out[OUTLETS.state].slice(from).map(([, text]) => text);
  assert.ok(states.length >= 4 && states.every((text) => /^ready: groove-live, 0 late/.test(text)));
  assert.ok(playsWell(patch));
});

test("what was late in one stream is not in the next", () => {
  const network = new Network();
  const [patch] = settled(network);
  const { deliver } = network.server;
  network.server.deliver = () => {};
  patch.run(0.5, music);
  network.server.deliver = deliver;
  patch.run(0.5, music);
  assert.match(patch.newest("state"), /^late: the ring is short, \d+ blocks missed; raise Ring$/);
  patch.send("dsp", 1);
  patch.run(0.5, music);
  assert.match(patch.newest("state"), /^ready: groove-live, 0 late of \d+$/);
});

test("a heartbeat's welcome with another latency changes the words", () => {
  const network = new Network();
  const [patch] = settled(network);
  network.server.sessions.get(patch).latency = 48 * 1800; // as if the message of it were lost
  patch.run(1.2, music);
  assert.equal(patch.newest("state"), "ready: groove-live, 1740 ms later than told");
});
