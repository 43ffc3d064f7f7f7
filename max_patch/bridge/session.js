/**
 * The session with the server: hello and heartbeat, the port of the answers, and who answers there.
 *
 * Flow: bridge.js (time, messages) -> Session -> say (udpsend), listen (udpreceive). Pure: time comes in as
 * an argument, in milliseconds. udpsend cannot receive, so answers come to a port of their own, drawn by lot.
 * Another device may hold it, or hear it too: a welcome counts when our server has answered a ping of ours
 * there, because it lets no two sessions share a port. While it welcomes the heartbeats of an open session,
 * no other welcome counts. What comes from the network is looked at before use. Datagrams get lost: what
 * proves the session is said again with every heartbeat.
 */

const TICK_MS = 250; // between two looks at the time, and between two hellos until the welcome
const HEARTBEAT_MS = 1000;
const FAITHFUL_MS = 1.5 * HEARTBEAT_MS; // without a welcome, after which another server's may count
const SILENT_MS = 3000; // without a word of the server, after which it is gone
const WELCOME_TRIES = 8; // hellos without an answer, after which another port is drawn
const PORTS = [49152, 65535]; // those that nobody owns
const SPARE_MS = 30; // of the ring that is the network's and Max's, not the server's
const LEAST_DEADLINE_MS = 20; // one hop of a model

class Session {
  /**
   * @param {function(Array): void} say sends an OSC message: the address and its arguments
   * @param {function(number): void} listen receives at a port
   * @param {function(boolean): void} welcomed is called when a new session is proven, with true: it knows
   *     nothing of us; and at each later welcome: what it was told may have been lost
   */
  constructor(say, listen, welcomed) {
    this.say = say;
    this.listen = listen;
    this.welcomed = welcomed;
    this.host = SPEC.host;
    this.port = SPEC.port;
    this.name = `${SPEC.client}-${letters(6)}`;
    this.stream = { rate: SPEC.usualRate, block: SPEC.blockSize, deadlineMs: LEAST_DEADLINE_MS };
    this.model = "";
    this.offset = 0; // samples by which the bass trails the mix, as the server says
    this.state = new State();
    this.forget();
  }

  /** No session, nobody who answers. */
  forget() {
    this.token = this.candidate = this.challenge = null;
    this.isSettled = false; // the stream of the newest hello is the one that was welcomed
    this.isPatient = false; // nobody has answered for long: a hello each second is enough
    this.nTries = 0; // hellos since somebody answered
    this.helloAt = -Infinity;
    this.state.status = "";
  }

  /** Begins: at a new port, with a hello at once. */
  begin(now) {
    this.forget();
    this.tickedAt = this.heardAt = now;
    this.drawPort();
    this.greet(now);
  }

  /** Ends it. */
  bye() {
    this.say(["/bassnet/bye"]);
    this.forget();
  }

  /** Whether blocks of this stream are welcome. */
  get isOpen() {
    return this.token !== null && this.isSettled;
  }

  /** The stream is another one now; the next tick tells the server, however often a dial moves until then. */
  change(rate, block, ringMs) {
    const deadlineMs = Math.max(LEAST_DEADLINE_MS, ringMs - SPARE_MS);
    this.isSettled = this.isSettled && rate === this.stream.rate && block === this.stream.block;
    this.isCurrent = this.isCurrent && this.isSettled && deadlineMs === this.stream.deadlineMs;
    this.stream = { rate, block, deadlineMs };
  }

  /** Looks at the time, every TICK_MS: hello, heartbeat, and whether the server is still there. */
  tick(now) {
    if (now - this.tickedAt > HEARTBEAT_MS) {
      this.heardAt = this.welcomedAt = now; // Max stood still, and has yet to read what came meanwhile
    }
    this.tickedAt = now;
    if (this.token !== null && now - this.heardAt > SILENT_MS) {
      this.forget();
      this.isPatient = true;
      this.helloAt = now; // the last one was not answered
    }
    const isUrgent = !this.isCurrent || (this.token === null && !this.isPatient);
    if (isUrgent || now - this.helloAt > HEARTBEAT_MS - TICK_MS / 2) {
      this.greet(now);
    }
  }

  /** Says hello; the answers go to another port where none have come for long. */
  greet(now) {
    if (this.token === null && this.nTries >= WELCOME_TRIES) {
      this.isPatient = true;
      this.drawPort();
    }
    this.nTries += 1;
    this.helloAt = now;
    this.isCurrent = true;
    this.say(this.hello());
  }

