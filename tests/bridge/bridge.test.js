"use strict";
/** The bridge as a whole: what it says and shows when it is switched, moved, refused, or told nonsense. */

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { OUTLETS, SPEC } = require("./max_stand_in.js");
const { Network, music, playsWell, settled, words } = require("./network.js");
const { script } = require("./script.js");

test("Max finds the messages of the patch and no other names, and the script all its constants", () => {
  const patch = new Network().add();
  const theirs = ["Math", "Date", "Buffer", "Task", "jsarguments", "outlet"]; // and no console to print to
  const ours = ["start", "clock", "dsp", "rate", "ring", "playing", "sync", "enabled", "param", "model"];
  ours.push("link", "host", "port", "osc", "anything", "notifydeleted");
  ours.push("firstOf", "isLatency", "isMidi", "letters", "oscBytes", "shortened", "textOf");
  assert.deepEqual(Object.keys(patch.context).sort(), [...theirs, ...ours, "inlets", "outlets"].sort());
  assert.deepEqual([patch.context.inlets, patch.context.outlets], [1, Object.keys(OUTLETS).length]);
  const used = new Set(Array.from(script().matchAll(/\bSPEC\.(\w+)/g), ([, key]) => key));
  assert.deepEqual([...used].sort(), Object.keys(SPEC).sort());
});

test("switched off it says bye, is silent and says off; switched on it begins anew", () => {
  const network = new Network();
  const [patch] = settled(network);
  patch.send("enabled", 1);
  patch.send("enabled", 0);
  assert.equal(words(patch).at(-1), "/bassnet/bye");
  assert.equal(patch.newest("state"), "off");
  assert.ok(patch.data("bass").every((sample) => sample === 0));
  const from = patch.out[0].length;
  const heard = patch.run(5, music);
  assert.ok(heard.every((sample) => sample === 0));
  assert.equal(patch.out[0].length, from);
  patch.send("enabled", 1);
  patch.run(0.5, music);
  assert.match(patch.newest("state"), /^ready/);
  assert.ok(playsWell(patch));
});

test("a device that is off when the set is loaded says nothing until it is on", () => {
  const patch = new Network().add();
  patch.send("enabled", 0);
  patch.send("start");
  patch.clock.pass(5000);
  assert.deepEqual(words(patch), ["maxpacketsize 9000"]);
  assert.equal(patch.newest("state"), "off");
  patch.send("enabled", 1);
  patch.run(0.5, music);
  assert.ok(playsWell(patch));
});

test("the stream begins anew where the transport starts, and only where it is to", () => {
  const [patch] = settled(new Network());
  const resets = () => patch.said("/bassnet/reset").length;
  patch.send("playing", 1);
  assert.equal(resets(), 1);
  patch.send("playing", 1); // a loop, a locate
  assert.equal(resets(), 1);
  patch.send("playing", 0);
  assert.equal(resets(), 1);
  patch.send("sync", 0);
  patch.send("playing", 1);
  assert.equal(resets(), 1);
  patch.send("sync", 1);
  patch.send("playing", 0);
  patch.send("playing", 1);
  assert.equal(resets(), 2);
});

test("the state line has the server's states, and errors for 5 s", () => {
  const network = new Network();
  network.server.state = "loading";
  const patch = network.started();
  assert.equal(patch.newest("state"), "loading: the model warms up");
  patch.clock.pass(10000);
  assert.equal(patch.newest("state"), "loading: the model warms up");
  assert.equal(patch.out[OUTLETS.listen].length, 1); // the port is a good one
  network.server.state = "ready";
  patch.run(1, music);
  const becomes = (state, reason) => {
    network.server.state = state;
    network.server.tellState(reason);
    return patch.newest("state");
  };
  assert.equal(
    becomes("overloaded", "every second window is left out"),
    "overloaded: every second window is left out",
  );
  assert.equal(becomes("stopping", ""), "stopping");
  assert.match(becomes("ready", ""), /^ready: groove-live/);
  patch.send("model", "nonsense");
  const refusal = "refused model: model must be one of groove-live,a1-live; got ...";
  assert.equal(patch.newest("state"), refusal); // as much as the line shows
  patch.run(4.8, music);
  assert.match(patch.newest("state"), /^refused model/);
  patch.run(0.5, music);
  assert.match(patch.newest("state"), /^ready/);
  patch.receive("/bassnet/model", "a1-live");
  assert.match(patch.newest("state"), /^ready: a1-live/);
});

test("a hello that is refused says why", () => {
  const network = new Network();
  network.server.hello = (source, [, port]) =>
    network.server.send(port, "/bassnet/error", "hello", "there are 64 sessions already: end one of them");
  const patch = network.started();
  assert.equal(patch.newest("state"), "refused hello: there are 64 sessions already: end one of them");
  patch.clock.pass(5000);
  assert.equal(patch.out[OUTLETS.listen].length, 1);
});

