/**
 * Max's side of the bridge: the functions that Max calls, outlets, buffers, the clock.
 *
 * `v8 bassnet.js MIX X Y BASS`, the names of four buffer~ of SPEC.ringFrames samples. Flow: messages in -> Bridge ->
 * Session, Blocks, Ring -> outlets, buffers. All of it runs in the low-priority thread: after a stall the messages
 * come in a burst. Nothing is printed, and nothing is written into parameters, so that there is nothing to undo.
 */

inlets = 1;
outlets = 8;

const [OSC, LISTEN, STATE, TOLD, TOTAL, RING, MODELS, NOTE] = [0, 1, 2, 3, 4, 5, 6, 7];
const BUFFERS = ["mix", "x", "y", "bass"]; // as jsarguments names them, from 1 on
const MAX_PACKET = 9000; // bytes that udpsend may send; less than macOS does
const SLOW_TICKS = 4; // ticks between two looks for what may be slow: a second

class Bridge {
  constructor() {
    this.blocks = new Blocks((which, frame, n) => this.read(which, frame, n), (words) => outlet(OSC, words));
    this.ring = new Ring((frame, samples) => this.isAttached && this.buffers.bass.poke(1, frame, samples));
    this.session = new Session(
      (words) => outlet(OSC, words),
      (port) => outlet(LISTEN, "port", port),
      () => this.introduce(),
    );
    this.expect = (k) => this.ring.expect(k);
    this.task = new Task(() => this.tick(), this);
    this.task.interval = TICK_MS;
    this.isStarted = this.isAttached = this.isPlaying = false;
    this.isEnabled = this.isSynced = true;
    this.buffers = {};
    this.missing = ""; // name of a buffer~ that is not there
    this.rate = SPEC.usualRate;
    this.ringMs = SPEC.ringMs;
    this.params = new Map();
    this.model = "";
    this.link = 0;
    this.sounding = new Set(); // pitches
    this.said = []; // by outlet, so that nothing is said twice
    this.counts = { heard: 0, missed: 0, missedAt: -Infinity };
    this.nTicks = 0;
  }

  /** All that was stored has been sent: begins. */
  start() {
    if (!this.isStarted) {
      this.isStarted = true;
      outlet(OSC, "maxpacketsize", MAX_PACKET);
      this.aim();
      this.tune();
      this.enable(this.isEnabled);
    }
  }

  /** Begins anew, or says bye and is silent. */
  enable(isEnabled) {
    const isOver = this.isRunning && !isEnabled;
    this.isEnabled = isEnabled;
    this.blocks.stop();
    this.task.cancel();
    if (this.isRunning) {
      this.attach();
      this.session.begin(Date.now());
      this.task.repeat();
    } else if (isOver) {
      this.end();
    }
    this.show();
  }

  /** Says bye and is silent. */
  end() {
    this.session.bye();
    this.rest();
    this.ring.begin(SPEC.ringFrames, this.blocks.block, this.delay);
  }

  /** Whether it was begun and is not switched off. */
  get isRunning() {
    return this.isStarted && this.isEnabled;
  }

  /** Samples from a block's position to where it is heard. */
  get delay() {
    const wanted = Math.round((this.ringMs * this.rate) / 1000);
    return Math.min(Math.max(wanted, this.blocks.block), SPEC.ringFrames / 2);
  }

  /** Sends to this server from now on. */
  aim() {
    outlet(OSC, "host", this.session.host);
    outlet(OSC, "port", this.session.port);
  }

  /** Another server: a bye to the one before. */
  move(host, port) {
    if (host === this.session.host && port === this.session.port) {
      return;
    }
    if (this.isRunning) {
      this.session.bye();
      this.rest();
    }
    this.session.host = host;
    this.session.port = port;
    if (this.isStarted) {
      this.aim();
    }
    if (this.isRunning) {
      this.session.begin(Date.now());
    }
  }

  /** The rate or the ring changed: so do the delay, the latency that is told, and the hello. */
  tune() {
    const { block, now } = this.blocks;
    this.session.change(this.rate, block, this.ringMs);
    if (!this.isStarted) {
      return;
    }
    const total = this.delay + Math.round((SPEC.latencyTargetMs * this.rate) / 1000);
    this.ring.delayBy(this.delay, now || SPEC.ringFrames);
    this.tell(RING, SPEC.ringFrames - this.delay);
    this.tell(TOTAL, total);
    this.tell(TOLD, "set", `${((1000 * total) / this.rate).toFixed(1)} ms, ${total} samples`);
  }

  /** The sample rate in Hz: the stream begins anew where it is another one. */
  setRate(rate) {
    this.rate = rate;
    this.blocks.sizeFor(rate);
    this.tune();
  }

  /** The count of the newest sample: sends what is whole, clears what was heard. */
  clock(count) {
    if (!this.isRunning || !this.isAttached) {
      return;
    }
    const step = this.blocks.follow(count);
    if (step < 0) {
      this.ring.begin(this.blocks.start, this.blocks.block, this.delay);
      this.counts.missedAt = -Infinity;
    } else if (this.ring.advance(this.blocks.now, step) > 0) {
      this.counts.missedAt = Date.now();
    }
    if (!this.session.isOpen) {
      this.blocks.skip();
    } else if (!this.blocks.send(this.expect)) {
      this.attach();
    }
  }

