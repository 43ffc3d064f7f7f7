/**
 * The ring that the bass is played from: where answers are put, how a hole sounds, what came too late.
 *
 * Flow: bridge.js -> Ring -> write -> the buffer~ that index~ reads. Positions are samples of the running
 * count, never wrapped; the buffer~ holds the newest SPEC.ringFrames of them. Block k lies at
 * start + k * block, both in the mix and here, and is heard `delay` samples later. Whatever order the answers
 * come in, the ring holds the same samples in the end: a neighbour overwrites what stood in for it.
 */

const TAIL = 64; // samples within which the sound dies away into a hole, and comes back out of it
const SLOTS = 1024; // blocks that are remembered: more than the buffer~ holds of the smallest
const PIECE = 1024; // samples that are cleared at a time; ringFrames is a multiple of it
const SILENCE = new Array(PIECE).fill(0);
const FALL = Array.from({ length: TAIL }, (_, i) => 0.5 + 0.5 * Math.cos((Math.PI * (i + 1)) / (TAIL + 1)));

class Ring {
  /** @param {function(number, number[]): void} write puts samples into the buffer~ from a frame of it on */
  constructor(write) {
    this.write = write;
    this.sent = new Float64Array(SLOTS); // which block a slot stands for, of those that were sent ...
    this.came = new Float64Array(SLOTS); // ... and of those that were answered in time
    this.samples = []; // of the block that is being put, its tail after it
    this.begin(SPEC.ringFrames, SPEC.blockSize, 0);
  }

  /**
   * A new count of blocks: forgets the old one and clears the buffer~.
   * @param {number} start position of block 0
   * @param {number} block samples of a block
   * @param {number} delay samples from a block's position to where it is heard, at most half the buffer~
   */
  begin(start, block, delay) {
    this.start = start;
    this.block = block;
    this.sent.fill(-1);
    this.came.fill(-1);
    this.end = 0; // one more than the newest block that was sent
    this.nextHeard = 0; // block whose beginning is heard next
    this.nHeard = 0; // blocks that were sent and have been heard by now ...
    this.nMissed = 0; // ... as a hole
    this.samples = new Array(block + TAIL).fill(0);
    this.delayBy(delay, start);
    this.cleared = Math.floor((start - delay) / PIECE) * PIECE; // silent before this position
    for (let frame = 0; frame < SPEC.ringFrames; frame += PIECE) {
      this.write(frame, SILENCE);
    }
  }

  /**
   * Changes the delay. What is ahead stays where it is.
   * @param {number} delay samples
   * @param {number} now position of the newest sample of the mix
   */
  delayBy(delay, now) {
    this.delay = delay;
    this.reach = now - delay; // blocks that begin before it come too late
  }

  /** Block k was sent: its answer is wanted. */
  expect(k) {
    this.sent[k % SLOTS] = k;
    this.end = k + 1;
  }

  /**
   * The sound has come to a position: counts what was missed, clears what has been heard.
   * @param {number} now position of the newest sample of the mix
   * @param {number} step samples since the last call: so much further it may be until the next one
   * @returns {number} blocks missed since the last call
   */
  advance(now, step) {
    const head = now - this.delay;
    this.reach = head + Math.min(step, this.block);
    while (this.cleared + PIECE <= head) {
      this.write(this.cleared % SPEC.ringFrames, SILENCE);
      this.cleared += PIECE;
    }
    const before = this.nMissed;
    for (; this.nextHeard < this.end && this.at(this.nextHeard) < head; this.nextHeard++) {
      const wasSent = this.sent[this.nextHeard % SLOTS] === this.nextHeard;
      this.nHeard += wasSent;
      this.nMissed += wasSent && !this.has(this.nextHeard);
    }
    return this.nMissed - before;
  }

  /**
   * Puts the answer to block k into its place, if it was sent, is new and nothing of it has been heard.
   * @param {number} k
   * @param {ArrayLike<number>} message seq, then the samples
   * @returns {boolean} whether it was taken
   */
  put(k, message) {
    const at = this.at(k);
    if (!(k >= 0) || this.sent[k % SLOTS] !== k || this.has(k) || at < this.reach) {
      return false;
    }
    if (message.length !== this.block + 1 || !this.copy(message)) {
      return false;
    }
    this.came[k % SLOTS] = k;
    if (!this.has(k - 1)) {
      this.rise(at);
    }
    if (this.has(k + 1)) {
      this.store(at, this.samples.slice(0, this.block));
    } else {
      this.fall();
      this.store(at, this.samples);
    }
    return true;
  }

  /** Where block k begins. */
  at(k) {
    return this.start + k * this.block;
  }

  /** Whether block k was answered in time. */
  has(k) {
    return k >= 0 && this.came[k % SLOTS] === k;
  }

  /** Copies the samples; false where one is no number: nothing but sound may reach a loudspeaker. */
  copy(message) {
    for (let i = 0; i < this.block; i++) {
      const sample = message[i + 1];
      if (!Number.isFinite(sample)) {
        return false;
      }
      this.samples[i] = sample;
    }
    return true;
  }

  /** The tail after the samples, from the last of them to silence. */
  fall() {
    const last = this.samples[this.block - 1];
    for (let i = 0; i < TAIL; i++) {
      this.samples[this.block + i] = last * FALL[i];
    }
  }

  /** From silence to the first of the samples, before position `at`, as far as that is still ahead. */
  rise(at) {
    const n = Math.min(TAIL, at - this.reach);
    if (n <= 0) {
      return;
    }
    const ramp = new Array(n); // holes are rare
    for (let away = 1; away <= n; away++) {
      ramp[n - away] = this.samples[0] * FALL[Math.floor((away * TAIL) / n) - 1];
    }
    this.store(at - n, ramp);
  }

  /** Puts samples at a position, in two parts where the buffer~ begins anew. */
  store(at, samples) {
    const frame = at % SPEC.ringFrames;
    const room = SPEC.ringFrames - frame;
    if (samples.length <= room) {
      this.write(frame, samples);
    } else {
      this.write(frame, samples.slice(0, room));
      this.write(0, samples.slice(room));
    }
  }
}
