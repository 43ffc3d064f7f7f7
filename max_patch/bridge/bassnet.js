/**
 * Max's side of the bridge: its buffers, its notes, and the functions that Max calls, a message each.
 *
 * `v8 NAME MIX X Y BASS`, the names of four buffer~ of SPEC.ringFrames samples. Flow: Max -> Bridge.
 * Messages that say what is so already do nothing; those of the server come as their OSC address.
 */

inlets = 1;
outlets = 8;

const [OSC, LISTEN, STATE, TOLD, TOTAL, RING, MODELS, NOTE] = [0, 1, 2, 3, 4, 5, 6, 7]; // outlets
const MAX_PACKET = 9000; // bytes that udpsend may send; less than macOS does
const BUFFERS = ["mix", "x", "y", "bass"]; // in the order in which jsarguments names them

/** The four buffer~. Max may not have made them yet, or in another size. */
class Buffers {
  constructor() {
    this.missing = "any"; // name of one that is not there; "" when all are
    this.found = {};
  }

  /** Finds them by their names, from 1 on. */
  find(names) {
    for (const [i, which] of BUFFERS.entries()) {
      const buffer = new Buffer(names[i + 1]);
      const n = buffer.framecount();
      if (n > 0 && n !== SPEC.ringFrames) {
        buffer.send("sizeinsamps", SPEC.ringFrames);
      }
      this.found[which] = buffer;
      this.missing = buffer.framecount() === SPEC.ringFrames ? "" : String(names[i + 1]);
      if (this.missing) {
        return;
      }
    }
  }

  /** n samples from a frame on: a list, or a number where n is 1; null where they are not there any more. */
  read(which, frame, n) {
    const samples = this.found[which].peek(1, frame, n);
    return samples === undefined ? null : samples;
  }

  /** Writes a list of samples from a frame on. */
  write(which, frame, samples) {
    if (!this.missing) {
      this.found[which].poke(1, frame, samples);
    }
  }
}

/** The notes of MIDI: each that goes on goes off, also where the server does not come to say so. */
class Notes {
  /** @param {function(number, number, number): void} tell takes link, pitch, velocity */
  constructor(tell) {
    this.tell = tell;
    this.link = 0; // number of the devices that play them
    this.sounding = new Set(); // pitches
  }

  /** At once: its sound comes a little later, and MIDI is late already. Velocity 0 ends it. */
  play(pitch, velocity) {
    if (!Number.isInteger(pitch) || !Number.isInteger(velocity)) {
      return;
    }
    if (velocity > 0 || this.sounding.has(pitch)) {
      this.tell(this.link, pitch, velocity);
    }
    this.sounding[velocity > 0 ? "add" : "delete"](pitch);
  }

  /** Ends all that sound. */
  rest() {
    this.sounding.forEach((pitch) => this.tell(this.link, pitch, 0));
    this.sounding.clear();
  }

  /** Others play them from now on. */
  linkTo(n) {
    this.rest();
    this.link = n;
  }
}

/** The menu of models. It counts its items, so where these change, the one that was chosen is shown again. */
class Menu {
  /** @param {function(...string): void} tell takes a message to the menu */
  constructor(tell) {
    this.tell = tell;
    this.names = "";
  }

  /** Its items, if they are others than before. */
  fill(names, chosen) {
    if (this.names !== String(names)) {
      this.names = String(names);
      this.tell("_parameter_range", ...names);
      if (names.includes(chosen)) {
        this.tell("setsymbol", chosen);
      }
    }
  }
}

const bridge = new Bridge();

function start() {
  bridge.start();
}
function clock(count) {
  bridge.clock(count);
}
function dsp() {
  bridge.blocks.stop();
}
function rate(hz) {
  bridge.setRate(Math.round(hz));
}
function ring(ms) {
  bridge.setRing(ms);
}
function playing(isOn) {
  bridge.play(Boolean(isOn));
}
function sync(isOn) {
  bridge.isSynced = Boolean(isOn);
}
function enabled(isOn) {
  bridge.enable(Boolean(isOn));
}
function param(name, value) {
  if (SPEC.params.includes(name)) {
    bridge.choose(`/bassnet/param/${name}`, value);
  }
}
function model(name) {
  bridge.choose("/bassnet/model", name);
}
function link(n) {
  bridge.notes.linkTo(n);
}
function host(name) {
  bridge.move(String(name), bridge.session.port);
}
function port(n) {
  if (Number.isInteger(n) && n > 0 && n < 65536) {
    bridge.move(bridge.session.host, n);
  }
}
function anything() {
  bridge.heed(messagename, arguments);
}
function notifydeleted() {
  bridge.enable(false);
}
