"use strict";
/** What the network may do to a session: lose any datagram once, bring a stranger's, name a function. */

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { OUTLETS, SPEC, constant } = require("./max_stand_in.js");
const { Network, music, playsWell, settled, words } = require("./network.js");

const STRANGER = ["/bassnet/welcome", 1, 4711, 2880, "theirs", "0.1.0"];
const FAITHFUL_MS = constant("FAITHFUL_MS");
const [TEXT_LENGTH, LINE_LENGTH] = ["TEXT_LENGTH", "LINE_LENGTH"].map(constant);

/** Loses the first message for which `isIt` holds, of those between the patch and the server. */
function losing(network, patch, isIt) {
  let isLost = false;
  const lose = (message) => !isLost && isIt(message) && (isLost = true);
  const [receive, send] = [network.server.receive, network.server.send];
  network.server.receive = (source, message) =>
    lose(message) || receive.call(network.server, source, message);
  network.server.send = (port, ...message) => lose(message) || send(port, ...message);
  return () => isLost;
}

/** The messages of a source that the server got, of those with an address. */
function got(network, address) {
  return network.server.heard.map(([, message]) => message).filter(([word]) => word === address);
}

for (const [name, isIt] of [
  ["hello", ([address]) => address === "/bassnet/hello"],
  ["welcome", ([address]) => address === "/bassnet/welcome"],
  ["ping of ours", ([address, n]) => address === "/bassnet/ping" && n !== 1000],
  ["pong", ([address]) => address === "/bassnet/pong"],
  ["ping with the token", ([address, n]) => address === "/bassnet/ping" && n === 1000],
  ["parameter", ([address]) => address === "/bassnet/param/gain"],
  ["model", ([address]) => address === "/bassnet/model"],
  ["subscribe", ([address]) => address === "/bassnet/subscribe"],
  ["question for models", ([address]) => address === "/bassnet/models"],
  ["answer with models", ([address, first]) => address === "/bassnet/models" && first !== undefined],
  ["place of z", ([address]) => address === "/bassnet/z"],
]) {
  test(`the first ${name} is lost: the session is whole within 2 s`, () => {
    const network = new Network();
    const patch = network.add();
    const isLost = losing(network, patch, isIt);
    patch.send("param", "gain", -6);
    patch.send("model", "a1-live");
    patch.send("start");
    patch.run(2, music, { z: () => [0.5, -1] });
    assert.ok(isLost());
    const session = network.server.sessions.get(patch);
    assert.ok(session.isProven);
    assert.deepEqual(got(network, "/bassnet/param/gain").at(-1), ["/bassnet/param/gain", -6]);
    assert.deepEqual(got(network, "/bassnet/model").at(-1), ["/bassnet/model", "a1-live"]);
    assert.deepEqual(got(network, "/bassnet/subscribe").at(-1), ["/bassnet/subscribe", "notes", 1]);
    assert.deepEqual(got(network, "/bassnet/z").at(-1), ["/bassnet/z", 0.5, -1]);
    assert.equal(patch.out[OUTLETS.models].length, 2); // its items, and what is chosen
    assert.ok(playsWell(patch));
  });
}

test("what has arrived is not said for ever: choices twice, models once, the proof with each heartbeat", () => {
  const network = new Network();
  const patch = network.add();
  patch.send("param", "gain", -6);
  patch.send("start");
  patch.run(6, music, { z: () => [0.5, -1] });
  const counts = ["param/gain", "subscribe", "models", "z"].map((a) => got(network, `/bassnet/${a}`).length);
  assert.deepEqual(counts, [2, 2, 1, 2]);
  const nHellos = patch.said("/bassnet/hello").length;
  assert.ok(nHellos >= 6);
  assert.equal(patch.said("/bassnet/ping").filter(([, n]) => n === 1000).length, nHellos);
});

test("z that has moved is not told again: the points in time are all there is to say", () => {
  const network = new Network();
  const patch = network.started();
  patch.run(3, music, { z: (n) => [n < 20000 ? 0 : 1, 0] });
  assert.deepEqual(got(network, "/bassnet/z"), [["/bassnet/z", 0, 0]]);
});

test("a server that knows no models is asked until it has said so, one that lists none for ever", () => {
  for (const [answer, n] of [
    [["/bassnet/error", "address", "no address '/bassnet/models': see the table in the README"], 1],
    [["/bassnet/models"], 6],
  ]) {
    const network = new Network();
    network.server.modelsAnswer = () => answer;
    const patch = network.started();
    patch.run(5.1, music);
    assert.equal(got(network, "/bassnet/models").length, n);
    assert.deepEqual(patch.out[OUTLETS.models], []);
  }
});

test("no function of the script is called from the network", () => {
  const [patch] = settled(new Network());
  const from = patch.out.map((messages) => messages.length);
  const ours = Object.keys(patch.context).filter((key) => typeof patch.context[key] === "function");
  assert.ok(ours.includes("enabled") && ours.includes("notifydeleted"));
  [...ours, "bang", "/", "/host", "/bassnet", "constructor", "__proto__"].forEach((name) => {
    [["x"], [0], []].forEach((args) => patch.receive(name, ...args));
  });
  patch.receive(0, 1);
  patch.receive();
  patch.clock.pass(200);
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

test("a stranger's welcome, however often, does not take over a session whose heartbeats are answered", () => {
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
