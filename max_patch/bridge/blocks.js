/**
 * What is sent: whole blocks of the mix with their seq, and z at the samples where it moved.
 *
 * Flow: count~ -> bridge.js -> Blocks -> say (udpsend), read (the buffer~ of the mix, and those of z). The
 * patch counts samples modulo SPEC.ringFrames and writes the mix and z at that count; here positions go on
 * for ever. A signal that begins anew, or whose count leaps, has a new block 0 at the next count; seq goes
 * on, far enough ahead for old answers not to be taken for new ones.
 */

const OLDEST = 1 << 14; // samples that a count may be behind the newest one
const SEQ_LEAP = 4096; // blocks: more than a second, and more than SLOTS, at any rate
const NEVER = -2; // no block, nor the one before any

class Blocks {
  /**
   * @param {function(string, number, number): ArrayLike<number>|number|null} read of the buffer~ `mix`, `x`
   *     or `y`, from a frame on, so many samples; null where it is not there
   * @param {function(Array): void} say sends an OSC message: the address and its arguments, copied at once
   */
  constructor(read, say) {
    this.read = read;
    this.say = say;
    this.isRunning = false;
    this.firstSeq = SPEC.seqModulo - SEQ_LEAP; // so that the first one of all is 0
    this.next = 0; // block that is sent next
    this.z = null; // [x, y] as last told
    this.hasMoved = false; // whether the session was told of another one since its first
    this.toldAt = NEVER; // block for which it was
    this.sizeFor(SPEC.usualRate);
  }

  /** Chooses the size of blocks for a sample rate in Hz: no more than 200 messages a second at usual ones. */
  sizeFor(rate) {
    this.block = rate > SPEC.usualRate ? SPEC.wideBlockSize : SPEC.blockSize;
    this.message = new Array(2 + this.block).fill(0); // one for all: `say` copies it
    this.message[0] = "/bassnet/audio/in";
    this.stop();
  }

  /** The signal ends; where it goes on is a new beginning. */
  stop() {
    this.isRunning = false;
  }

  /**
   * Follows the patch's count.
   * @param {number} count of the newest sample, modulo SPEC.ringFrames
   * @returns {number} samples since the last call; -1 where the signal begins anew, with block 0 here
   */
  follow(count) {
    const step = (count - this.count + SPEC.ringFrames) % SPEC.ringFrames;
    if (this.isRunning && step >= SPEC.ringFrames - OLDEST) {
      return 0; // Max gives out what waited in another order; a signal that begins anew says so with dsp
    }
    this.count = count;
    if (this.isRunning && step <= SPEC.ringFrames / 2) {
      this.now += step;
      return step;
    }
    this.firstSeq = (this.seqOf(this.next) + SEQ_LEAP) % SPEC.seqModulo;
    this.now = this.start = SPEC.ringFrames + count; // so that a ring before it is no negative position
    this.next = 0;
    this.toldAt = NEVER;
    this.isRunning = true;
    return -1;
  }

  /**
   * Sends all blocks that are whole by now: at most half the buffer~ of them, since `follow` goes no further.
   * @param {function(number): void} sent is told each block
   * @returns {boolean} false where a buffer~ is not there; then they wait
   */
  send(sent) {
    const end = this.whole();
    while (this.next < end) {
      const k = this.next;
      const position = this.start + k * this.block;
      if (!this.fill(position)) {
        return false;
      }
      this.next += 1;
      sent(k); // before it leaves: the answer may be here at once
      this.tellZ(k, position);
      this.message[1] = this.seqOf(k);
      this.say(this.message);
    }
    return true;
  }

  /** Leaves out all blocks that are whole by now: nobody would hear them. */
  skip() {
    this.next = this.whole();
  }

  /** A new session knows no z: it is told before the next block. */
  forgetZ() {
    this.z = null;
    this.hasMoved = false;
  }

  /** Says once more where z stands: a session that never saw it move has no other word of it. */
  repeatZ() {
    if (this.z !== null && !this.hasMoved) {
      this.say(["/bassnet/z", ...this.z]);
    }
  }

  /** How many blocks are whole by now. */
  whole() {
    return Math.floor((this.now - this.start) / this.block);
  }

  /** seq of block k. */
  seqOf(k) {
    return (this.firstSeq + k) % SPEC.seqModulo;
  }

  /** The newest block of those that were sent which has this seq, or a number below 0. */
  indexOf(seq) {
    const newest = this.next - 1;
    return newest - ((this.seqOf(newest) - seq + 2 * SPEC.seqModulo) % SPEC.seqModulo);
  }

  /** Copies the block at a position into the message; false where the buffer~ is not there. */
  fill(position) {
    const frame = position % SPEC.ringFrames;
    const n = Math.min(this.block, SPEC.ringFrames - frame);
    return this.copy(frame, n, 2) && (n === this.block || this.copy(0, this.block - n, 2 + n));
  }

  /** Copies n samples of the mix to a place in the message; what is no number is silence. */
  copy(frame, n, to) {
    const samples = this.read("mix", frame, n);
    if (samples === null || (n > 1 && samples.length !== n)) {
      return false;
    }
    for (let i = 0; i < n; i++) {
      const sample = n === 1 ? firstOf(samples) : samples[i];
      this.message[to + i] = Number.isFinite(sample) ? sample : 0;
    }
    return true;
  }

  /**
   * Tells z where it moved since the last told place. Between two points the server goes straight: where z
   * stood still meanwhile, the block before is told that first.
   */
  tellZ(k, position) {
    const frame = position % SPEC.ringFrames;
    const x = firstOf(this.read("x", frame, 1));
    const y = firstOf(this.read("y", frame, 1));
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      return;
    }
    if (this.z === null) {
      this.say(["/bassnet/z", x, y]);
    } else if (x !== this.z[0] || y !== this.z[1]) {
      if (k > 0 && this.toldAt < k - 1) {
        this.say(["/bassnet/z/at", this.seqOf(k - 1), 0, this.z[0], this.z[1]]);
      }
      this.say(["/bassnet/z/at", this.seqOf(k), 0, x, y]);
      this.hasMoved = true;
    } else {
      return;
    }
    this.z = [x, y];
    this.toldAt = k;
  }
}

/** A single sample: Max's Buffer gives a number where one is asked for, not a list. */
function firstOf(samples) {
  return typeof samples === "number" || samples === null ? samples : samples[0];
}
