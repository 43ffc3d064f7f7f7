"use strict";
/** What is lost: any datagram may be, once, and the session is whole soon; what came is not said for ever. */

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { OUTLETS } = require("./max_stand_in.js");
const { Network, music, playsWell } = require("./network.js");

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

test("what has arrived is not said for ever: choices twice, models once, the proof each second", () => {
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
