"use strict";
/** The session: who answers, what is said and said again, what the state line says, and when. */

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Clock, Network, OUTLETS, SPEC, music, seeded } = require("./max_stand_in.js");
const { encode } = require("./osc.js");

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
function settled(network, n = 1) {
  const patches = Array.from({ length: n }, (_, i) => network.started({ seed: 10 + i }));
  patches.forEach((patch) => patch.run(0.5, music));
  return patches;
}

test("hello has 256 bytes, asks for the latency of Live, and comes four times a second until the welcome", () => {
  const network = new Network();
  network.isUp = false;
  const patch = network.add();
  patch.send("ring", 100);
  patch.send("start");
  const [hello] = patch.said("/bassnet/hello");
  assert.equal(encode(hello).length, SPEC.helloBytes);
  assert.match(hello[1], /^live-[a-z]{6}$/);
  assert.ok(hello[2] >= 49152 && hello[2] <= 65535);
  assert.deepEqual(hello.slice(3, 11), [48000, 240, "f", "deadline_ms", 70, "latency_target_ms", 60, "pad"]);
  patch.clock.pass(1700);
  assert.equal(patch.said("/bassnet/hello").length, 7);
  assert.equal(patch.newest("state"), "offline: no server at 127.0.0.1:7770");
  network.isUp = true;
  patch.clock.pass(250);
  assert.match(patch.newest("state"), /^ready: groove-live/);
  patch.clock.pass(10000);
  assert.equal(patch.said("/bassnet/hello").length, 18);
});

test("udpsend is told where to and how much before anything is sent, udpreceive where", () => {
  const patch = new Network().started();
  assert.deepEqual(words(patch).slice(0, 3), ["maxpacketsize 9000", "host 127.0.0.1", "port 7770"]);
  assert.deepEqual(patch.out[OUTLETS.listen], [["port", patch.said("/bassnet/hello")[0][2]]]);
});

test("a session is proven both ways, and told once what was chosen before it began", () => {
  const network = new Network();
  const patch = network.add();
  patch.send("param", "gain", -6);
  patch.send("param", "timbre", "sub");
  patch.send("param", "nonsense", 1);
  patch.send("model", "a1-live");
  assert.deepEqual(patch.out[0], []);
  patch.send("start");
  const said = words(patch).filter((line) => line.startsWith("/"));
  const [own, proof] = said.slice(1, 3).map((line) => Number(line.split(" ")[1]));
  assert.equal(proof, 1000);
  assert.notEqual(own, proof);
  assert.deepEqual(said.slice(3), [
    "/bassnet/param/gain -6",
    "/bassnet/param/timbre sub",
    "/bassnet/model a1-live",
    "/bassnet/subscribe notes 1",
    "/bassnet/models",
  ]);
  patch.clock.pass(3000);
  assert.equal(words(patch).filter((line) => line.startsWith("/bassnet/param")).length, 2);
  patch.send("param", "gain", -6);
  patch.send("param", "gain", -7);
  assert.equal(words(patch).at(-1), "/bassnet/param/gain -7");
  assert.equal(words(patch).filter((line) => line.startsWith("/bassnet/param/gain")).length, 2);
});

test("to a restarted server all is said again, and the bass goes on in its place", () => {
  const network = new Network();
  const [patch] = settled(network);
  patch.send("param", "octave", 1);
  patch.send("model", "a1-live");
  const z = () => [0.25, -0.5];
  patch.run(0.2, music, { z });
  network.restart();
  network.server.nTokens = 7000;
  const from = patch.out[0].length;
  patch.run(1.2, music, { z });
  const said = words(patch, from).filter((line) => !line.startsWith("/bassnet/hello"));
  assert.deepEqual(said.slice(1), [
    "/bassnet/ping 7000",
    "/bassnet/param/octave 1",
    "/bassnet/model a1-live",
    "/bassnet/subscribe notes 1",
    "/bassnet/models",
    "/bassnet/z 0.25 -0.5",
  ]);
  assert.ok(playsWell(patch));
  const seqs = patch.said("/bassnet/audio/in").map(([, seq]) => seq);
  assert.ok(seqs.every((seq, k) => seq === k)); // no block is left out for it
});

test("a server that is gone: offline after 3 s, a hello each second, no blocks; ready again when it is back", () => {
  const network = new Network();
  const [patch] = settled(network);
  network.isUp = false;
  patch.run(4.1, music);
  assert.equal(patch.newest("state"), "offline: no server at 127.0.0.1:7770");
  const from = patch.out[0].length;
  patch.run(5, music);
  assert.equal(patch.said("/bassnet/hello", from).length, 5);
  assert.deepEqual(patch.said("/bassnet/audio/in", from), []);
  network.isUp = true;
  network.restart();
  patch.run(1.2, music);
  assert.match(patch.newest("state"), /^ready: groove-live, \d+ late of \d+$|^late/);
  assert.ok(playsWell(patch));
});

test("a port that is taken: another one after 2 s", () => {
  const network = new Network();
  const patch = network.add();
  patch.onOutlet = ((then) => (to, message) => {
    if (to === OUTLETS.listen && network.taken.size === 0) network.taken.add(message[1]);
    then(to, message);
  })(patch.onOutlet);
  patch.send("start");
  patch.clock.pass(1990);
  assert.equal(patch.out[OUTLETS.listen].length, 1);
  patch.clock.pass(20);
  assert.equal(patch.out[OUTLETS.listen].length, 2);
  assert.notEqual(patch.out[OUTLETS.listen][1][1], patch.out[OUTLETS.listen][0][1]);
  assert.match(patch.newest("state"), /^ready/);
  patch.clock.pass(20000);
  assert.equal(patch.out[OUTLETS.listen].length, 2);
});