  /** The arguments of hello, padded: the server's welcome may not be longer than it. */
  hello() {
    const { rate, block, deadlineMs } = this.stream;
    const words = ["/bassnet/hello", this.name, this.replyPort, rate, block, "f", "deadline_ms", deadlineMs];
    words.push("latency_target_ms", SPEC.latencyTargetMs, "pad");
    const n = 4 * Math.ceil((words.length + 2) / 4) + words.reduce((sum, word) => sum + oscBytes(word), 0);
    return [...words, ".".repeat(Math.max(0, SPEC.helloBytes - n - 4))];
  }

  /** Receives at another port. */
  drawPort() {
    const before = this.replyPort;
    while (this.replyPort === before) {
      this.replyPort = PORTS[0] + Math.floor(Math.random() * (PORTS[1] - PORTS[0] + 1));
    }
    this.nTries = 0;
    this.listen(this.replyPort);
  }

  /** Takes the server's word about the session; `words` are a message's arguments. */
  heed(address, words, now) {
    if (address === "/bassnet/welcome") {
      this.heedWelcome(words, now);
    } else if (address === "/bassnet/pong") {
      this.heedPong(words[0], now);
    } else if (address === "/bassnet/status") {
      this.state.heed(words, now);
      this.nTries = this.state.status === "loading" ? 0 : this.nTries; // said to us, then: the port is ours
    } else if (address === "/bassnet/model") {
      this.model = textOf(words[0]);
    } else if (address === "/bassnet/latency" && isLatency(words[0])) {
      this.offset = words[0];
    } else if (address === "/bassnet/error") {
      this.heedError(textOf(words[0]), textOf(words[1]), now);
    }
  }

  /** A welcome: of our session, or of one that has to be proven, and pings both ways until it is. */
  heedWelcome([, token, offset, model], now) {
    if (!Number.isInteger(token) || !isLatency(offset)) {
      return;
    }
    if (token === this.token) {
      this.heardAt = this.welcomedAt = now;
      this.candidate = null; // the server is still there
      this.offset = offset;
      this.isSettled = this.isSettled || this.isCurrent;
      this.say(["/bassnet/ping", token]); // the one before may have been lost
      this.welcomed(false);
      return;
    }
    if (this.isOpen && now - this.welcomedAt <= FAITHFUL_MS) {
      return;
    }
    if (token !== this.candidate) {
      this.candidate = token;
      this.challenge = Math.floor(Math.random() * 2 ** 31);
    }
    this.candidateOffset = offset;
    this.candidateModel = textOf(model);
    this.say(["/bassnet/ping", this.challenge]);
  }

  /** The answer to a ping: where it is the candidate's, that is our session. */
  heedPong(n, now) {
    if (this.candidate === null || n !== this.challenge) {
      return;
    }
    this.token = this.candidate;
    this.candidate = null;
    this.model = this.candidateModel;
    this.offset = this.candidateOffset;
    this.heardAt = this.welcomedAt = now;
    this.isSettled = this.isCurrent;
    this.nTries = 0;
    this.say(["/bassnet/ping", this.token]);
    this.welcomed(true);
  }

  /** A refusal: of a session that the server does not know, of our port, or of something that was chosen. */
  heedError(code, text, now) {
    if (code === "no_session" && now - this.helloAt > TICK_MS) {
      this.greet(now);
    }
    const isOurs = code !== "hello" || !this.isOpen; // hellos of others may be answered here
    if (code === "no_session" || code === "address" || !isOurs) {
      return; // an older server does not know every address
    }
    if (code === "hello" && text.startsWith("reply_port")) {
      this.drawPort();
      this.isCurrent = false; // the next tick says hello
      return;
    }
    this.nTries = code === "hello" ? 0 : this.nTries;
    this.state.refuse(code, text, now);
  }

  /** By how many ms the model is later than what was asked for, and told to Live. */
  get untoldMs() {
    const { rate } = this.stream;
    return Math.ceil((1000 * (this.offset - Math.round((SPEC.latencyTargetMs * rate) / 1000))) / rate);
  }
}

/** Whether a word of the network is samples by which the bass may trail the mix. */
function isLatency(word) {
  return Number.isInteger(word) && word >= 0;
}

/** Bytes that a word takes in an OSC message, without its type tag. */
function oscBytes(word) {
  return typeof word === "string" ? 4 * Math.floor(word.length / 4 + 1) : 4;
}

/** So many random letters. */
function letters(n) {
  return Array.from({ length: n }, () => String.fromCharCode(97 + Math.floor(Math.random() * 26))).join("");
}
