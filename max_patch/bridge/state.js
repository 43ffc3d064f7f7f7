/**
 * The state in words: what the server says of itself, what it refused, how late the bass is.
 *
 * Flow: Session (status, error), Bridge (counts) -> State -> the patch's line. Pure: time comes in as an
 * argument, in milliseconds. Texts of the network may be of any length: they are cut when they come.
 */

const NOTICE_MS = 5000; // that an error, or a missed block, stays on the state line
const TEXT_LENGTH = 200; // characters that are kept of a text of the network
const LINE_LENGTH = 64; // characters that the patch's line shows

class State {
  /** Nothing was said yet. */
  constructor() {
    this.status = this.reason = this.notice = "";
    this.statusAt = this.noticeUntil = -Infinity;
  }

  /** The server's status, and why. */
  heed([status, reason], now) {
    this.status = textOf(status);
    this.reason = textOf(reason);
    this.statusAt = now;
  }

  /** Something was refused: for NOTICE_MS that is the state, which begins with the rule. */
  refuse(code, text, now) {
    this.notice = `refused ${code}: ${text}`;
    this.noticeUntil = now + NOTICE_MS;
  }

  /**
   * One line of it.
   * @param {Session} session
   * @param {{heard: number, missed: number, missedAt: number}} counts of blocks, and when one was missed last
   * @param {number} now
   * @returns {string} of LINE_LENGTH characters at most
   */
  line(session, counts, now) {
    return shortened(this.words(session, counts, now), LINE_LENGTH);
  }

  /** The whole text of the line. */
  words(session, counts, now) {
    if (now < this.noticeUntil) {
      return this.notice;
    }
    const isFresh = now - this.statusAt < SILENT_MS;
    if (isFresh && this.status === "loading") {
      return `loading: ${this.reason}`;
    }
    if (session.token === null) {
      return `offline: no server at ${session.host}:${session.port}`;
    }
    if (isFresh && this.status === "overloaded") {
      return `overloaded: ${this.reason}`;
    }
    if (isFresh && this.status === "stopping") {
      return "stopping";
    }
    const { missed, heard, missedAt } = counts;
    if (now - missedAt < NOTICE_MS) {
      return `late: the ring is short, ${missed} blocks missed; raise Ring`;
    }
    const ms = session.untoldMs;
    const told = ms > 0 ? `${ms} ms later than told` : `${missed} late of ${heard}`;
    return `ready: ${session.model}, ${told}`;
  }
}

/** A word of the network as text. */
function textOf(word) {
  return shortened(String(word ?? ""), TEXT_LENGTH);
}

/** The beginning of a text that is longer than so many characters, and dots. */
function shortened(text, length) {
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`;
}
