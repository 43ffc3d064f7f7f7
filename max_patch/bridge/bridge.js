/**
 * The bridge as a whole: what was chosen, what is said and shown, and whose turn it is.
 *
 * Flow: bassnet.js -> Bridge -> Session, Choices, Blocks, Ring, Notes -> outlets and buffers. All of it runs
 * in Max's low-priority thread: after a stall the messages come in a burst. Nothing is printed, and nothing
 * is written into parameters, so that there is nothing to undo.
 */

const SLOW_TICKS = 4; // ticks between two looks for what may be slow: a second

class Bridge {
  /** It begins with `start`. */
  constructor() {
    const send = (words) => outlet(OSC, words);
    this.buffers = new Buffers();
    this.blocks = new Blocks((which, frame, n) => this.buffers.read(which, frame, n), send);
    this.ring = new Ring((frame, samples) => this.buffers.write("bass", frame, samples));
    const listen = (to) => outlet(LISTEN, "port", to);
    this.session = new Session(send, listen, (isNew) => this.introduce(isNew));
    this.expect = (k) => this.ring.expect(k);
    this.task = new Task(() => this.tick(), this);
    this.task.interval = TICK_MS;
    this.isStarted = this.isPlaying = false;
    this.isEnabled = this.isSynced = true;
    this.rate = SPEC.usualRate;
    this.ringMs = SPEC.ringMs;
    this.choices = new Choices(send, new Menu((...words) => outlet(MODELS, words)));
    this.notes = new Notes((...words) => outlet(NOTE, words));
    this.said = []; // by outlet, so that nothing is said twice
    this.counts = { heard: 0, missed: 0, missedAt: -Infinity };
    this.nTicks = 0;
  }

  /** All that was stored has been sent: begins. */
  start() {
    if (!this.isStarted) {
      this.isStarted = true;
      outlet(OSC, "maxpacketsize", MAX_PACKET);
      this.tune();
      this.run();
    }
  }

  /** Switches it on or off. */
  enable(isEnabled) {
    if (isEnabled === this.isEnabled) {
      return;
    }
    if (this.isRunning) {
      this.end();
    }
    this.isEnabled = isEnabled;
    this.run();
  }

  /** Begins anew, if it is switched on. */
  run() {
    if (this.isRunning) {
      outlet(OSC, "host", this.session.host);
      outlet(OSC, "port", this.session.port);
      this.attach();
      this.session.begin(Date.now());
      this.task.cancel();
      this.task.repeat();
    }
    this.show();
  }

  /** Says bye and is silent. */
  end() {
    this.task.cancel();
    this.session.bye();
    this.notes.rest();
    this.blocks.stop();
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

  /** Another server, where it is one: a bye to the one before. */
  move(host, port) {
    if (host === this.session.host && port === this.session.port) {
      return;
    }
    if (this.isRunning) {
      this.session.bye();
      this.notes.rest();
    }
    Object.assign(this.session, { host, port });
    this.run();
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

  /** The sample rate in Hz: where it is another one, the stream begins anew. */
  setRate(rate) {
    if (rate > 0 && rate !== this.rate) {
      this.rate = rate;
      this.blocks.sizeFor(rate);
      this.tune();
    }
  }

  /** How late the bass is played, in ms, so that its answers are there. */
  setRing(ms) {
    if (ms > 0 && ms !== this.ringMs) {
      this.ringMs = ms;
      this.tune();
    }
  }

  /** The transport: where it begins, so does the stream. A loop or a leap goes on. */
  play(isPlaying) {
    if (isPlaying && !this.isPlaying && this.isSynced) {
      this.say("/bassnet/reset");
    }
    this.isPlaying = isPlaying;
  }

  /** Remembers what was chosen last at an OSC address, and says it. */
  choose(address, value) {
    if (this.choices.set(address, value)) {
      this.say(address, value);
    }
  }

  /** The count of the newest sample: sends what is whole, clears what was heard. */
  clock(count) {
    if (!this.isRunning || this.buffers.missing) {
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
      if (this.buffers.missing) {
        this.attach();
      }
    }
    this.counts.missed = this.ring.nMissed;
    if (this.session.token === null) {
      this.notes.rest();
    }
    this.show();
  }

  /** Looks for the buffers; their samples are another beginning. */
  attach() {
    this.blocks.stop();
    this.buffers.find(jsarguments);
  }

  /** A welcome: tells a new session what it has to know, and one that goes on what may have been lost. */
  introduce(isNew) {
    if (isNew) {
      this.choices.open();
      this.blocks.forgetZ();
      this.notes.rest();
    } else if (this.choices.welcome()) {
      this.blocks.repeatZ();
    }
  }

  /** Sends it where there is a session; to others it is told at their beginning. */
  say(...words) {
    if (this.session.token !== null) {
      outlet(OSC, words);
    }
  }

  /** A message of the server: its address, and its arguments as they came. */
  heed(address, words) {
    if (!this.isRunning) {
      return;
    }
    const now = Date.now();
    if (address === "/bassnet/audio/out") {
      if (!this.buffers.missing && this.ring.put(this.blocks.indexOf(words[0]), words)) {
        this.session.heardAt = now;
      }
    } else if (address === "/bassnet/note/on" || address === "/bassnet/note/off") {
      this.notes.play(words[0], address === "/bassnet/note/on" ? words[1] : 0);
    } else {
      this.choices.heed(address, words);
      this.session.heed(address, words, now);
      this.show();
    }
  }

  /** The state line. */
  show() {
    if (!this.isStarted) {
      return;
    }
    const { buffers, session, counts } = this;
    const line = session.state.line(session, counts, Date.now());
    const state = buffers.missing ? `no buffer ${buffers.missing} yet` : line;
    this.tell(STATE, "set", this.isEnabled ? state : "off");
  }

  /** Says something at an outlet, unless it is what was said there last. */
  tell(to, ...words) {
    const said = JSON.stringify(words);
    if (this.said[to] !== said) {
      this.said[to] = said;
      outlet(to, ...words);
    }
  }
}
