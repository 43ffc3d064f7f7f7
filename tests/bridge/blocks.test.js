"use strict";
/** What is sent: every sample of the mix once, under its seq; z where it moved; new beginnings. */

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { CLOCK_MS, SPEC, constant } = require("./max_stand_in.js");
const { Network, music } = require("./network.js");
const { encode } = require("./osc.js");

const BLOCK = SPEC.blockSize;
const STEP = 48 * CLOCK_MS; // samples of a clock at 48 kHz
const MAX_PACKET = 5096; // bytes that udpsend sends unless told otherwise
const LEAP = constant("SEQ_LEAP"); // blocks, at a new beginning

/** The blocks that a bridge sent. */
function blocks(patch, from = 0) {
  return patch.said("/bassnet/audio/in", from).map(([, seq, ...samples]) => ({ seq, samples }));
}

/** z messages, each with the number of blocks sent before it. */
function moves(patch) {
  let n = 0;
  return patch.out[0].flatMap((words) => {
    n += words[0] === "/bassnet/audio/in";
    return words[0].startsWith("/bassnet/z") ? [[n, ...words]] : [];
  });
}

test("the blocks are the mix, one after the other, from the first clock on and over the buffer's end", () => {
  const patch = new Network().started();
  patch.run(6, music);
  const sent = blocks(patch);
  assert.equal(sent.length, Math.floor((patch.n - STEP) / BLOCK));
  sent.forEach(({ seq, samples }, k) => {
    assert.equal(seq, k);
    assert.deepEqual(
      samples,
      Array.from({ length: BLOCK }, (_, i) => music(STEP + k * BLOCK + i)),
    );
  });
});

test("where one sample is left before the buffer's end, Max gives a number, and the block is whole", () => {
  const patch = new Network().started();
  patch.play((SPEC.ringFrames - 1) % BLOCK, music);
  patch.tellClock();
  const first = patch.n;
  patch.run(3, music);
  blocks(patch).forEach(({ samples }, k) => {
    assert.deepEqual(
      samples,
      Array.from({ length: BLOCK }, (_, i) => music(first + k * BLOCK + i)),
    );
  });
});

test("seq goes on from 2^24 - 1 to 0, and the bass with it", () => {
  const patch = new Network().started();
  patch.bridge.blocks.firstSeq = SPEC.seqModulo - LEAP - 100;
  const heard = patch.run(2, music);
  const seqs = blocks(patch).map(({ seq }) => seq);
  assert.deepEqual(seqs.slice(98, 102), [SPEC.seqModulo - 2, SPEC.seqModulo - 1, 0, 1]);
  const first = STEP + patch.delay;
  assert.ok(heard.slice(first).every((sample, i) => sample === Math.fround(-0.5 * music(STEP + i))));
});

for (const rate of [8000, 44100, 48000, 88200, 96000, 192000]) {
  test(`at ${rate} Hz: block size, latency, messages a second, bytes`, () => {
    const patch = new Network().started({ rate });
    patch.run(0.5, music);
    const before = patch.out[0].length;
    patch.run(2, music, { z: (n) => [Math.fround(n / 1e5), 0] });
    const wide = rate > 48000;
    const sent = blocks(patch, before);
    assert.ok(sent.every(({ samples }) => samples.length === (wide ? 480 : 240)));
    assert.ok(Math.abs(sent.length - (2 * rate) / (wide ? 480 : 240)) <= 1);
    assert.ok(wide || sent.length <= 2 * 200);
    assert.ok(patch.out[0].slice(3).every((words) => encode(words).length <= MAX_PACKET));
    const hello = patch.said("/bassnet/hello")[0];
    assert.deepEqual(hello.slice(3, 6), [rate, wide ? 480 : 240, "f"]);
    const delay = Math.round(0.07 * rate);
    assert.deepEqual(
      [patch.out[5].at(-1), patch.out[4].at(-1)],
      [[SPEC.ringFrames - delay], [delay + Math.round(0.06 * rate)]],
    );
    assert.match(patch.newest("state"), /^ready: groove-live, 0 late of \d+$/);
  });
}

test("after a stall all that waits is sent at once, in order", () => {
  const patch = new Network().started();
  patch.run(0.5, music);
  patch.play(48 * 300, music);
  patch.tellClock();
  patch.run(0.5, music);
  const sent = blocks(patch);
  assert.ok(sent.every(({ seq }, k) => seq === k));
  assert.deepEqual(sent.at(-1).samples[0], music(STEP + (sent.length - 1) * BLOCK));
});

for (const [name, stir] of [
  ["dsp off and on", (patch) => [patch.send("dsp", 0), patch.send("dsp", 1)]],
  ["a count that goes far back", (patch) => (patch.n -= 20000)],
  ["a stall of more than half the buffer", (patch) => patch.play(SPEC.ringFrames / 2 + 500, music)],
  ["a rate and back", (patch) => [patch.send("rate", 96000), patch.send("rate", 48000)]],
]) {
  test(`${name} is a new beginning: another seq, a clear ring, no old answers`, () => {
    const network = new Network();
    const patch = network.started();
    patch.run(1, music);
    const old = patch.said("/bassnet/audio/in").slice(-20);
    stir(patch);
    const before = patch.out[0].length;
    const n = patch.n;
    const heard = [...patch.run(0.01, music)];
    assert.ok(patch.data("bass").filter((sample) => sample !== 0).length <= 3 * BLOCK);
    old.forEach(([, seq, ...samples]) => patch.receive("/bassnet/audio/out", seq, ...samples));
    heard.push(...patch.run(1.5, music));
    const sent = blocks(patch, before);
    assert.ok(sent[0].seq - old.at(-1)[1] - 1 >= LEAP && sent[0].seq - old.at(-1)[1] - 1 < LEAP + 60);
    assert.ok(sent.every(({ seq }, k) => seq === sent[0].seq + k));
    const late = heard
      .slice(48000)
      .filter((s, i) => s !== Math.fround(-0.5 * music(n + 48000 + i - patch.delay)));
    assert.deepEqual(late, []);
  });
}

