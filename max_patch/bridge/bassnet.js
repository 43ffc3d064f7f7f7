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
const SETTLE_MS = 500; // a drag of the ring or the port is one change: each restarts the session
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

/** The menu of models. Live saves an item's number: shipped models keep theirs, others take spare ones. */
class Menu {
  /** @param {function(...string): void} tell takes a message to the menu */
  constructor(tell) {
    this.tell = tell;
    this.names = "";
  }

  /** Its items, where the server has others than before; a saved one that was a spare then says its name. */
  fill(names, chosen) {
    const nSpare = SPEC.spareModels.length;
    const others = names.filter((name) => !SPEC.models.includes(name)).slice(0, nSpare);
    const items = [...SPEC.models, ...others, ...SPEC.spareModels.slice(others.length)];
    if (this.names !== String(items)) {
      this.names = String(items);
      this.tell("_parameter_range", ...items);
      if (chosen === undefined) {
        this.tell("bang");
      } else if (items.includes(chosen)) {
        this.tell("setsymbol", chosen);
      }
    }
  }
}

/** A setting that is dragged: it holds once it has stayed for SETTLE_MS, or at once before the beginning. */
class Setting {
  /** @param {function(*): void} take is told what holds */
  constructor(take) {
    this.take = take;
    this.task = new Task(() => take(this.value), this);
  }

  /** Another value. */
  set(value) {
    this.value = value;
    this.task.cancel();
    if (bridge.isStarted) {
      this.task.schedule(SETTLE_MS);
    } else {
      this.take(value);
    }
  }
}

const bridge = new Bridge();
const settings = {
  ring: new Setting((ms) => bridge.setRing(ms)),
  host: new Setting((name) => bridge.move(name, bridge.session.port)),
  port: new Setting((n) => bridge.move(bridge.session.host, n)),
};

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
  settings.ring.set(Math.round(ms)); // a dial between two numbers shows one of them
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
  if (!SPEC.spareModels.includes(name)) {
    bridge.choose("/bassnet/model", name);
  }
}
function link(n) {
  bridge.notes.linkTo(n);
}
function host(name) {
  settings.host.set(String(name));
}
function port(n) {
  if (n >= 1 && n < 65536) {
    settings.port.set(Math.round(n));
  }
}
function anything() {
  bridge.heed(messagename, arguments);
}
function notifydeleted() {
  bridge.enable(false);
}
