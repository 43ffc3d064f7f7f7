"use strict";
/** The session: who answers, at which port, and what is said again to a server that knows nothing. */

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { OUTLETS, SPEC } = require("./max_stand_in.js");
const { Network, music, playsWell, settled, words } = require("./network.js");
const { encode } = require("./osc.js");

test("hello has 256 bytes, asks for a fixed latency, and comes four times a second until the welcome", () => {
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
  assert.equal(words(patch).filter((line) => line.startsWith("/bassnet/param")).length, 2 * 2);
  patch.send("param", "gain", -6);
  patch.send("param", "gain", -7);
  assert.equal(words(patch).at(-1), "/bassnet/param/gain -7");
  assert.equal(words(patch).filter((line) => line.startsWith("/bassnet/param/gain")).length, 3);
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
  patch.run(2.2, music, { z });
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

test("a server that is gone: offline after 3 s, a hello a second, no blocks; ready when it is back", () => {
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
      assert.ok(
        !patch.out[OUTLETS.state].slice(1).some((line) => /refused hello/.test(line[1]) && patch === first),
      );
    });
  });
}

test("a model that is later than what was told is named as such, and the latency is not told anew", () => {
  const [patch] = settled(new Network());
  const n = patch.out[OUTLETS.total].length;
  patch.send("model", "studio");
  patch.clock.pass(1000);
  assert.equal(patch.newest("state"), "ready: studio, 1740 ms later than told");
  assert.equal(patch.out[OUTLETS.total].length, n);
});

test("switched off and on, it has another session at once: the one that was left is owed no patience", () => {
  const network = new Network();
  const [patch] = settled(network);
  patch.send("enabled", 0);
  patch.send("enabled", 1);
  patch.clock.pass(250);
  assert.equal(patch.bridge.session.token, 1001);
  assert.match(patch.newest("state"), /^ready/);
});
