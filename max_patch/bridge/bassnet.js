/**
 * Max's side of the bridge: its buffers, its notes, and the functions that Max calls, a message each.
 *
 * `v8 NAME MIX X Y BASS`, the names of four buffer~ of SPEC.ringFrames samples. Flow: Max -> Bridge.
 * Messages that say what is so already do nothing. v8 calls the function that a message names: what comes
 * from the network comes behind `osc`, so that it can name no other.
 */

inlets = 1;
outlets = 8;

const [OSC, LISTEN, STATE, TOLD, TOTAL, RING, MODELS, NOTE] = [0, 1, 2, 3, 4, 5, 6, 7]; // outlets
const MAX_PACKET = 9000; // bytes that udpsend may send; less than macOS does
const SETTLE_MS = 500; // a drag of the ring or the port is one change: each restarts the session
const MIDI_VALUES = 128; // of a pitch, and of a velocity
const BUFFERS = ["mix", "x", "y", "bass"]; // in the order in which jsarguments names them

/** The four buffer~. Max may not have made them yet, or in another size. */
class Buffers {
  /** None was looked for yet. */
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
    if (!isMidi(pitch) || !isMidi(velocity)) {
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

/** Whether a word of the network is a pitch or a velocity. */
function isMidi(word) {
  return Number.isInteger(word) && word >= 0 && word < MIDI_VALUES;
}

const bridge = new Bridge();
const settings = {
  ring: new Setting((ms) => bridge.setRing(ms)),
  host: new Setting((name) => bridge.move(name, bridge.session.port)),
  port: new Setting((n) => bridge.move(bridge.session.host, n)),
};

/** All that was stored has been sent. */
function start() {
  bridge.start();
}

/** The count of the newest sample, modulo SPEC.ringFrames. */
function clock(count) {
  bridge.clock(count);
}

/** The signals begin, or end. */
function dsp() {
  bridge.blocks.stop();
}

/** The sample rate; Max may say it in fractions. */
function rate(hz) {
  bridge.setRate(Math.round(hz));
}

/** How late the bass is played. */
function ring(ms) {
  settings.ring.set(Math.round(ms)); // a dial between two numbers shows one of them
}

/** The transport. */
function playing(isOn) {
  bridge.play(Boolean(isOn));
}

/** Whether the stream begins anew where the transport does. */
function sync(isOn) {
  bridge.isSynced = Boolean(isOn);
}

/** Whether the device is on. */
function enabled(isOn) {
  bridge.enable(Boolean(isOn));
}

/** A parameter of the sound. */
function param(name, value) {
  if (SPEC.params.includes(name)) {
    bridge.choose(`/bassnet/param/${name}`, value);
  }
}

/** The model that plays; a spare item of the menu is none. */
function model(name) {
  if (!SPEC.spareModels.includes(name)) {
    bridge.choose("/bassnet/model", name);
  }
}

/** The number of the devices that play the notes. */
function link(n) {
  bridge.notes.linkTo(n);
}

/** The server's machine. */
function host(name) {
  settings.host.set(String(name));
}

/** The server's port. */
function port(n) {
  if (n >= 1 && n < 65536) {
    settings.port.set(Math.round(n));
  }
}

/** A message of the network: nothing is known of it but that its words are numbers and texts. */
function osc(address, ...words) {
  if (typeof address === "string" && address.startsWith("/bassnet/")) {
    bridge.heed(address, words);
  }
}

/** Any other message: nothing to do, and no error to print. */
function anything() {}

/** The device is deleted. */
function notifydeleted() {
  bridge.enable(false);
}
