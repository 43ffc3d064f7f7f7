"use strict";
/** What comes from the network: no names of functions, numbers and texts in their ranges, no strangers. */

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Clock, OUTLETS, SPEC, constant, seeded } = require("./max_stand_in.js");
const { Network, music, playsWell, settled, words } = require("./network.js");

const STRANGER = ["/bassnet/welcome", 1, 4711, 2880, "theirs", "0.1.0"];
const FAITHFUL_MS = constant("FAITHFUL_MS");
const [TEXT_LENGTH, LINE_LENGTH] = ["TEXT_LENGTH", "LINE_LENGTH"].map(constant);

test("no function of the script is called from the network", () => {
  const [patch] = settled(new Network());
  const from = patch.out.map((messages) => messages.length);
  const ours = Object.keys(patch.context).filter((key) => typeof patch.context[key] === "function");
  assert.ok(ours.includes("enabled") && ours.includes("notifydeleted"));
  const { heed } = patch.bridge;
  let nHeeded = 0;
  patch.bridge.heed = () => (nHeeded += 1);
  [...ours, "bang", "/", "/host", "/bassnet", "constructor", "__proto__"].forEach((name) => {
    [["x"], [0], []].forEach((args) => patch.receive(name, ...args));
  });
  patch.receive(0, 1);
  patch.receive();
  patch.bridge.heed = heed;
  assert.equal(nHeeded, 0);
  assert.deepEqual(
    patch.out.map((messages) => messages.length),
    from,
  );
  assert.equal(patch.bridge.isEnabled, true);
  assert.ok(playsWell(patch));
  patch.context.anything("host", "x"); // an unknown message: no error, no effect
  patch.clock.pass(600);
  assert.ok(!words(patch).includes("host x"));
});

test("notes beyond MIDI's range, and a list of no models, change nothing", () => {
  const [patch] = settled(new Network());
  const nModels = patch.out[OUTLETS.models].length;
  for (const [pitch, velocity] of [
    [128, 90],
    [-1, 90],
    [40.5, 90],
    ["40", 90],
    [40, 128],
    [40, -1],
    [40, 0.5],
    [40, undefined],
    [2 ** 31, 90],
  ]) {
    patch.receive("/bassnet/note/on", pitch, velocity, 0, 100, 3);
  }
  patch.receive("/bassnet/note/off");
  patch.receive("/bassnet/models");
  assert.deepEqual(patch.out[OUTLETS.note], []);
  assert.equal(patch.out[OUTLETS.models].length, nModels);
  for (let pitch = -100; pitch < 1000; pitch++) patch.receive("/bassnet/note/on", pitch, 127, 0, 100, 3);
  assert.equal(patch.bridge.notes.sounding.size, 128);
});

test("texts of any length: the beginning is kept, and a line of it shown", () => {
  const [patch] = settled(new Network());
  const long = `begins ${"x".repeat(8000)}`;
  const shows = (beginning) => {
    const line = patch.newest("state");
    assert.ok(line.startsWith(beginning) && line.length === LINE_LENGTH && line.endsWith("..."), line);
  };
  patch.receive("/bassnet/status", "overloaded", long);
  shows("overloaded: begins x");
  patch.receive("/bassnet/status", "ready", "");
  patch.receive("/bassnet/model", long);
  shows("ready: begins x");
  patch.receive("/bassnet/error", "param", long);
  shows("refused param: begins x");
  patch.receive("/bassnet/error", long, "");
  shows("refused begins x");
  patch.receive("/bassnet/models", long);
  const items = patch.out[OUTLETS.models].filter(([word]) => word === "_parameter_range").at(-1);
  assert.equal(items[1 + SPEC.models.length].length, TEXT_LENGTH);
  const { state, model } = patch.bridge.session;
  assert.ok([state.reason, state.notice, model].every((text) => text.length < 2 * TEXT_LENGTH + 20));
});

