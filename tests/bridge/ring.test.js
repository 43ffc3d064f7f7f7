"use strict";
/** The ring: whatever order and bursts the answers come in, what came in time is heard, sample for sample. */

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { CLOCK_MS, SPEC, constant, seeded } = require("./max_stand_in.js");
const { Network, music } = require("./network.js");

const BLOCK = SPEC.blockSize;
const STEP = 48 * CLOCK_MS; // samples of a clock at 48 kHz
const TAIL = constant("TAIL"); // samples
const STEEPEST = Math.PI / 2 / TAIL; // of the tail's half cosine, as a share of its height

/** A started bridge whose answers wait in `answers` until the test delivers them. */
function held(options) {
  const network = new Network();
  const answers = [];
  const hold = (port, words) =>
    answers.push({ seq: words[1], sent: patch.n, give: () => network.toBridges(port, words) });
  network.server.deliver = hold;
  const patch = network.started(options);
  return { network, patch, answers };
}

/** What is to be heard at a running number of samples: the stand-in's bass, the ring's delay later. */
function bassAt(n, delay) {
  return Math.fround(-0.5 * music(n - delay));
}

/** Runs of the numbers at which what was heard from `from` on is not the bass. */
function differences(heard, from, delay) {
  return heard.flatMap((sample, i) => (sample === bassAt(from + i, delay) ? [] : [from + i]));
}

test("over the buffer's end each sample is in its place, and it is silent before the first block", () => {
  const patch = new Network().started();
  const heard = patch.run(6, music);
  assert.ok(patch.n > 2 * SPEC.ringFrames);
  const first = STEP + patch.delay; // the first clock is where block 0 begins
  assert.deepEqual(differences(heard.slice(first), first, patch.delay), []);
  assert.ok(heard.slice(0, first - TAIL).every((sample) => sample === 0));
  assert.match(patch.newest("state"), /^ready: groove-live, 0 late of \d+$/);
});

for (let seed = 1; seed <= 12; seed++) {
  test(`answers in disorder, twice, in bursts, clocks that stop: the same samples (seed ${seed})`, () => {
    const random = seeded(seed);
    const { patch, answers } = held({ seed });
    const heard = [];
    let hold = 0;
    while (patch.n < 160000) {
      heard.push(...patch.play(STEP, music));
      patch.clock.pass(CLOCK_MS);
      hold = hold > 0 ? hold - 1 : random() < 0.05 ? Math.floor(4 * random()) : 0;
      if (hold > 0) continue; // Max stands still
      patch.tellClock();
      answers.sort(() => random() - 0.5);
      for (const answer of answers.splice(0)) {
        answer.due = answer.due ?? answer.sent + 960 * random();
        if (answer.due > patch.n) answers.push(answer);
        else for (let copies = random() < 0.1 ? 2 : 1; copies > 0; copies--) answer.give();
      }
    }
    const first = STEP + patch.delay;
    assert.deepEqual(differences(heard.slice(first), first, patch.delay), []);
    assert.equal(patch.bridge.ring.nMissed, 0);
  });
}

for (const seed of [1, 2, 3]) {
  test(`a lost answer is a hole without a click, and its neighbours are whole (seed ${seed})`, () => {
    const random = seeded(seed);
    const { patch, answers } = held();
    const lost = new Set();
    const heard = patch.run(4, music, {
      each: () =>
        answers
          .splice(0)
          .sort(() => random() - 0.5)
          .forEach((answer) => (random() < 0.1 ? lost.add(answer.seq) : answer.give())),
    });
    const n = Math.floor((heard.length - STEP - patch.delay) / BLOCK) - 4;
    let nHoles = 0;
    for (let k = 0; k < n; k++) {
      const at = STEP + patch.delay + k * BLOCK;
      if (!lost.has(k)) {
        assert.deepEqual(differences(heard.slice(at, at + BLOCK), at, patch.delay), []);
        continue;
      }
      nHoles += 1;
      assert.ok(heard.slice(at + TAIL, at + BLOCK - TAIL).every((sample) => sample === 0));
      for (let i = at; i <= at + BLOCK; i++) {
        assert.ok(Math.abs(heard[i] - heard[i - 1]) <= 0.5 * STEEPEST, `a step at ${i - at} of hole ${k}`);
      }
    }
    assert.ok(nHoles > 20);
    const still = [...lost].filter(
      (k) => patch.bridge.ring.at(k) < patch.n + SPEC.ringFrames - patch.delay,
    ).length;
    assert.equal(patch.bridge.ring.nMissed, still);
  });
}