test("a server that knows no /bassnet/models does no harm; one that does fills the menu once", () => {
  const network = new Network();
  network.server.knowsModels = false;
  const spec = { ...SPEC, models: ["a1-live", "groove-live"], spareModels: ["own 1", "own 2"] };
  const [patch] = settled(network, 1, { spec });
  assert.deepEqual(patch.out[OUTLETS.models], []);
  assert.ok(patch.out[OUTLETS.state].every(([, text]) => !text.startsWith("refused")));
  const list = ["_parameter_range", "a1-live", "groove-live", "bass-mine", "own 2"]; // shipped ones first
  for (let i = 0; i < 3; i++) {
    network.restart();
    network.server.nTokens = 5000 + i;
    network.server.models = ["a1-live", "bass-mine", "groove-live"];
    patch.run(2.2, music);
    assert.deepEqual(patch.out[OUTLETS.models], [list, ["bang"]]); // a saved number may have got its name now
  }
  patch.send("model", "own 2");
  assert.ok(!words(patch).includes("/bassnet/model own 2"));
  patch.send("model", "bass-mine");
  patch.receive("/bassnet/models", "bass-mine", "bass-other", "bass-third");
  assert.deepEqual(patch.out[OUTLETS.models].slice(2), [
    ["_parameter_range", "a1-live", "groove-live", "bass-mine", "bass-other"],
    ["setsymbol", "bass-mine"],
  ]);
});

test("notes go out with their link, and none keeps sounding", () => {
  const network = new Network();
  const [patch] = settled(network);
  const notes = patch.out[OUTLETS.note];
  patch.send("link", 3);
  patch.receive("/bassnet/note/on", 40, 90, 0.1, 100, 3);
  patch.receive("/bassnet/note/off", 40, 120, 3);
  patch.receive("/bassnet/note/off", 40, 120, 3);
  patch.receive("/bassnet/note/on", 41, 91, 0, 130, 3);
  assert.deepEqual(notes, [
    [3, 40, 90],
    [3, 40, 0],
    [3, 41, 91],
  ]);
  patch.send("link", 4);
  assert.deepEqual(notes.slice(3), [[3, 41, 0]]);
  patch.receive("/bassnet/note/on", 42, 92, 0, 140, 3);
  network.isUp = false;
  patch.run(4, music);
  assert.deepEqual(notes.slice(4), [
    [4, 42, 92],
    [4, 42, 0],
  ]);
  network.isUp = true;
  patch.run(2, music);
  patch.receive("/bassnet/note/on", 43, 92, 0, 140, 3);
  patch.send("enabled", 0);
  assert.deepEqual(notes.slice(6), [
    [4, 43, 92],
    [4, 43, 0],
  ]);
  patch.receive("/bassnet/note/on", 44, 92, 0, 140, 3);
  assert.equal(notes.length, 8);
});

test("another server: bye to the one before, hello there; nonsense is no server", () => {
  const network = new Network();
  const [patch] = settled(network);
  const from = patch.out[0].length;
  patch.send("port", 7770);
  patch.send("port", 70000);
  patch.send("port", "x");
  patch.send("host", "127.0.0.1");
  patch.clock.pass(500);
  const own = ["/bassnet/hello", "/bassnet/ping", "/bassnet/subscribe", "/bassnet/models", "/bassnet/z"];
  const other = () => words(patch, from).filter((line) => !own.includes(line.split(" ")[0]));
  assert.deepEqual(other(), []);
  [7900, 7950.2, 7998.6].forEach((n) => patch.send("port", n)); // a drag, which ends between two numbers
  patch.clock.pass(500);
  assert.deepEqual(other(), ["/bassnet/bye", "host 127.0.0.1", "port 7999"]);
  const [after] = words(patch).slice(words(patch).lastIndexOf("port 7999") + 1);
  assert.match(after, /^\/bassnet\/hello/);
  patch.send("host", "studio.local");
  patch.clock.pass(500);
  assert.ok(words(patch).includes("host studio.local"));
});

test("a deleted device says bye", () => {
  const [patch] = settled(new Network());
  patch.context.notifydeleted();
  assert.equal(words(patch).at(-1), "/bassnet/bye");
  const from = patch.out[0].length;
  patch.clock.pass(5000);
  assert.equal(patch.out[0].length, from);
});

test("nothing is said twice: neither state nor latency nor ring nor models", () => {
  const network = new Network();
  const [patch] = settled(network);
  ["rate", "ring"].forEach((name) => patch.send(name, { rate: 48000, ring: 70 }[name]));
  patch.send("dsp", 1);
  patch.send("start");
  patch.run(3, music);
  for (const outlet of ["listen", "state", "told", "total", "ring", "models"]) {
    const said = patch.out[OUTLETS[outlet]].map(String);
    assert.ok(
      said.every((message, i) => message !== said[i - 1]),
      outlet,
    );
  }
  assert.ok(patch.out[OUTLETS.state].length < 12); // once a second
  assert.equal(patch.out[OUTLETS.total].length, 1);
});

test("Max that stood still for long has not lost its server", () => {
  const network = new Network();
  const [patch] = settled(network);
  patch.clock.stall(5000);
  patch.run(1, music);
  assert.ok(patch.out[OUTLETS.state].slice(1).every(([, text]) => !text.startsWith("offline")));
});
