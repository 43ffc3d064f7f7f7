"use strict";
/**
 * The script as the device has it: the constants of its generator, and the files of bridge/ as they are now.
 *
 * Flow: max_patch/BassNet.amxd, max_patch/bridge/*.js -> script -> max_stand_in.js, tests.
 */

const fs = require("node:fs");
const path = require("node:path");

const FOLDER = path.join(__dirname, "..", "..", "max_patch", "bridge");
const FILES = ["ring.js", "blocks.js", "state.js", "session.js", "choices.js", "bridge.js", "bassnet.js"];
const DEVICE = path.join(FOLDER, "..", "BassNet.amxd");
const SPEC = generated();

/** The constants before the script that the device holds; its JSON lies between a header and a trailer. */
function generated() {
  const text = fs.readFileSync(DEVICE, "utf8");
  const { boxes } = JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1)).patcher;
  const { box } = boxes.find((each) => (each.box.text || "").startsWith("v8 "));
  return JSON.parse(/^const SPEC = (\{.*\});$/m.exec(box.textfile.text)[1]);
}

/** The text that the patch holds, or would with other constants. */
function script(spec = SPEC) {
  const text = FILES.map((name) => fs.readFileSync(path.join(FOLDER, name), "utf8")).join("\n");
  return `const SPEC = ${JSON.stringify(spec)};\n${text}`;
}

module.exports = { SPEC, script };