test("an answer that comes too late is dropped whole, counted and told", () => {
  const { patch, answers } = held();
  const late = [];
  const give = () =>
    answers.splice(0).forEach((answer) => (answer.seq === 100 ? late.push(answer) : answer.give()));
  const before = patch.run(0.6, music, { each: give });
  const at = STEP + patch.delay + 100 * BLOCK; // where block 100 is heard
  const more = patch.run((at + BLOCK / 2 - patch.n) / 48000 + 0.005, music, { each: give });
  assert.equal(late.length, 1);
  const written = Float32Array.from(patch.data("bass"));
  late[0].give();
  assert.deepEqual(patch.data("bass"), written); // half of it would be a click
  const heard = [...before, ...more, ...patch.run(0.5, music, { each: give })];
  const differs = differences(heard.slice(STEP + patch.delay), STEP + patch.delay, patch.delay);
  assert.ok(differs.every((n) => n >= at && n < at + BLOCK));
  assert.ok(heard.slice(at + TAIL, at + BLOCK - TAIL).every((sample) => sample === 0));
  assert.equal(patch.newest("state"), "late: the ring is short, 1 blocks missed; raise Ring");
  patch.run(6, music, { each: give });
  assert.match(patch.newest("state"), /^ready: groove-live, 1 late of \d+$/);
});

test("right after a stall of 40 ms an answer that is in time is taken", () => {
  const { patch, answers } = held();
  patch.run(0.6, music, { each: () => answers.splice(0).forEach((answer) => answer.give()) });
  patch.play(40 * 48, music);
  patch.clock.pass(40);
  patch.tellClock();
  answers.splice(0).forEach((answer) => answer.give()); // before the next clock
  patch.run(0.2, music, { each: () => answers.splice(0).forEach((answer) => answer.give()) });
  assert.equal(patch.bridge.ring.nMissed, 0);
});

test("after a hole that is half heard the sound rises within what is left of it", () => {
  const { patch, answers } = held();
  const kept = new Map();
  const keep = (answer) => (answer.seq > 50 ? kept.set(answer.seq, answer) : answer.give());
  patch.run(0.6, music, { each: () => answers.splice(0).forEach(keep) });
  const { ring } = patch.bridge;
  const k = Math.ceil((ring.reach - ring.start) / BLOCK); // the first one that may still be taken
  const at = ring.at(k);
  ring.reach = at - 20; // 20 samples before it are still ahead
  kept.get(k).give();
  const bass = patch.data("bass");
  const [rising, first] = [at - 20, at].map((position) => position % SPEC.ringFrames);
  assert.equal(bass[rising - 1], 0);
  for (let i = rising; i <= first; i++) {
    assert.ok(Math.abs(bass[i] - bass[i - 1]) <= (Math.abs(bass[first]) * Math.PI) / 2 / 20 + 1e-3);
  }
});

test("what was never sent, has another size or is no sound changes nothing", () => {
  const { patch, answers } = held();
  patch.run(0.1, music);
  const good = answers.splice(0).map((answer) => answer.seq);
  const written = Float32Array.from(patch.data("bass"));
  const silence = new Array(BLOCK).fill(0.1);
  const newest = Math.max(...good);
  const wrong = [
    [newest + 1, ...silence],
    [-1, ...silence],
    [0.5, ...silence],
    ["x", ...silence],
    [newest, ...silence.slice(1)],
    [newest, ...silence, 0],
    [newest, ...silence.slice(1), NaN],
    [newest, ...silence.slice(1), Infinity],
    [newest, ...silence.slice(1), "loud"],
    [newest],
    [],
    [SPEC.seqModulo - 1, ...silence],
    [SPEC.seqModulo * 4, ...silence],
  ];
  wrong.forEach((words) => patch.receive("/bassnet/audio/out", ...words));
  assert.deepEqual(patch.data("bass"), written);
});

test("another ring takes effect when it has settled, is told once, and the bass is whole again", () => {
  const patch = new Network().started();
  patch.run(1, music);
  for (let ms = 71; ms <= 120; ms++) {
    patch.send("ring", ms - 0.3); // a dial between two numbers
    patch.run(0.02, music);
  }
  assert.equal(patch.delay, 3360); // it was turned for a second
  patch.clock.pass(500);
  const from = patch.n;
  assert.equal(patch.delay, 5760);
  assert.deepEqual(patch.out[4].slice(-1), [[5760 + 2880]]);
  assert.deepEqual([patch.out[3].length, patch.out[4].length, patch.out[5].length], [2, 2, 2]);
  assert.equal(patch.newest("told"), "180.0 ms, 8640 samples");
  const heard = patch.run(1, music);
  const after = 5760 - 3360; // what was heard already is not heard again
  assert.ok(heard.slice(0, after).filter((sample) => sample !== 0).length <= 1024 + TAIL);
  assert.deepEqual(differences(heard.slice(after), from + after, 5760), []);
  const hello = patch.said("/bassnet/hello").at(-1);
  assert.deepEqual(hello.slice(6, 8), ["deadline_ms", 90]);
  patch.send("ring", 40);
  patch.run(0.5, music);
  const shorter = patch.run(1, music);
  assert.deepEqual(differences(shorter, patch.n - shorter.length, 1920), []);
});

test("the ring lies between a block and half of the buffer", () => {
  const patch = new Network().started();
  const set = (ms) => (patch.send("ring", ms), patch.clock.pass(500), patch.delay);
  assert.equal(set(1), BLOCK);
  assert.equal(set(1e6), SPEC.ringFrames / 2);
  assert.equal(set(-5), SPEC.ringFrames / 2);
});