  /** Every TICK_MS. */
  tick() {
    const now = Date.now();
    this.session.tick(now);
    this.nTicks += 1;
    if (this.nTicks % SLOW_TICKS === 0) {
      this.counts.heard = this.ring.nHeard;
      if (!this.isAttached) {
        this.attach();
      }
    }
    this.counts.missed = this.ring.nMissed;
    if (this.session.token === null) {
      this.rest();
    }
    this.show();
  }

  /** Finds the buffers; their samples are another beginning. Max may not have made them yet. */
  attach() {
    this.isAttached = false;
    this.blocks.stop();
    for (const [i, which] of BUFFERS.entries()) {
      const name = jsarguments[i + 1];
      const buffer = new Buffer(name);
      const n = buffer.framecount();
      if (n > 0 && n !== SPEC.ringFrames) {
        buffer.send("sizeinsamps", SPEC.ringFrames);
      }
      this.missing = buffer.framecount() === SPEC.ringFrames ? "" : name;
      if (this.missing) {
        return;
      }
      this.buffers[which] = buffer;
    }
    this.isAttached = true;
  }

  /** Samples of a buffer~, or null where it is not there any more. */
  read(which, frame, n) {
    const samples = this.buffers[which].peek(1, frame, n);
    return samples === undefined ? null : samples;
  }

  /** Tells a new session what it has to know. */
  introduce() {
    for (const [name, value] of this.params) {
      outlet(OSC, `/bassnet/param/${name}`, value);
    }
    if (this.model) {
      outlet(OSC, "/bassnet/model", this.model);
    }
    outlet(OSC, "/bassnet/subscribe", "notes", 1);
    outlet(OSC, "/bassnet/models");
    this.blocks.forgetZ();
    this.rest();
  }

  /** Sends it where there is a session; to others it is told at their beginning. */
  say(...words) {
    if (this.session.token !== null) {
      outlet(OSC, words);
    }
  }

  /** A message of the server: its address, and its arguments as they came. */
  heed(address, words) {
    const now = Date.now();
    if (!this.isRunning) {
      return;
    }
    if (address === "/bassnet/audio/out") {
      if (this.isAttached && this.ring.put(this.blocks.indexOf(words[0]), words)) {
        this.session.heardAt = now;
      }
    } else if (address === "/bassnet/note/on" || address === "/bassnet/note/off") {
      this.note(words[0], address === "/bassnet/note/on" ? words[1] : 0);
    } else if (address === "/bassnet/models") {
      this.tell(MODELS, "_parameter_range", ...Array.from(words, String));
    } else {
      this.session.heed(address, words, now);
      this.show();
    }
  }

  /** A note of MIDI, at once: the sound of it comes a little later, and MIDI cannot wait for less than that. */
  note(pitch, velocity) {
    if (!(Number.isInteger(pitch) && Number.isInteger(velocity))) {
      return;
    }
    if (velocity > 0 || this.sounding.has(pitch)) {
      outlet(NOTE, this.link, pitch, velocity);
    }
    this.sounding[velocity > 0 ? "add" : "delete"](pitch);
  }

  /** Ends the notes that sound. */
  rest() {
    this.sounding.forEach((pitch) => outlet(NOTE, this.link, pitch, 0));
    this.sounding.clear();
  }

  /** The state line. */
  show() {
    if (!this.isStarted) {
      return;
    }
    const state = this.missing ? `no buffer ${this.missing} yet` : this.session.words(this.counts, Date.now());
    this.tell(STATE, "set", this.isEnabled ? state : "off");
  }

  /** Says something at an outlet, unless it is what was said there last. */
  tell(to, ...words) {
    const said = JSON.stringify(words);
    if (this.said[to] !== said) {
      this.said[to] = said;
      outlet(to, words);
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

function dsp(isOn) {
  bridge.blocks.stop();
}

function rate(hz) {
  const whole = Math.round(hz);
  if (whole > 0 && whole !== bridge.rate) {
    bridge.setRate(whole);
  }
}

function playing(isOn) {
  if (isOn && !bridge.isPlaying && bridge.isSynced) {
    bridge.say("/bassnet/reset");
  }
  bridge.isPlaying = Boolean(isOn);
}

function enabled(isOn) {
  if (Boolean(isOn) !== bridge.isEnabled) {
    bridge.enable(Boolean(isOn));
  }
}

function sync(isOn) {
  bridge.isSynced = Boolean(isOn);
}

function param(name, value) {
  if (SPEC.params.includes(name) && value !== undefined && bridge.params.get(name) !== value) {
    bridge.params.set(name, value);
    bridge.say(`/bassnet/param/${name}`, value);
  }
}

function model(name) {
  if (name && name !== bridge.model) {
    bridge.model = String(name);
    bridge.say("/bassnet/model", bridge.model);
  }
}

function ring(ms) {
  if (ms > 0 && ms !== bridge.ringMs) {
    bridge.ringMs = ms;
    bridge.tune();
  }
}

function link(n) {
  bridge.rest();
  bridge.link = n;
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
  bridge.task.cancel();
  if (bridge.isRunning) {
    bridge.end();
  }
}