test("counts that Max gives out in another order, after a stall, change nothing", () => {
  const patch = new Network().started();
  patch.run(1, music);
  const [n, before] = [patch.n, patch.out[0].length];
  const counts = [1200, 960, 720, 480, 240].map((ahead) => (n + ahead) % SPEC.ringFrames); // newest first
  counts.forEach(() => patch.play(240, music));
  counts.forEach((count) => patch.send("clock", count));
  const heard = patch.run(1, music);
  const sent = blocks(patch, before);
  assert.ok(sent.length > 190 && sent.every(({ seq }, k) => seq === sent[0].seq + k));
  const first = patch.n - heard.length;
  assert.ok(heard.every((s, i) => s === Math.fround(-0.5 * music(first + i - patch.delay))));
});

test("what is no number in the mix is sent as silence", () => {
  const patch = new Network().started();
  patch.run(0.5, (n) => [NaN, Infinity, -Infinity, 0.5][n % 4]);
  assert.ok(blocks(patch).every(({ samples }) => samples.every((s) => s === 0 || s === 0.5)));
});

test("nothing is sent before there is a session, nor kept for it", () => {
  const network = new Network();
  network.isUp = false;
  const patch = network.started();
  patch.run(1, music);
  assert.deepEqual(blocks(patch), []);
  network.isUp = true;
  patch.run(0.5, music);
  const sent = blocks(patch);
  assert.ok(sent.length > 20 && sent.length <= 100);
  const start = STEP + sent[0].seq * BLOCK;
  assert.deepEqual(
    sent[0].samples.slice(0, 3),
    [0, 1, 2].map((i) => music(start + i)),
  );
});

test("z is told once, and then where it moves: the old place before, the new one at the block", () => {
  const patch = new Network().started();
  const at = STEP + 100 * BLOCK - 30; // within block 99: seen at block 100
  patch.run(1, music, { z: (n) => (n < at ? [0.5, -1] : [0.5, Math.fround(1.3)]) });
  assert.deepEqual(moves(patch), [
    [0, "/bassnet/z", 0.5, -1],
    [100, "/bassnet/z/at", 99, 0, 0.5, -1],
    [100, "/bassnet/z/at", 100, 0, 0.5, Math.fround(1.3)],
  ]);
});

test("z on the move is told with every block, without holding points, up to its end", () => {
  const patch = new Network().started();
  const path = (n) => [Math.fround(Math.min(1, Math.max(0, (n - 12000) / 12000))), 0];
  patch.run(1, music, { z: path });
  const told = moves(patch);
  const points = told.slice(1).map(([n, address, seq, offset, x]) => [n, address, seq, offset, x]);
  const first = Math.floor((12000 - STEP) / BLOCK);
  assert.deepEqual(points[0], [first + 1, "/bassnet/z/at", first, 0, 0]);
  points.slice(1).forEach(([n, , seq, offset, x], i) => {
    assert.deepEqual([n, seq, offset], [first + 1 + i, first + 1 + i, 0]);
    assert.equal(x, path(STEP + seq * BLOCK)[0]);
  });
  assert.equal(points.length, 1 + Math.ceil(12000 / BLOCK));
});

test("without its buffers it says so, sends nothing, and begins when they are there", () => {
  const network = new Network();
  const patch = network.add({ hasBuffers: false });
  patch.send("start");
  assert.equal(patch.newest("state"), "no buffer 1bassnet_mix yet");
  for (let i = 0; i < 300; i++) {
    patch.clock.pass(CLOCK_MS);
    patch.send("clock", 240 * i);
  }
  patch.names.forEach((name, i) =>
    patch.buffers.set(name, new Float32Array(i === 1 ? 100 : SPEC.ringFrames)),
  );
  patch.clock.pass(1100);
  assert.equal(patch.data("x").length, SPEC.ringFrames); // made as long as it has to be
  const heard = patch.run(1, music);
  assert.match(patch.newest("state"), /^ready/);
  assert.ok(heard.slice(-1000).some((sample) => sample !== 0));
  const [mix] = patch.names;
  const data = patch.buffers.get(mix);
  patch.buffers.delete(mix);
  patch.clock.pass(CLOCK_MS);
  patch.tellClock();
  patch.send("clock", (patch.n + 500) % SPEC.ringFrames);
  patch.clock.pass(300);
  assert.equal(patch.newest("state"), "no buffer 1bassnet_mix yet");
  patch.buffers.set(mix, data);
  patch.clock.pass(1100);
  assert.match(patch.newest("state"), /^ready/);
  const again = patch.run(1, music);
  assert.equal(again.at(-1), Math.fround(-0.5 * music(patch.n - 1 - patch.delay)));
});