test("a welcome whose server answers no ping of ours is another's, and so is a pong", () => {
  const network = new Network();
  network.isUp = false;
  const patch = network.started();
  patch.receive("/bassnet/welcome", 1, 4711, 2880, "groove-live", "0.1.0");
  const [, own] = patch.said("/bassnet/ping")[0];
  patch.receive("/bassnet/pong", (own + 1) % 2 ** 31);
  patch.receive("/bassnet/pong", 4711);
  patch.receive("/bassnet/status", "ready", "");
  patch.run(1.9, music);
  assert.deepEqual(patch.said("/bassnet/audio/in"), []);
  assert.equal(patch.newest("state"), "offline: no server at 127.0.0.1:7770");
  patch.run(0.2, music);
  assert.equal(patch.out[OUTLETS.listen].length, 2); // others' words do not keep the port
  patch.receive("/bassnet/pong", own);
  assert.match(patch.newest("state"), /^ready/);
});

for (const [isShared, seeds] of [
  [false, [3, 3]],
  [true, [3, 3]],
  [false, [3, 4]],
]) {
  const how = `${isShared ? "both hear the port" : "the first has the port"}, seeds ${seeds}`;
  test(`two bridges play side by side, each its own bass: ${how}`, () => {
    const network = new Network();
    network.isShared = isShared;
    const [first, second] = seeds.map((seed) => network.started({ seed }));
    const mixes = [music, (n) => music(n + 777)];
    for (let i = 0; i < 800; i++) {
      network.clock.pass(5);
      [first, second].forEach((patch, which) => {
        patch.play(240, mixes[which]);
        patch.tellClock();
      });
    }
    assert.notEqual(first.port, second.port);
    assert.equal(network.server.sessions.size, 2);
    [first, second].forEach((patch, which) => {
      assert.match(patch.newest("state"), /^ready: groove-live, 0 late/);
      assert.ok(playsWell(patch, mixes[which]));
      assert.ok(!patch.out[OUTLETS.state].slice(1).some((line) => /refused hello/.test(line[1]) && patch === first));
    });
  });
}

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
  assert.equal(becomes("overloaded", "every second window is left out"), "overloaded: every second window is left out");
  assert.equal(becomes("stopping", ""), "stopping");
  assert.match(becomes("ready", ""), /^ready: groove-live/);
  patch.send("model", "nonsense");
  assert.match(patch.newest("state"), /^refused model: model must be one of groove-live,a1-live; got 'nonsense'/);
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
  const [patch] = settled(network);
  assert.deepEqual(patch.out[OUTLETS.models], []);
  assert.ok(patch.out[OUTLETS.state].every(([, text]) => !text.startsWith("refused")));
  const list = ["_parameter_range", "groove-live", "a1-live"];
  for (let i = 0; i < 3; i++) {
    network.restart();
    network.server.nTokens = 5000 + i;
    patch.run(1.2, music);
    assert.deepEqual(patch.out[OUTLETS.models], [list]);
  }
  network.server.models = ["a1-live"];
  patch.receive("/bassnet/models", "a1-live");
  assert.deepEqual(patch.out[OUTLETS.models], [list, ["_parameter_range", "a1-live"]]);
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
  assert.deepEqual(notes, [[3, 40, 90], [3, 40, 0], [3, 41, 91]]);
  patch.send("link", 4);
  assert.deepEqual(notes.slice(3), [[3, 41, 0]]);
  patch.receive("/bassnet/note/on", 42, 92, 0, 140, 3);
  network.isUp = false;
  patch.run(4, music);
  assert.deepEqual(notes.slice(4), [[4, 42, 92], [4, 42, 0]]);
  network.isUp = true;
  patch.run(2, music);
  patch.receive("/bassnet/note/on", 43, 92, 0, 140, 3);
  patch.send("enabled", 0);
  assert.deepEqual(notes.slice(6), [[4, 43, 92], [4, 43, 0]]);
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
  assert.equal(patch.out[0].length, from);
  patch.send("port", 7999);
  assert.deepEqual(words(patch, from).slice(0, 3), ["/bassnet/bye", "host 127.0.0.1", "port 7999"]);
  assert.match(words(patch, from)[3], /^\/bassnet\/hello/);
  patch.send("host", "studio.local");
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
    assert.ok(said.every((message, i) => message !== said[i - 1]), outlet);
  }
  assert.ok(patch.out[OUTLETS.state].length < 12); // once a second
  assert.equal(patch.out[OUTLETS.total].length, 1);
});

test("Max that stood still for long has not lost its server", () => {
  const network = new Network();
  const [patch] = settled(network);
  patch.clock.time += 5000; // nothing ran
  patch.run(1, music);
  assert.ok(patch.out[OUTLETS.state].slice(1).every(([, text]) => !text.startsWith("offline")));
});

test("whatever comes from the network, no handler throws", () => {
  const random = seeded(5);
  const [patch] = settled(new Network(new Clock()));
  const addresses = ["welcome", "pong", "audio/out", "status", "model", "models", "error", "note/on", "note/off", "x"];
  const values = [0, -1, 1e9, 0.5, NaN, Infinity, "", "loading", "hello", "no_session", "reply_port", -0, 2 ** 40];
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