test("a stranger's welcome does not take over a session whose heartbeats are answered", () => {
  const network = new Network();
  const [patch] = settled(network);
  const from = patch.out[0].length;
  const heard = patch.run(5, music, { each: () => patch.receive(...STRANGER) });
  assert.equal(patch.bridge.session.token, 1000);
  assert.deepEqual(
    words(patch, from).filter((line) => /ping/.test(line) && line !== "/bassnet/ping 1000"),
    [],
  );
  assert.match(patch.newest("state"), /^ready: groove-live, 0 late/);
  assert.ok(heard.every((s, i) => s === Math.fround(-0.5 * music(patch.n - heard.length + i - patch.delay))));
});

test("another token counts where the one before was not welcomed for one and a half heartbeats", () => {
  const network = new Network();
  const [patch] = settled(network);
  const welcome = network.server.hello;
  network.server.hello = () => {};
  const { session } = patch.bridge;
  const pings = () => patch.said("/bassnet/ping").length;
  const n = pings();
  patch.clock.time = session.welcomedAt + FAITHFUL_MS;
  patch.receive(...STRANGER);
  assert.equal(pings(), n);
  patch.clock.time += 1;
  network.isUp = false; // its pong is slow
  patch.receive(...STRANGER);
  assert.equal(pings(), n + 1);
  const [, challenge] = patch.said("/bassnet/ping").at(-1);
  network.isUp = true;
  network.server.hello = welcome;
  patch.clock.pass(1000); // our server answers a heartbeat before that
  patch.receive("/bassnet/pong", challenge);
  assert.equal(session.token, 1000);
});

test("Max that stood still has yet to read its server's welcomes: a stranger's does not come before", () => {
  const network = new Network();
  const [patch] = settled(network);
  network.server.hello = () => {};
  patch.clock.stall(5000);
  patch.clock.pass(1);
  const n = patch.said("/bassnet/ping").length;
  patch.receive(...STRANGER);
  assert.equal(patch.said("/bassnet/ping").length, n);
});

test("a welcome with a latency that is no number of samples is none", () => {
  const network = new Network();
  network.isUp = false;
  const patch = network.started();
  for (const latency of [-1, 0.5, NaN, Infinity, "2880", undefined]) {
    patch.receive("/bassnet/welcome", 1, 4711, latency, "groove-live", "0.1.0");
  }
  assert.deepEqual(patch.said("/bassnet/ping"), []);
  patch.receive("/bassnet/welcome", 1, 4711, 0, "groove-live", "0.1.0");
  assert.equal(patch.said("/bassnet/ping").length, 1);
  network.isUp = true;
  patch.run(1, music);
  patch.receive("/bassnet/latency", -5);
  patch.receive("/bassnet/latency", "late");
  assert.match(patch.newest("state"), /^ready: groove-live, 0 late/);
});

test("whatever comes from the network, no handler throws", () => {
  const random = seeded(5);
  const [patch] = settled(new Network(new Clock()));
  const addresses = ["welcome", "pong", "audio/out", "status", "latency", "model", "models", "error"];
  addresses.push("note/on", "note/off", "x");
  const values = [0, -1, 1e9, 0.5, NaN, Infinity, "", "loading", "hello", "no_session", "address"];
  values.push("reply_port", -0, 2 ** 40, 40);
  const any = (list) => list[Math.floor(random() * list.length)];
  for (let i = 0; i < 20000; i++) {
    const n = any([0, 1, 2, 3, 5, 241]);
    patch.receive(`/bassnet/${any(addresses)}`, ...Array.from({ length: n }, () => any(values)));
    if (i % 1000 === 0) patch.run(0.3, music);
  }
  patch.receive("bang");
  patch.receive("list", 1, 2);
  patch.run(8, music);
  assert.ok(patch.data("bass").every((sample) => Math.abs(sample) < 2 ** 41));
  assert.match(patch.newest("state"), /^(ready|late)/);
});
