"use strict";
/** OSC messages as Max's udpsend writes them and udpreceive reads them: whole numbers as i, others as f. */

/** A string with its end, to a multiple of 4. */
function padded(text) {
  return Buffer.concat([Buffer.from(text, "latin1"), Buffer.alloc(4 - (text.length % 4))]);
}

/** The bytes of a message: its address, then numbers and strings. */
function encode([address, ...args]) {
  const parts = args.map((arg) => {
    if (typeof arg === "string") return ["s", padded(arg)];
    const bytes = Buffer.alloc(4);
    if (Number.isInteger(arg)) bytes.writeInt32BE(arg);
    else bytes.writeFloatBE(arg);
    return [Number.isInteger(arg) ? "i" : "f", bytes];
  });
  const tags = `,${parts.map(([tag]) => tag).join("")}`;
  return Buffer.concat([padded(address), padded(tags), ...parts.map(([, bytes]) => bytes)]);
}

/** The address and arguments of a message's bytes. */
function decode(bytes) {
  let at = 0;
  const text = () => {
    const end = bytes.indexOf(0, at);
    const word = bytes.toString("latin1", at, end);
    at = 4 * Math.floor(end / 4 + 1);
    return word;
  };
  const number = (read) => {
    at += 4;
    return read.call(bytes, at - 4);
  };
  const address = text();
  const readers = { s: text, i: () => number(bytes.readInt32BE), f: () => number(bytes.readFloatBE) };
  return [address, ...Array.from(text().slice(1), (tag) => readers[tag]())];
}

module.exports = { decode, encode };
