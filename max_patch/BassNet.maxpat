{
	"patcher": {
		"fileversion": 1,
		"appversion": {
			"major": 9,
			"minor": 0,
			"revision": 0,
			"architecture": "x64",
			"modernui": 1
		},
		"classnamespace": "box",
		"rect": [
			100,
			100,
			400,
			269
		],
		"openinpresentation": 1,
		"gridsize": [
			8.0,
			8.0
		],
		"devicewidth": 340.0,
		"boxes": [
			{
				"box": {
					"id": "obj-1",
					"maxclass": "comment",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						524.0,
						238.0,
						390.0,
						22.0
					],
					"text": "The script: blocks of the mix out, blocks of the bass in."
				}
			},
			{
				"box": {
					"id": "obj-2",
					"maxclass": "newobj",
					"numinlets": 0,
					"numoutlets": 1,
					"patching_rect": [
						524.0,
						270.0,
						139.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "receive bassnet_say"
				}
			},
			{
				"box": {
					"id": "obj-3",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						771.0,
						270.0,
						67.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "deferlow"
				}
			},
			{
				"box": {
					"id": "obj-4",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 8,
					"patching_rect": [
						524.0,
						302.0,
						516.0,
						22.0
					],
					"outlettype": [
						"",
						"",
						"",
						"",
						"",
						"",
						"",
						""
					],
					"text": "v8 bassnet_embedded.js bassnet_mix bassnet_x bassnet_y bassnet_bass @embed 1",
					"saved_object_attributes": {
						"parameter_enable": 0
					},
					"textfile": {
						"filename": "bassnet_embedded.js",
						"flags": 0,
						"embed": 1,
						"autowatch": 0,
						"text": "const SPEC = {\"client\": \"max\", \"host\": \"127.0.0.1\", \"port\": 7770, \"helloBytes\": 256, \"seqModulo\": 16777216, \"usualRate\": 48000, \"blockSize\": 240, \"wideBlockSize\": 480, \"ringFrames\": 131072, \"ringMs\": 70, \"latencyTargetMs\": 60, \"params\": [\"gain\", \"timbre\", \"octave\", \"tuning\", \"gate\"], \"models\": [\"a1-live\", \"a2-live\", \"a3-live\", \"a4-live\", \"groove-live\"], \"spareModels\": [\"own 1\", \"own 2\", \"own 3\", \"own 4\", \"own 5\", \"own 6\", \"own 7\", \"own 8\"]};\n\n/**\n * The ring that the bass is played from: where answers are put, how a hole sounds, what came too late.\n *\n * Flow: bridge.js -> Ring -> write -> the buffer~ that index~ reads. Positions are samples of the running\n * count, never wrapped; the buffer~ holds the newest SPEC.ringFrames of them. Block k lies at\n * start + k * block, both in the mix and here, and is heard `delay` samples later. Whatever order the answers\n * come in, the ring holds the same samples in the end: a neighbour overwrites what stood in for it.\n */\n\nconst TAIL = 64; // samples within which the sound dies away into a hole, and comes back out of it\nconst SLOTS = 1024; // blocks that are remembered: more than the buffer~ holds of the smallest\nconst PIECE = 1024; // samples that are cleared at a time; ringFrames is a multiple of it\nconst SILENCE = new Array(PIECE).fill(0);\nconst FALL = Array.from({ length: TAIL }, (_, i) => 0.5 + 0.5 * Math.cos((Math.PI * (i + 1)) / (TAIL + 1)));\n\nclass Ring {\n  /** @param {function(number, number[]): void} write puts samples into the buffer~ from a frame of it on */\n  constructor(write) {\n    this.write = write;\n    this.sent = new Float64Array(SLOTS); // which block a slot stands for, of those that were sent ...\n    this.came = new Float64Array(SLOTS); // ... and of those that were answered in time\n    this.samples = []; // of the block that is being put, its tail after it\n    this.begin(SPEC.ringFrames, SPEC.blockSize, 0);\n  }\n\n  /**\n   * A new count of blocks: forgets the old one and clears the buffer~.\n   * @param {number} start position of block 0\n   * @param {number} block samples of a block\n   * @param {number} delay samples from a block's position to where it is heard, at most half the buffer~\n   */\n  begin(start, block, delay) {\n    this.start = start;\n    this.block = block;\n    this.sent.fill(-1);\n    this.came.fill(-1);\n    this.end = 0; // one more than the newest block that was sent\n    this.nextHeard = 0; // block whose beginning is heard next\n    this.nHeard = 0; // blocks that were sent and have been heard by now ...\n    this.nMissed = 0; // ... as a hole\n    this.samples = new Array(block + TAIL).fill(0);\n    this.delayBy(delay, start);\n    this.cleared = Math.floor((start - delay) / PIECE) * PIECE; // silent before this position\n    for (let frame = 0; frame < SPEC.ringFrames; frame += PIECE) {\n      this.write(frame, SILENCE);\n    }\n  }\n\n  /**\n   * Changes the delay. What is ahead stays where it is.\n   * @param {number} delay samples\n   * @param {number} now position of the newest sample of the mix\n   */\n  delayBy(delay, now) {\n    this.delay = delay;\n    this.reach = now - delay; // blocks that begin before it come too late\n  }\n\n  /** Block k was sent: its answer is wanted. */\n  expect(k) {\n    this.sent[k % SLOTS] = k;\n    this.end = k + 1;\n  }\n\n  /**\n   * The sound has come to a position: counts what was missed, clears what has been heard.\n   * @param {number} now position of the newest sample of the mix\n   * @param {number} step samples since the last call: so much further it may be until the next one\n   * @returns {number} blocks missed since the last call\n   */\n  advance(now, step) {\n    const head = now - this.delay;\n    this.reach = head + Math.min(step, this.block);\n    while (this.cleared + PIECE <= head) {\n      this.write(this.cleared % SPEC.ringFrames, SILENCE);\n      this.cleared += PIECE;\n    }\n    const before = this.nMissed;\n    for (; this.nextHeard < this.end && this.at(this.nextHeard) < head; this.nextHeard++) {\n      const wasSent = this.sent[this.nextHeard % SLOTS] === this.nextHeard;\n      this.nHeard += wasSent;\n      this.nMissed += wasSent && !this.has(this.nextHeard);\n    }\n    return this.nMissed - before;\n  }\n\n  /**\n   * Puts the answer to block k into its place, if it was sent, is new and nothing of it has been heard.\n   * @param {number} k\n   * @param {ArrayLike<number>} message seq, then the samples\n   * @returns {boolean} whether it was taken\n   */\n  put(k, message) {\n    const at = this.at(k);\n    if (!(k >= 0) || this.sent[k % SLOTS] !== k || this.has(k) || at < this.reach) {\n      return false;\n    }\n    if (message.length !== this.block + 1 || !this.copy(message)) {\n      return false;\n    }\n    this.came[k % SLOTS] = k;\n    if (!this.has(k - 1)) {\n      this.rise(at);\n    }\n    if (this.has(k + 1)) {\n      this.store(at, this.samples.slice(0, this.block));\n    } else {\n      this.fall();\n      this.store(at, this.samples);\n    }\n    return true;\n  }\n\n  /** Where block k begins. */\n  at(k) {\n    return this.start + k * this.block;\n  }\n\n  /** Whether block k was answered in time. */\n  has(k) {\n    return k >= 0 && this.came[k % SLOTS] === k;\n  }\n\n  /** Copies the samples; false where one is no number: nothing but sound may reach a loudspeaker. */\n  copy(message) {\n    for (let i = 0; i < this.block; i++) {\n      const sample = message[i + 1];\n      if (!Number.isFinite(sample)) {\n        return false;\n      }\n      this.samples[i] = sample;\n    }\n    return true;\n  }\n\n  /** The tail after the samples, from the last of them to silence. */\n  fall() {\n    const last = this.samples[this.block - 1];\n    for (let i = 0; i < TAIL; i++) {\n      this.samples[this.block + i] = last * FALL[i];\n    }\n  }\n\n  /** From silence to the first of the samples, before position `at`, as far as that is still ahead. */\n  rise(at) {\n    const n = Math.min(TAIL, at - this.reach);\n    if (n <= 0) {\n      return;\n    }\n    const ramp = new Array(n); // holes are rare\n    for (let away = 1; away <= n; away++) {\n      ramp[n - away] = this.samples[0] * FALL[Math.floor((away * TAIL) / n) - 1];\n    }\n    this.store(at - n, ramp);\n  }\n\n  /** Puts samples at a position, in two parts where the buffer~ begins anew. */\n  store(at, samples) {\n    const frame = at % SPEC.ringFrames;\n    const room = SPEC.ringFrames - frame;\n    if (samples.length <= room) {\n      this.write(frame, samples);\n    } else {\n      this.write(frame, samples.slice(0, room));\n      this.write(0, samples.slice(room));\n    }\n  }\n}\n\n/**\n * What is sent: whole blocks of the mix with their seq, and z at the samples where it moved.\n *\n * Flow: count~ -> bridge.js -> Blocks -> say (udpsend), read (the buffer~ of the mix, and those of z). The\n * patch counts samples modulo SPEC.ringFrames and writes the mix and z at that count; here positions go on\n * for ever. A signal that begins anew, or whose count leaps, has a new block 0 at the next count; seq goes\n * on, far enough ahead for old answers not to be taken for new ones.\n */\n\nconst OLDEST = 1 << 14; // samples that a count may be behind the newest one\nconst SEQ_LEAP = 4096; // blocks: more than a second, and more than SLOTS, at any rate\nconst NEVER = -2; // no block, nor the one before any\n\nclass Blocks {\n  /**\n   * @param {function(string, number, number): ArrayLike<number>|number|null} read of the buffer~ `mix`, `x`\n   *     or `y`, from a frame on, so many samples; null where it is not there\n   * @param {function(Array): void} say sends an OSC message: the address and its arguments, copied at once\n   */\n  constructor(read, say) {\n    this.read = read;\n    this.say = say;\n    this.isRunning = false;\n    this.firstSeq = SPEC.seqModulo - SEQ_LEAP; // so that the first one of all is 0\n    this.next = 0; // block that is sent next\n    this.z = null; // [x, y] as last told\n    this.hasMoved = false; // whether the session was told of another one since its first\n    this.toldAt = NEVER; // block for which it was\n    this.sizeFor(SPEC.usualRate);\n  }\n\n  /** Chooses the size of blocks for a sample rate in Hz: no more than 200 messages a second at usual ones. */\n  sizeFor(rate) {\n    this.block = rate > SPEC.usualRate ? SPEC.wideBlockSize : SPEC.blockSize;\n    this.message = new Array(2 + this.block).fill(0); // one for all: `say` copies it\n    this.message[0] = \"/bassnet/audio/in\";\n    this.stop();\n  }\n\n  /** The signal ends; where it goes on is a new beginning. */\n  stop() {\n    this.isRunning = false;\n  }\n\n  /**\n   * Follows the patch's count.\n   * @param {number} count of the newest sample, modulo SPEC.ringFrames\n   * @returns {number} samples since the last call; -1 where the signal begins anew, with block 0 here\n   */\n  follow(count) {\n    const step = (count - this.count + SPEC.ringFrames) % SPEC.ringFrames;\n    if (this.isRunning && step >= SPEC.ringFrames - OLDEST) {\n      return 0; // Max gives out what waited in another order; a signal that begins anew says so with dsp\n    }\n    this.count = count;\n    if (this.isRunning && step <= SPEC.ringFrames / 2) {\n      this.now += step;\n      return step;\n    }\n    this.firstSeq = (this.seqOf(this.next) + SEQ_LEAP) % SPEC.seqModulo;\n    this.now = this.start = SPEC.ringFrames + count; // so that a ring before it is no negative position\n    this.next = 0;\n    this.toldAt = NEVER;\n    this.isRunning = true;\n    return -1;\n  }\n\n  /**\n   * Sends all blocks that are whole by now: at most half the buffer~ of them, since `follow` goes no further.\n   * @param {function(number): void} sent is told each block\n   * @returns {boolean} false where a buffer~ is not there; then they wait\n   */\n  send(sent) {\n    const end = this.whole();\n    while (this.next < end) {\n      const k = this.next;\n      const position = this.start + k * this.block;\n      if (!this.fill(position)) {\n        return false;\n      }\n      this.next += 1;\n      sent(k); // before it leaves: the answer may be here at once\n      this.tellZ(k, position);\n      this.message[1] = this.seqOf(k);\n      this.say(this.message);\n    }\n    return true;\n  }\n\n  /** Leaves out all blocks that are whole by now: nobody would hear them. */\n  skip() {\n    this.next = this.whole();\n  }\n\n  /** A new session knows no z: it is told before the next block. */\n  forgetZ() {\n    this.z = null;\n    this.hasMoved = false;\n  }\n\n  /** Says once more where z stands: a session that never saw it move has no other word of it. */\n  repeatZ() {\n    if (this.z !== null && !this.hasMoved) {\n      this.say([\"/bassnet/z\", ...this.z]);\n    }\n  }\n\n  /** How many blocks are whole by now. */\n  whole() {\n    return Math.floor((this.now - this.start) / this.block);\n  }\n\n  /** seq of block k. */\n  seqOf(k) {\n    return (this.firstSeq + k) % SPEC.seqModulo;\n  }\n\n  /** The newest block of those that were sent which has this seq, or a number below 0. */\n  indexOf(seq) {\n    const newest = this.next - 1;\n    return newest - ((this.seqOf(newest) - seq + 2 * SPEC.seqModulo) % SPEC.seqModulo);\n  }\n\n  /** Copies the block at a position into the message; false where the buffer~ is not there. */\n  fill(position) {\n    const frame = position % SPEC.ringFrames;\n    const n = Math.min(this.block, SPEC.ringFrames - frame);\n    return this.copy(frame, n, 2) && (n === this.block || this.copy(0, this.block - n, 2 + n));\n  }\n\n  /** Copies n samples of the mix to a place in the message; what is no number is silence. */\n  copy(frame, n, to) {\n    const samples = this.read(\"mix\", frame, n);\n    if (samples === null || (n > 1 && samples.length !== n)) {\n      return false;\n    }\n    for (let i = 0; i < n; i++) {\n      const sample = n === 1 ? firstOf(samples) : samples[i];\n      this.message[to + i] = Number.isFinite(sample) ? sample : 0;\n    }\n    return true;\n  }\n\n  /**\n   * Tells z where it moved since the last told place. Between two points the server goes straight: where z\n   * stood still meanwhile, the block before is told that first.\n   */\n  tellZ(k, position) {\n    const frame = position % SPEC.ringFrames;\n    const x = firstOf(this.read(\"x\", frame, 1));\n    const y = firstOf(this.read(\"y\", frame, 1));\n    if (!Number.isFinite(x) || !Number.isFinite(y)) {\n      return;\n    }\n    if (this.z === null) {\n      this.say([\"/bassnet/z\", x, y]);\n    } else if (x !== this.z[0] || y !== this.z[1]) {\n      if (k > 0 && this.toldAt < k - 1) {\n        this.say([\"/bassnet/z/at\", this.seqOf(k - 1), 0, this.z[0], this.z[1]]);\n      }\n      this.say([\"/bassnet/z/at\", this.seqOf(k), 0, x, y]);\n      this.hasMoved = true;\n    } else {\n      return;\n    }\n    this.z = [x, y];\n    this.toldAt = k;\n  }\n}\n\n/** A single sample: Max's Buffer gives a number where one is asked for, not a list. */\nfunction firstOf(samples) {\n  return typeof samples === \"number\" || samples === null ? samples : samples[0];\n}\n\n/**\n * The state in words: what the server says of itself, what it refused, how late the bass is.\n *\n * Flow: Session (status, error), Bridge (counts) -> State -> the patch's line. Pure: time comes in as an\n * argument, in milliseconds. Texts of the network may be of any length: they are cut when they come.\n */\n\nconst NOTICE_MS = 5000; // that an error, or a missed block, stays on the state line\nconst TEXT_LENGTH = 200; // characters that are kept of a text of the network\nconst LINE_LENGTH = 64; // characters that the patch's line shows\n\nclass State {\n  /** Nothing was said yet. */\n  constructor() {\n    this.status = this.reason = this.notice = \"\";\n    this.statusAt = this.noticeUntil = -Infinity;\n  }\n\n  /** The server's status, and why. */\n  heed([status, reason], now) {\n    this.status = textOf(status);\n    this.reason = textOf(reason);\n    this.statusAt = now;\n  }\n\n  /** Something was refused: for NOTICE_MS that is the state, which begins with the rule. */\n  refuse(code, text, now) {\n    this.notice = `refused ${code}: ${text}`;\n    this.noticeUntil = now + NOTICE_MS;\n  }\n\n  /**\n   * One line of it.\n   * @param {Session} session\n   * @param {{heard: number, missed: number, missedAt: number}} counts of blocks, and when one was missed last\n   * @param {number} now\n   * @returns {string} of LINE_LENGTH characters at most\n   */\n  line(session, counts, now) {\n    return shortened(this.words(session, counts, now), LINE_LENGTH);\n  }\n\n  /** The whole text of the line. */\n  words(session, counts, now) {\n    if (now < this.noticeUntil) {\n      return this.notice;\n    }\n    const isFresh = now - this.statusAt < SILENT_MS;\n    if (isFresh && this.status === \"loading\") {\n      return `loading: ${this.reason}`;\n    }\n    if (session.token === null) {\n      return `offline: no server at ${session.host}:${session.port}`;\n    }\n    if (isFresh && this.status === \"overloaded\") {\n      return `overloaded: ${this.reason}`;\n    }\n    if (isFresh && this.status === \"stopping\") {\n      return \"stopping\";\n    }\n    const { missed, heard, missedAt } = counts;\n    if (now - missedAt < NOTICE_MS) {\n      return `late: the ring is short, ${missed} blocks missed; raise Ring`;\n    }\n    const ms = session.untoldMs;\n    const told = ms > 0 ? `${ms} ms later than told` : `${missed} late of ${heard}`;\n    return `ready: ${session.model}, ${told}`;\n  }\n}\n\n/** A word of the network as text. */\nfunction textOf(word) {\n  return shortened(String(word ?? \"\"), TEXT_LENGTH);\n}\n\n/** The beginning of a text that is longer than so many characters, and dots. */\nfunction shortened(text, length) {\n  return text.length <= length ? text : `${text.slice(0, length - 3)}...`;\n}\n\n/**\n * The session with the server: hello and heartbeat, the port of the answers, and who answers there.\n *\n * Flow: bridge.js (time, messages) -> Session -> say (udpsend), listen (udpreceive). Pure: time comes in as\n * an argument, in milliseconds. udpsend cannot receive, so answers come to a port of their own, drawn by lot.\n * Another device may hold it, or hear it too: a welcome counts when our server has answered a ping of ours\n * there, because it lets no two sessions share a port. While it welcomes the heartbeats of an open session,\n * no other welcome counts. What comes from the network is looked at before use. Datagrams get lost: what\n * proves the session is said again with every heartbeat.\n */\n\nconst TICK_MS = 250; // between two looks at the time, and between two hellos until the welcome\nconst HEARTBEAT_MS = 1000;\nconst FAITHFUL_MS = 1.5 * HEARTBEAT_MS; // without a welcome, after which another server's may count\nconst SILENT_MS = 3000; // without a word of the server, after which it is gone\nconst WELCOME_TRIES = 8; // hellos without an answer, after which another port is drawn\nconst PORTS = [49152, 65535]; // those that nobody owns\nconst SPARE_MS = 30; // of the ring that is the network's and Max's, not the server's\nconst LEAST_DEADLINE_MS = 20; // one hop of a model\n\nclass Session {\n  /**\n   * @param {function(Array): void} say sends an OSC message: the address and its arguments\n   * @param {function(number): void} listen receives at a port\n   * @param {function(boolean): void} welcomed is called when a new session is proven, with true: it knows\n   *     nothing of us; and at each later welcome: what it was told may have been lost\n   */\n  constructor(say, listen, welcomed) {\n    this.say = say;\n    this.listen = listen;\n    this.welcomed = welcomed;\n    this.host = SPEC.host;\n    this.port = SPEC.port;\n    this.name = `${SPEC.client}-${letters(6)}`;\n    this.stream = { rate: SPEC.usualRate, block: SPEC.blockSize, deadlineMs: LEAST_DEADLINE_MS };\n    this.model = \"\";\n    this.offset = 0; // samples by which the bass trails the mix, as the server says\n    this.state = new State();\n    this.forget();\n  }\n\n  /** No session, nobody who answers. */\n  forget() {\n    this.token = this.candidate = this.challenge = null;\n    this.isSettled = false; // the stream of the newest hello is the one that was welcomed\n    this.isPatient = false; // nobody has answered for long: a hello each second is enough\n    this.nTries = 0; // hellos since somebody answered\n    this.helloAt = -Infinity;\n    this.state.status = \"\";\n  }\n\n  /** Begins: at a new port, with a hello at once. */\n  begin(now) {\n    this.forget();\n    this.tickedAt = this.heardAt = now;\n    this.drawPort();\n    this.greet(now);\n  }\n\n  /** Ends it. */\n  bye() {\n    this.say([\"/bassnet/bye\"]);\n    this.forget();\n  }\n\n  /** Whether blocks of this stream are welcome. */\n  get isOpen() {\n    return this.token !== null && this.isSettled;\n  }\n\n  /** The stream is another one now; the next tick tells the server, however often a dial moves until then. */\n  change(rate, block, ringMs) {\n    const deadlineMs = Math.max(LEAST_DEADLINE_MS, ringMs - SPARE_MS);\n    this.isSettled = this.isSettled && rate === this.stream.rate && block === this.stream.block;\n    this.isCurrent = this.isCurrent && this.isSettled && deadlineMs === this.stream.deadlineMs;\n    this.stream = { rate, block, deadlineMs };\n  }\n\n  /** Looks at the time, every TICK_MS: hello, heartbeat, and whether the server is still there. */\n  tick(now) {\n    if (now - this.tickedAt > HEARTBEAT_MS) {\n      this.heardAt = this.welcomedAt = now; // Max stood still, and has yet to read what came meanwhile\n    }\n    this.tickedAt = now;\n    if (this.token !== null && now - this.heardAt > SILENT_MS) {\n      this.forget();\n      this.isPatient = true;\n      this.helloAt = now; // the last one was not answered\n    }\n    const isUrgent = !this.isCurrent || (this.token === null && !this.isPatient);\n    if (isUrgent || now - this.helloAt > HEARTBEAT_MS - TICK_MS / 2) {\n      this.greet(now);\n    }\n  }\n\n  /** Says hello; the answers go to another port where none have come for long. */\n  greet(now) {\n    if (this.token === null && this.nTries >= WELCOME_TRIES) {\n      this.isPatient = true;\n      this.drawPort();\n    }\n    this.nTries += 1;\n    this.helloAt = now;\n    this.isCurrent = true;\n    this.say(this.hello());\n  }\n\n  /** The arguments of hello, padded: the server's welcome may not be longer than it. */\n  hello() {\n    const { rate, block, deadlineMs } = this.stream;\n    const words = [\"/bassnet/hello\", this.name, this.replyPort, rate, block, \"f\", \"deadline_ms\", deadlineMs];\n    words.push(\"latency_target_ms\", SPEC.latencyTargetMs, \"pad\");\n    const n = 4 * Math.ceil((words.length + 2) / 4) + words.reduce((sum, word) => sum + oscBytes(word), 0);\n    return [...words, \".\".repeat(Math.max(0, SPEC.helloBytes - n - 4))];\n  }\n\n  /** Receives at another port. */\n  drawPort() {\n    const before = this.replyPort;\n    while (this.replyPort === before) {\n      this.replyPort = PORTS[0] + Math.floor(Math.random() * (PORTS[1] - PORTS[0] + 1));\n    }\n    this.nTries = 0;\n    this.listen(this.replyPort);\n  }\n\n  /** Takes the server's word about the session; `words` are a message's arguments. */\n  heed(address, words, now) {\n    if (address === \"/bassnet/welcome\") {\n      this.heedWelcome(words, now);\n    } else if (address === \"/bassnet/pong\") {\n      this.heedPong(words[0], now);\n    } else if (address === \"/bassnet/status\") {\n      this.state.heed(words, now);\n      this.nTries = this.state.status === \"loading\" ? 0 : this.nTries; // said to us, then: the port is ours\n    } else if (address === \"/bassnet/model\") {\n      this.model = textOf(words[0]);\n    } else if (address === \"/bassnet/latency\" && isLatency(words[0])) {\n      this.offset = words[0];\n    } else if (address === \"/bassnet/error\") {\n      this.heedError(textOf(words[0]), textOf(words[1]), now);\n    }\n  }\n\n  /** A welcome: of our session, or of one that has to be proven, and pings both ways until it is. */\n  heedWelcome([, token, offset, model], now) {\n    if (!Number.isInteger(token) || !isLatency(offset)) {\n      return;\n    }\n    if (token === this.token) {\n      this.heardAt = this.welcomedAt = now;\n      this.candidate = null; // the server is still there\n      this.offset = offset;\n      this.isSettled = this.isSettled || this.isCurrent;\n      this.say([\"/bassnet/ping\", token]); // the one before may have been lost\n      this.welcomed(false);\n      return;\n    }\n    if (this.isOpen && now - this.welcomedAt <= FAITHFUL_MS) {\n      return;\n    }\n    if (token !== this.candidate) {\n      this.candidate = token;\n      this.challenge = Math.floor(Math.random() * 2 ** 31);\n    }\n    this.candidateOffset = offset;\n    this.candidateModel = textOf(model);\n    this.say([\"/bassnet/ping\", this.challenge]);\n  }\n\n  /** The answer to a ping: where it is the candidate's, that is our session. */\n  heedPong(n, now) {\n    if (this.candidate === null || n !== this.challenge) {\n      return;\n    }\n    this.token = this.candidate;\n    this.candidate = null;\n    this.model = this.candidateModel;\n    this.offset = this.candidateOffset;\n    this.heardAt = this.welcomedAt = now;\n    this.isSettled = this.isCurrent;\n    this.nTries = 0;\n    this.say([\"/bassnet/ping\", this.token]);\n    this.welcomed(true);\n  }\n\n  /** A refusal: of a session that the server does not know, of our port, or of something that was chosen. */\n  heedError(code, text, now) {\n    if (code === \"no_session\" && now - this.helloAt > TICK_MS) {\n      this.greet(now);\n    }\n    const isOurs = code !== \"hello\" || !this.isOpen; // hellos of others may be answered here\n    if (code === \"no_session\" || code === \"address\" || !isOurs) {\n      return; // an older server does not know every address\n    }\n    if (code === \"hello\" && text.startsWith(\"reply_port\")) {\n      this.drawPort();\n      this.isCurrent = false; // the next tick says hello\n      return;\n    }\n    this.nTries = code === \"hello\" ? 0 : this.nTries;\n    this.state.refuse(code, text, now);\n  }\n\n  /** By how many ms the model is later than what was asked for, and told to Live. */\n  get untoldMs() {\n    const { rate } = this.stream;\n    return Math.ceil((1000 * (this.offset - Math.round((SPEC.latencyTargetMs * rate) / 1000))) / rate);\n  }\n}\n\n/** Whether a word of the network is samples by which the bass may trail the mix. */\nfunction isLatency(word) {\n  return Number.isInteger(word) && word >= 0;\n}\n\n/** Bytes that a word takes in an OSC message, without its type tag. */\nfunction oscBytes(word) {\n  return typeof word === \"string\" ? 4 * Math.floor(word.length / 4 + 1) : 4;\n}\n\n/** So many random letters. */\nfunction letters(n) {\n  return Array.from({ length: n }, () => String.fromCharCode(97 + Math.floor(Math.random() * 26))).join(\"\");\n}\n\n/**\n * What was chosen and told to each session, and the menu of models that it is chosen from.\n *\n * Flow: bassnet.js -> Bridge -> Choices -> say; the server's /bassnet/models -> Menu -> the patch's menu.\n * A new session knows nothing of us, and datagrams get lost: what it has to know is said with its first\n * welcome and once more with its second, and for the models it is asked until it has answered.\n */\n\nclass Choices {\n  /**\n   * @param {function(Array): void} say sends an OSC message: the address and its arguments\n   * @param {Menu} menu\n   */\n  constructor(say, menu) {\n    this.say = say;\n    this.menu = menu;\n    this.values = new Map(); // by OSC address\n    this.nWelcomes = 0; // of the session\n    this.hasModels = false; // whether the session has answered what models there are\n  }\n\n  /** Remembers what was chosen last at an OSC address; whether that is another choice than before. */\n  set(address, value) {\n    const isNew = value !== undefined && value !== \"\" && this.values.get(address) !== value;\n    if (isNew) {\n      this.values.set(address, value);\n    }\n    return isNew;\n  }\n\n  /** The model that was chosen; undefined where none was. */\n  get model() {\n    return this.values.get(\"/bassnet/model\");\n  }\n\n  /** A new session, which has to know all. */\n  open() {\n    this.nWelcomes = 0;\n    this.hasModels = false;\n    this.welcome();\n  }\n\n  /** A welcome of the session; whether it was the second one. */\n  welcome() {\n    this.nWelcomes += 1;\n    if (this.nWelcomes <= 2) {\n      this.values.forEach((value, address) => this.say([address, value]));\n      this.say([\"/bassnet/subscribe\", \"notes\", 1]);\n    }\n    if (!this.hasModels) {\n      this.say([\"/bassnet/models\"]);\n    }\n    return this.nWelcomes === 2;\n  }\n\n  /** What models there are, or that an older server does not know the question. */\n  heed(address, words) {\n    if (address === \"/bassnet/models\" && words.length > 0) {\n      this.hasModels = true;\n      this.menu.fill(words.map(textOf), this.model);\n    } else if (address === \"/bassnet/error\" && words[0] === \"address\") {\n      this.hasModels = true;\n    }\n  }\n}\n\n/** The menu of models. Live saves an item's number: shipped models keep theirs, others take spare ones. */\nclass Menu {\n  /** @param {function(...string): void} tell takes a message to the menu */\n  constructor(tell) {\n    this.tell = tell;\n    this.names = \"\";\n  }\n\n  /** Its items, where the server has others than before; a saved one that was a spare then says its name. */\n  fill(names, chosen) {\n    const nSpare = SPEC.spareModels.length;\n    const others = names.filter((name) => !SPEC.models.includes(name)).slice(0, nSpare);\n    const items = [...SPEC.models, ...others, ...SPEC.spareModels.slice(others.length)];\n    if (this.names !== String(items)) {\n      this.names = String(items);\n      this.tell(\"_parameter_range\", ...items);\n      if (chosen === undefined) {\n        this.tell(\"bang\");\n      } else if (items.includes(chosen)) {\n        this.tell(\"setsymbol\", chosen);\n      }\n    }\n  }\n}\n\n/**\n * The bridge as a whole: what was chosen, what is said and shown, and whose turn it is.\n *\n * Flow: bassnet.js -> Bridge -> Session, Choices, Blocks, Ring, Notes -> outlets and buffers. All of it runs\n * in Max's low-priority thread: after a stall the messages come in a burst. Nothing is printed, and nothing\n * is written into parameters, so that there is nothing to undo.\n */\n\nconst SLOW_TICKS = 4; // ticks between two looks for what may be slow: a second\n\nclass Bridge {\n  /** It begins with `start`. */\n  constructor() {\n    const send = (words) => outlet(OSC, words);\n    this.buffers = new Buffers();\n    this.blocks = new Blocks((which, frame, n) => this.buffers.read(which, frame, n), send);\n    this.ring = new Ring((frame, samples) => this.buffers.write(\"bass\", frame, samples));\n    const listen = (to) => outlet(LISTEN, \"port\", to);\n    this.session = new Session(send, listen, (isNew) => this.introduce(isNew));\n    this.expect = (k) => this.ring.expect(k);\n    this.task = new Task(() => this.tick(), this);\n    this.task.interval = TICK_MS;\n    this.isStarted = this.isPlaying = false;\n    this.isEnabled = this.isSynced = true;\n    this.rate = SPEC.usualRate;\n    this.ringMs = SPEC.ringMs;\n    this.choices = new Choices(send, new Menu((...words) => outlet(MODELS, words)));\n    this.notes = new Notes((...words) => outlet(NOTE, words));\n    this.said = []; // by outlet, so that nothing is said twice\n    this.counts = { heard: 0, missed: 0, missedAt: -Infinity };\n    this.nTicks = 0;\n  }\n\n  /** All that was stored has been sent: begins. */\n  start() {\n    if (!this.isStarted) {\n      this.isStarted = true;\n      outlet(OSC, \"maxpacketsize\", MAX_PACKET);\n      this.tune();\n      this.run();\n    }\n  }\n\n  /** Switches it on or off. */\n  enable(isEnabled) {\n    if (isEnabled === this.isEnabled) {\n      return;\n    }\n    if (this.isRunning) {\n      this.end();\n    }\n    this.isEnabled = isEnabled;\n    this.run();\n  }\n\n  /** Begins anew, if it is switched on. */\n  run() {\n    if (this.isRunning) {\n      outlet(OSC, \"host\", this.session.host);\n      outlet(OSC, \"port\", this.session.port);\n      this.attach();\n      this.session.begin(Date.now());\n      this.task.cancel();\n      this.task.repeat();\n    }\n    this.show();\n  }\n\n  /** Says bye and is silent. */\n  end() {\n    this.task.cancel();\n    this.session.bye();\n    this.notes.rest();\n    this.blocks.stop();\n    this.ring.begin(SPEC.ringFrames, this.blocks.block, this.delay);\n  }\n\n  /** Whether it was begun and is not switched off. */\n  get isRunning() {\n    return this.isStarted && this.isEnabled;\n  }\n\n  /** Samples from a block's position to where it is heard. */\n  get delay() {\n    const wanted = Math.round((this.ringMs * this.rate) / 1000);\n    return Math.min(Math.max(wanted, this.blocks.block), SPEC.ringFrames / 2);\n  }\n\n  /** Another server, where it is one: a bye to the one before. */\n  move(host, port) {\n    if (host === this.session.host && port === this.session.port) {\n      return;\n    }\n    if (this.isRunning) {\n      this.session.bye();\n      this.notes.rest();\n    }\n    Object.assign(this.session, { host, port });\n    this.run();\n  }\n\n  /** The rate or the ring changed: so do the delay, the latency that is told, and the hello. */\n  tune() {\n    const { block, now } = this.blocks;\n    this.session.change(this.rate, block, this.ringMs);\n    if (!this.isStarted) {\n      return;\n    }\n    const total = this.delay + Math.round((SPEC.latencyTargetMs * this.rate) / 1000);\n    this.ring.delayBy(this.delay, now || SPEC.ringFrames);\n    this.tell(RING, SPEC.ringFrames - this.delay);\n    this.tell(TOTAL, total);\n    this.tell(TOLD, \"set\", `${((1000 * total) / this.rate).toFixed(1)} ms, ${total} samples`);\n  }\n\n  /** The sample rate in Hz: where it is another one, the stream begins anew. */\n  setRate(rate) {\n    if (rate > 0 && rate !== this.rate) {\n      this.rate = rate;\n      this.blocks.sizeFor(rate);\n      this.tune();\n    }\n  }\n\n  /** How late the bass is played, in ms, so that its answers are there. */\n  setRing(ms) {\n    if (ms > 0 && ms !== this.ringMs) {\n      this.ringMs = ms;\n      this.tune();\n    }\n  }\n\n  /** The transport: where it begins, so does the stream. A loop or a leap goes on. */\n  play(isPlaying) {\n    if (isPlaying && !this.isPlaying && this.isSynced) {\n      this.say(\"/bassnet/reset\");\n    }\n    this.isPlaying = isPlaying;\n  }\n\n  /** Remembers what was chosen last at an OSC address, and says it. */\n  choose(address, value) {\n    if (this.choices.set(address, value)) {\n      this.say(address, value);\n    }\n  }\n\n  /** The count of the newest sample: sends what is whole, clears what was heard. */\n  clock(count) {\n    if (!this.isRunning || this.buffers.missing) {\n      return;\n    }\n    const step = this.blocks.follow(count);\n    if (step < 0) {\n      this.ring.begin(this.blocks.start, this.blocks.block, this.delay);\n      this.counts.missedAt = -Infinity;\n    } else if (this.ring.advance(this.blocks.now, step) > 0) {\n      this.counts.missedAt = Date.now();\n    }\n    if (!this.session.isOpen) {\n      this.blocks.skip();\n    } else if (!this.blocks.send(this.expect)) {\n      this.attach();\n    }\n  }\n\n  /** Every TICK_MS. */\n  tick() {\n    const now = Date.now();\n    this.session.tick(now);\n    this.nTicks += 1;\n    if (this.nTicks % SLOW_TICKS === 0) {\n      this.counts.heard = this.ring.nHeard;\n      if (this.buffers.missing) {\n        this.attach();\n      }\n    }\n    this.counts.missed = this.ring.nMissed;\n    if (this.session.token === null) {\n      this.notes.rest();\n    }\n    this.show();\n  }\n\n  /** Looks for the buffers; their samples are another beginning. */\n  attach() {\n    this.blocks.stop();\n    this.buffers.find(jsarguments);\n  }\n\n  /** A welcome: tells a new session what it has to know, and one that goes on what may have been lost. */\n  introduce(isNew) {\n    if (isNew) {\n      this.choices.open();\n      this.blocks.forgetZ();\n      this.notes.rest();\n    } else if (this.choices.welcome()) {\n      this.blocks.repeatZ();\n    }\n  }\n\n  /** Sends it where there is a session; to others it is told at their beginning. */\n  say(...words) {\n    if (this.session.token !== null) {\n      outlet(OSC, words);\n    }\n  }\n\n  /** A message of the server: its address, and its arguments as they came. */\n  heed(address, words) {\n    if (!this.isRunning) {\n      return;\n    }\n    const now = Date.now();\n    if (address === \"/bassnet/audio/out\") {\n      if (!this.buffers.missing && this.ring.put(this.blocks.indexOf(words[0]), words)) {\n        this.session.heardAt = now;\n      }\n    } else if (address === \"/bassnet/note/on\" || address === \"/bassnet/note/off\") {\n      this.notes.play(words[0], address === \"/bassnet/note/on\" ? words[1] : 0);\n    } else {\n      this.choices.heed(address, words);\n      this.session.heed(address, words, now);\n      this.show();\n    }\n  }\n\n  /** The state line. */\n  show() {\n    if (!this.isStarted) {\n      return;\n    }\n    const { buffers, session, counts } = this;\n    const line = session.state.line(session, counts, Date.now());\n    const state = buffers.missing ? `no buffer ${buffers.missing} yet` : line;\n    this.tell(STATE, \"set\", this.isEnabled ? state : \"off\");\n  }\n\n  /** Says something at an outlet, unless it is what was said there last. */\n  tell(to, ...words) {\n    const said = JSON.stringify(words);\n    if (this.said[to] !== said) {\n      this.said[to] = said;\n      outlet(to, ...words);\n    }\n  }\n}\n\n/**\n * Max's side of the bridge: its buffers, its notes, and the functions that Max calls, a message each.\n *\n * `v8 NAME MIX X Y BASS`, the names of four buffer~ of SPEC.ringFrames samples. Flow: Max -> Bridge.\n * Messages that say what is so already do nothing. v8 calls the function that a message names: what comes\n * from the network comes behind `osc`, so that it can name no other.\n */\n\ninlets = 1;\noutlets = 8;\n\nconst [OSC, LISTEN, STATE, TOLD, TOTAL, RING, MODELS, NOTE] = [0, 1, 2, 3, 4, 5, 6, 7]; // outlets\nconst MAX_PACKET = 9000; // bytes that udpsend may send; less than macOS does\nconst SETTLE_MS = 500; // a drag of the ring or the port is one change: each restarts the session\nconst MIDI_VALUES = 128; // of a pitch, and of a velocity\nconst BUFFERS = [\"mix\", \"x\", \"y\", \"bass\"]; // in the order in which jsarguments names them\n\n/** The four buffer~. Max may not have made them yet, or in another size. */\nclass Buffers {\n  /** None was looked for yet. */\n  constructor() {\n    this.missing = \"any\"; // name of one that is not there; \"\" when all are\n    this.found = {};\n  }\n\n  /** Finds them by their names, from 1 on. */\n  find(names) {\n    for (const [i, which] of BUFFERS.entries()) {\n      const buffer = new Buffer(names[i + 1]);\n      const n = buffer.framecount();\n      if (n > 0 && n !== SPEC.ringFrames) {\n        buffer.send(\"sizeinsamps\", SPEC.ringFrames);\n      }\n      this.found[which] = buffer;\n      this.missing = buffer.framecount() === SPEC.ringFrames ? \"\" : String(names[i + 1]);\n      if (this.missing) {\n        return;\n      }\n    }\n  }\n\n  /** n samples from a frame on: a list, or a number where n is 1; null where they are not there any more. */\n  read(which, frame, n) {\n    const samples = this.found[which].peek(1, frame, n);\n    return samples === undefined ? null : samples;\n  }\n\n  /** Writes a list of samples from a frame on. */\n  write(which, frame, samples) {\n    if (!this.missing) {\n      this.found[which].poke(1, frame, samples);\n    }\n  }\n}\n\n/** The notes of MIDI: each that goes on goes off, also where the server does not come to say so. */\nclass Notes {\n  /** @param {function(number, number, number): void} tell takes link, pitch, velocity */\n  constructor(tell) {\n    this.tell = tell;\n    this.link = 0; // number of the devices that play them\n    this.sounding = new Set(); // pitches\n  }\n\n  /** At once: its sound comes a little later, and MIDI is late already. Velocity 0 ends it. */\n  play(pitch, velocity) {\n    if (!isMidi(pitch) || !isMidi(velocity)) {\n      return;\n    }\n    if (velocity > 0 || this.sounding.has(pitch)) {\n      this.tell(this.link, pitch, velocity);\n    }\n    this.sounding[velocity > 0 ? \"add\" : \"delete\"](pitch);\n  }\n\n  /** Ends all that sound. */\n  rest() {\n    this.sounding.forEach((pitch) => this.tell(this.link, pitch, 0));\n    this.sounding.clear();\n  }\n\n  /** Others play them from now on. */\n  linkTo(n) {\n    this.rest();\n    this.link = n;\n  }\n}\n\n/** A setting that is dragged: it holds once it has stayed for SETTLE_MS, or at once before the beginning. */\nclass Setting {\n  /** @param {function(*): void} take is told what holds */\n  constructor(take) {\n    this.take = take;\n    this.task = new Task(() => take(this.value), this);\n  }\n\n  /** Another value. */\n  set(value) {\n    this.value = value;\n    this.task.cancel();\n    if (bridge.isStarted) {\n      this.task.schedule(SETTLE_MS);\n    } else {\n      this.take(value);\n    }\n  }\n}\n\n/** Whether a word of the network is a pitch or a velocity. */\nfunction isMidi(word) {\n  return Number.isInteger(word) && word >= 0 && word < MIDI_VALUES;\n}\n\nconst bridge = new Bridge();\nconst settings = {\n  ring: new Setting((ms) => bridge.setRing(ms)),\n  host: new Setting((name) => bridge.move(name, bridge.session.port)),\n  port: new Setting((n) => bridge.move(bridge.session.host, n)),\n};\n\n/** All that was stored has been sent. */\nfunction start() {\n  bridge.start();\n}\n\n/** The count of the newest sample, modulo SPEC.ringFrames. */\nfunction clock(count) {\n  bridge.clock(count);\n}\n\n/** The signals begin, or end. */\nfunction dsp() {\n  bridge.blocks.stop();\n}\n\n/** The sample rate; Max may say it in fractions. */\nfunction rate(hz) {\n  bridge.setRate(Math.round(hz));\n}\n\n/** How late the bass is played. */\nfunction ring(ms) {\n  settings.ring.set(Math.round(ms)); // a dial between two numbers shows one of them\n}\n\n/** The transport. */\nfunction playing(isOn) {\n  bridge.play(Boolean(isOn));\n}\n\n/** Whether the stream begins anew where the transport does. */\nfunction sync(isOn) {\n  bridge.isSynced = Boolean(isOn);\n}\n\n/** Whether the device is on. */\nfunction enabled(isOn) {\n  bridge.enable(Boolean(isOn));\n}\n\n/** A parameter of the sound. */\nfunction param(name, value) {\n  if (SPEC.params.includes(name)) {\n    bridge.choose(`/bassnet/param/${name}`, value);\n  }\n}\n\n/** The model that plays; a spare item of the menu is none. */\nfunction model(name) {\n  if (!SPEC.spareModels.includes(name)) {\n    bridge.choose(\"/bassnet/model\", name);\n  }\n}\n\n/** The number of the devices that play the notes. */\nfunction link(n) {\n  bridge.notes.linkTo(n);\n}\n\n/** The server's machine. */\nfunction host(name) {\n  settings.host.set(String(name));\n}\n\n/** The server's port. */\nfunction port(n) {\n  if (n >= 1 && n < 65536) {\n    settings.port.set(Math.round(n));\n  }\n}\n\n/** A message of the network: nothing is known of it but that its words are numbers and texts. */\nfunction osc(address, ...words) {\n  if (typeof address === \"string\" && address.startsWith(\"/bassnet/\")) {\n    bridge.heed(address, words);\n  }\n}\n\n/** Any other message: nothing to do, and no error to print. */\nfunction anything() {}\n\n/** The device is deleted. */\nfunction notifydeleted() {\n  bridge.enable(false);\n}\n"
					},
					"filename": "bassnet_embedded.js"
				}
			},
			{
				"box": {
					"id": "obj-5",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 3,
					"patching_rect": [
						524.0,
						24.0,
						113.0,
						22.0
					],
					"outlettype": [
						"bang",
						"int",
						"int"
					],
					"text": "live.thisdevice"
				}
			},
			{
				"box": {
					"id": "obj-6",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 3,
					"patching_rect": [
						524.0,
						56.0,
						60.0,
						22.0
					],
					"outlettype": [
						"bang",
						"bang",
						"bang"
					],
					"text": "t b b b"
				}
			},
			{
				"box": {
					"id": "obj-7",
					"maxclass": "message",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						524.0,
						120.0,
						47.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "start"
				}
			},
			{
				"box": {
					"id": "obj-8",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 4,
					"patching_rect": [
						619.0,
						88.0,
						73.0,
						22.0
					],
					"outlettype": [
						"int",
						"float",
						"int",
						"int"
					],
					"text": "dspstate~"
				}
			},
			{
				"box": {
					"id": "obj-9",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						619.0,
						152.0,
						87.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "prepend dsp"
				}
			},
			{
				"box": {
					"id": "obj-10",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						733.0,
						120.0,
						93.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "prepend rate"
				}
			},
			{
				"box": {
					"id": "obj-11",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						733.0,
						56.0,
						113.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "prepend enabled"
				}
			},
			{
				"box": {
					"id": "obj-12",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						619.0,
						184.0,
						120.0,
						22.0
					],
					"text": "send bassnet_say"
				}
			},
			{
				"box": {
					"id": "obj-13",
					"maxclass": "comment",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						30.0,
						8.0,
						324.0,
						22.0
					],
					"text": "MIX IN: to +~, and to both delay~ on the right."
				}
			},
			{
				"box": {
					"id": "obj-14",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						30.0,
						40.0,
						67.0,
						22.0
					],
					"outlettype": [
						"signal",
						"signal"
					],
					"text": "adc~ 1 2"
				}
			},
			{
				"box": {
					"id": "obj-15",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						30.0,
						72.0,
						40.0,
						22.0
					],
					"outlettype": [
						"signal"
					],
					"text": "+~"
				}
			},
			{
				"box": {
					"id": "obj-16",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						30.0,
						104.0,
						54.0,
						22.0
					],
					"outlettype": [
						"signal"
					],
					"text": "*~ 0.5"
				}
			},
			{
				"box": {
					"id": "obj-17",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						201.0,
						40.0,
						139.0,
						22.0
					],
					"outlettype": [
						"signal"
					],
					"text": "count~ 0 131072 1 1"
				}
			},
			{
				"box": {
					"id": "obj-18",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						334.0,
						72.0,
						87.0,
						22.0
					],
					"outlettype": [
						"float"
					],
					"text": "snapshot~ 5"
				}
			},
			{
				"box": {
					"id": "obj-19",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						334.0,
						104.0,
						100.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "prepend clock"
				}
			},
			{
				"box": {
					"id": "obj-20",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						334.0,
						136.0,
						120.0,
						22.0
					],
					"text": "send bassnet_say"
				}
			},
			{
				"box": {
					"id": "obj-21",
					"maxclass": "newobj",
					"numinlets": 3,
					"numoutlets": 1,
					"patching_rect": [
						30.0,
						161.0,
						126.0,
						22.0
					],
					"outlettype": [
						"signal"
					],
					"text": "poke~ bassnet_mix"
				}
			},
			{
				"box": {
					"id": "obj-22",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						201.0,
						177.0,
						232.0,
						22.0
					],
					"outlettype": [
						"float",
						"bang"
					],
					"text": "buffer~ bassnet_mix @samps 131072"
				}
			},
			{
				"box": {
					"id": "obj-23",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						201.0,
						209.0,
						219.0,
						22.0
					],
					"outlettype": [
						"float",
						"bang"
					],
					"text": "buffer~ bassnet_x @samps 131072"
				}
			},
			{
				"box": {
					"id": "obj-24",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						201.0,
						241.0,
						219.0,
						22.0
					],
					"outlettype": [
						"float",
						"bang"
					],
					"text": "buffer~ bassnet_y @samps 131072"
				}
			},
			{
				"box": {
					"id": "obj-25",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						201.0,
						273.0,
						238.0,
						22.0
					],
					"outlettype": [
						"float",
						"bang"
					],
					"text": "buffer~ bassnet_bass @samps 131072"
				}
			},
			{
				"box": {
					"id": "obj-26",
					"maxclass": "live.meter~",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						125.0,
						193.0,
						9.0,
						96.0
					],
					"outlettype": [
						"float",
						"int"
					],
					"presentation": 1,
					"presentation_rect": [
						312.0,
						6.0,
						9.0,
						96.0
					],
					"annotation": "Level of the mix that the server hears.",
					"annotation_name": "Input",
					"hint": "Level of the mix that the server hears."
				}
			},
			{
				"box": {
					"id": "obj-27",
					"maxclass": "comment",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						30.0,
						334.0,
						351.0,
						22.0
					],
					"text": "z keeps its place in the mix: it has rings as well."
				}
			},
			{
				"box": {
					"id": "obj-28",
					"maxclass": "live.dial",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						201.0,
						561.0,
						40.0,
						48.0
					],
					"outlettype": [
						"",
						"float"
					],
					"presentation": 1,
					"presentation_rect": [
						106.0,
						3.0,
						40.0,
						48.0
					],
					"parameter_enable": 1,
					"varname": "x",
					"saved_attribute_attributes": {
						"valueof": {
							"parameter_longname": "X",
							"parameter_shortname": "X",
							"parameter_type": 0,
							"parameter_mmin": -6.0,
							"parameter_mmax": 6.0,
							"parameter_initial_enable": 1,
							"parameter_initial": [
								0.0
							],
							"parameter_invisible": 0,
							"parameter_unitstyle": 1,
							"parameter_modmode": 2,
							"parameter_info": "First axis of z, where the bass is taken from. What was learned lies between -3 and 3.",
							"parameter_annotation_name": "X"
						}
					},
					"annotation": "First axis of z, where the bass is taken from. What was learned lies between -3 and 3.",
					"annotation_name": "X",
					"hint": "First axis of z, where the bass is taken from. What was learned lies between -3 and 3."
				}
			},
			{
				"box": {
					"id": "obj-29",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						201.0,
						622.0,
						40.0,
						22.0
					],
					"outlettype": [
						"signal"
					],
					"text": "sig~"
				}
			},
			{
				"box": {
					"id": "obj-30",
					"maxclass": "newobj",
					"numinlets": 3,
					"numoutlets": 1,
					"patching_rect": [
						201.0,
						654.0,
						113.0,
						22.0
					],
					"outlettype": [
						"signal"
					],
					"text": "poke~ bassnet_x"
				}
			},
			{
				"box": {
					"id": "obj-31",
					"maxclass": "live.dial",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						334.0,
						561.0,
						40.0,
						48.0
					],
					"outlettype": [
						"",
						"float"
					],
					"presentation": 1,
					"presentation_rect": [
						146.0,
						3.0,
						40.0,
						48.0
					],
					"parameter_enable": 1,
					"varname": "y",
					"saved_attribute_attributes": {
						"valueof": {
							"parameter_longname": "Y",
							"parameter_shortname": "Y",
							"parameter_type": 0,
							"parameter_mmin": -6.0,
							"parameter_mmax": 6.0,
							"parameter_initial_enable": 1,
							"parameter_initial": [
								0.0
							],
							"parameter_invisible": 0,
							"parameter_unitstyle": 1,
							"parameter_modmode": 2,
							"parameter_info": "Second axis of z. Record or draw automation on X and Y; the pad shows them.",
							"parameter_annotation_name": "Y"
						}
					},
					"annotation": "Second axis of z. Record or draw automation on X and Y; the pad shows them.",
					"annotation_name": "Y",
					"hint": "Second axis of z. Record or draw automation on X and Y; the pad shows them."
				}
			},
			{
				"box": {
					"id": "obj-32",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						334.0,
						622.0,
						40.0,
						22.0
					],
					"outlettype": [
						"signal"
					],
					"text": "sig~"
				}
			},
			{
				"box": {
					"id": "obj-33",
					"maxclass": "newobj",
					"numinlets": 3,
					"numoutlets": 1,
					"patching_rect": [
						334.0,
						654.0,
						113.0,
						22.0
					],
					"outlettype": [
						"signal"
					],
					"text": "poke~ bassnet_y"
				}
			},
			{
				"box": {
					"id": "obj-34",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						30.0,
						369.0,
						87.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "pak 0.5 0.5"
				}
			},
			{
				"box": {
					"id": "obj-35",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						30.0,
						398.0,
						87.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "speedlim 40"
				}
			},
			{
				"box": {
					"id": "obj-36",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						30.0,
						427.0,
						67.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "deferlow"
				}
			},
			{
				"box": {
					"id": "obj-37",
					"maxclass": "nodes",
					"numinlets": 1,
					"numoutlets": 3,
					"patching_rect": [
						30.0,
						459.0,
						96.0,
						96.0
					],
					"outlettype": [
						"",
						"",
						""
					],
					"presentation": 1,
					"presentation_rect": [
						6.0,
						6.0,
						96.0,
						96.0
					],
					"displayknob": 1,
					"knobsize": 12.0,
					"mousemode": 2,
					"nodenumber": 1,
					"nodesnames": [
						""
					],
					"nsize": [
						0.0
					],
					"parameter_enable": 0,
					"saved_attribute_attributes": {
						"bgcolor": {
							"expression": "themecolor.live_lcd_bg"
						},
						"bordercolor": {
							"expression": "themecolor.live_lcd_bg"
						},
						"textcolor": {
							"expression": "themecolor.live_lcd_control_fg"
						},
						"knobcolor": {
							"expression": "themecolor.live_lcd_control_fg"
						},
						"nodecolor": {
							"expression": "themecolor.live_lcd_bg"
						},
						"pointcolor": {
							"expression": "themecolor.live_lcd_bg"
						}
					},
					"xplace": [
						0.5
					],
					"yplace": [
						0.5
					],
					"annotation": "Drag to move X and Y together.",
					"annotation_name": "z",
					"hint": "Drag to move X and Y together."
				}
			},
			{
				"box": {
					"id": "obj-38",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						201.0,
						398.0,
						87.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "speedlim 40"
				}
			},
			{
				"box": {
					"id": "obj-39",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 2,
					"patching_rect": [
						201.0,
						427.0,
						67.0,
						22.0
					],
					"outlettype": [
						"",
						""
					],
					"text": "zl.nth 3"
				}
			},
			{
				"box": {
					"id": "obj-40",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 2,
					"patching_rect": [
						315.0,
						427.0,
						47.0,
						22.0
					],
					"outlettype": [
						"bang",
						""
					],
					"text": "sel 1"
				}
			},
			{
				"box": {
					"id": "obj-41",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 3,
					"patching_rect": [
						315.0,
						398.0,
						54.0,
						22.0
					],
					"outlettype": [
						"",
						"int",
						"int"
					],
					"text": "change"
				}
			},
			{
				"box": {
					"id": "obj-42",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 2,
					"patching_rect": [
						410.0,
						427.0,
						47.0,
						22.0
					],
					"outlettype": [
						"bang",
						""
					],
					"text": "sel 0"
				}
			},
			{
				"box": {
					"id": "obj-43",
					"maxclass": "message",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						315.0,
						459.0,
						47.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "getxy"
				}
			},
			{
				"box": {
					"id": "obj-44",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						201.0,
						459.0,
						67.0,
						22.0
					],
					"outlettype": [
						"",
						""
					],
					"text": "route xy"
				}
			},
			{
				"box": {
					"id": "obj-45",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						201.0,
						488.0,
						93.0,
						22.0
					],
					"outlettype": [
						"",
						""
					],
					"text": "unpack 0. 0."
				}
			},
			{
				"box": {
					"id": "obj-46",
					"maxclass": "newobj",
					"numinlets": 6,
					"numoutlets": 1,
					"patching_rect": [
						201.0,
						516.0,
						133.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "scale 0. 1. -6. 6."
				}
			},
			{
				"box": {
					"id": "obj-47",
					"maxclass": "newobj",
					"numinlets": 6,
					"numoutlets": 1,
					"patching_rect": [
						201.0,
						369.0,
						133.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "scale -6. 6. 0. 1."
				}
			},
			{
				"box": {
					"id": "obj-48",
					"maxclass": "newobj",
					"numinlets": 6,
					"numoutlets": 1,
					"patching_rect": [
						334.0,
						516.0,
						133.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "scale 0. 1. -6. 6."
				}
			},
			{
				"box": {
					"id": "obj-49",
					"maxclass": "newobj",
					"numinlets": 6,
					"numoutlets": 1,
					"patching_rect": [
						334.0,
						369.0,
						133.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "scale -6. 6. 0. 1."
				}
			},
			{
				"box": {
					"id": "obj-50",
					"maxclass": "comment",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						524.0,
						360.0,
						199.0,
						22.0
					],
					"text": "The sound, and the settings."
				}
			},
			{
				"box": {
					"id": "obj-51",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						524.0,
						664.0,
						120.0,
						22.0
					],
					"text": "send bassnet_say"
				}
			},
			{
				"box": {
					"id": "obj-52",
					"maxclass": "live.dial",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						524.0,
						401.0,
						40.0,
						48.0
					],
					"outlettype": [
						"",
						"float"
					],
					"presentation": 1,
					"presentation_rect": [
						186.0,
						3.0,
						40.0,
						48.0
					],
					"parameter_enable": 1,
					"varname": "gain",
					"saved_attribute_attributes": {
						"valueof": {
							"parameter_longname": "Gain",
							"parameter_shortname": "Gain",
							"parameter_type": 0,
							"parameter_mmin": -60.0,
							"parameter_mmax": 12.0,
							"parameter_initial_enable": 1,
							"parameter_initial": [
								0.0
							],
							"parameter_invisible": 0,
							"parameter_unitstyle": 4,
							"parameter_modmode": 2,
							"parameter_info": "Loudness of the bass.",
							"parameter_annotation_name": "Gain"
						}
					},
					"annotation": "Loudness of the bass.",
					"annotation_name": "Gain",
					"hint": "Loudness of the bass."
				}
			},
			{
				"box": {
					"id": "obj-53",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						524.0,
						459.0,
						133.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "prepend param gain"
				}
			},
			{
				"box": {
					"id": "obj-54",
					"maxclass": "live.menu",
					"numinlets": 1,
					"numoutlets": 3,
					"patching_rect": [
						676.0,
						401.0,
						74.0,
						15.0
					],
					"outlettype": [
						"",
						"",
						"float"
					],
					"presentation": 1,
					"presentation_rect": [
						232.0,
						86.0,
						74.0,
						15.0
					],
					"parameter_enable": 1,
					"varname": "timbre",
					"saved_attribute_attributes": {
						"valueof": {
							"parameter_longname": "Timbre",
							"parameter_shortname": "Timbre",
							"parameter_type": 2,
							"parameter_mmin": 0.0,
							"parameter_mmax": 5.0,
							"parameter_initial_enable": 1,
							"parameter_initial": [
								0
							],
							"parameter_invisible": 0,
							"parameter_enum": [
								"finger",
								"pick",
								"slap",
								"fretless",
								"upright",
								"sub"
							],
							"parameter_info": "Sound of the bass.",
							"parameter_annotation_name": "Timbre"
						}
					},
					"annotation": "Sound of the bass.",
					"annotation_name": "Timbre",
					"hint": "Sound of the bass."
				}
			},
			{
				"box": {
					"id": "obj-55",
					"maxclass": "live.comment",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						676.0,
						382.0,
						74.0,
						13.0
					],
					"text": "Timbre",
					"presentation": 1,
					"presentation_rect": [
						232.0,
						73.0,
						74.0,
						13.0
					],
					"textjustification": 0
				}
			},
			{
				"box": {
					"id": "obj-56",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						676.0,
						459.0,
						146.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "prepend param timbre"
				}
			},
			{
				"box": {
					"id": "obj-57",
					"maxclass": "live.dial",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						828.0,
						401.0,
						40.0,
						48.0
					],
					"outlettype": [
						"",
						"float"
					],
					"presentation": 1,
					"presentation_rect": [
						226.0,
						3.0,
						40.0,
						48.0
					],
					"parameter_enable": 1,
					"varname": "octave",
					"saved_attribute_attributes": {
						"valueof": {
							"parameter_longname": "Octave",
							"parameter_shortname": "Octave",
							"parameter_type": 1,
							"parameter_mmin": -4.0,
							"parameter_mmax": 4.0,
							"parameter_initial_enable": 1,
							"parameter_initial": [
								0.0
							],
							"parameter_invisible": 0,
							"parameter_unitstyle": 0,
							"parameter_info": "Octaves up or down, of the sound and of the notes.",
							"parameter_annotation_name": "Octave"
						}
					},
					"annotation": "Octaves up or down, of the sound and of the notes.",
					"annotation_name": "Octave",
					"hint": "Octaves up or down, of the sound and of the notes."
				}
			},
			{
				"box": {
					"id": "obj-58",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						828.0,
						459.0,
						146.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "prepend param octave"
				}
			},
			{
				"box": {
					"id": "obj-59",
					"maxclass": "live.dial",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						980.0,
						401.0,
						40.0,
						48.0
					],
					"outlettype": [
						"",
						"float"
					],
					"presentation": 1,
					"presentation_rect": [
						146.0,
						54.0,
						40.0,
						48.0
					],
					"parameter_enable": 1,
					"varname": "tuning",
					"saved_attribute_attributes": {
						"valueof": {
							"parameter_longname": "Tuning",
							"parameter_shortname": "Tuning",
							"parameter_type": 0,
							"parameter_mmin": 400.0,
							"parameter_mmax": 480.0,
							"parameter_initial_enable": 1,
							"parameter_initial": [
								440.0
							],
							"parameter_invisible": 0,
							"parameter_unitstyle": 3,
							"parameter_modmode": 2,
							"parameter_info": "Pitch of the A above middle C.",
							"parameter_annotation_name": "Tuning"
						}
					},
					"annotation": "Pitch of the A above middle C.",
					"annotation_name": "Tuning",
					"hint": "Pitch of the A above middle C."
				}
			},
			{
				"box": {
					"id": "obj-60",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						980.0,
						459.0,
						146.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "prepend param tuning"
				}
			},
			{
				"box": {
					"id": "obj-61",
					"maxclass": "live.dial",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						1132.0,
						401.0,
						40.0,
						48.0
					],
					"outlettype": [
						"",
						"float"
					],
					"presentation": 1,
					"presentation_rect": [
						106.0,
						54.0,
						40.0,
						48.0
					],
					"parameter_enable": 1,
					"varname": "gate",
					"saved_attribute_attributes": {
						"valueof": {
							"parameter_longname": "Gate",
							"parameter_shortname": "Gate",
							"parameter_type": 0,
							"parameter_mmin": -46.0,
							"parameter_mmax": 0.0,
							"parameter_initial_enable": 1,
							"parameter_initial": [
								-46.0
							],
							"parameter_invisible": 0,
							"parameter_unitstyle": 4,
							"parameter_modmode": 2,
							"parameter_info": "Notes that stay below this level are not played. At its lowest the model's own gate holds.",
							"parameter_annotation_name": "Gate"
						}
					},
					"annotation": "Notes that stay below this level are not played. At its lowest the model's own gate holds.",
					"annotation_name": "Gate",
					"hint": "Notes that stay below this level are not played. At its lowest the model's own gate holds."
				}
			},
			{
				"box": {
					"id": "obj-62",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						1132.0,
						459.0,
						133.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "prepend param gate"
				}
			},
			{
				"box": {
					"id": "obj-63",
					"maxclass": "live.dial",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						524.0,
						529.0,
						40.0,
						48.0
					],
					"outlettype": [
						"",
						"float"
					],
					"presentation": 1,
					"presentation_rect": [
						186.0,
						54.0,
						40.0,
						48.0
					],
					"parameter_enable": 1,
					"varname": "ring",
					"saved_attribute_attributes": {
						"valueof": {
							"parameter_longname": "Ring",
							"parameter_shortname": "Ring",
							"parameter_type": 0,
							"parameter_mmin": 20.0,
							"parameter_mmax": 200.0,
							"parameter_initial_enable": 1,
							"parameter_initial": [
								70
							],
							"parameter_invisible": 1,
							"parameter_unitstyle": 2,
							"parameter_info": "How long an answer may take, and a part of the latency. Raise it when blocks come too late.",
							"parameter_annotation_name": "Ring"
						}
					},
					"annotation": "How long an answer may take, and a part of the latency. Raise it when blocks come too late.",
					"annotation_name": "Ring",
					"hint": "How long an answer may take, and a part of the latency. Raise it when blocks come too late."
				}
			},
			{
				"box": {
					"id": "obj-64",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						524.0,
						587.0,
						93.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "prepend ring"
				}
			},
			{
				"box": {
					"id": "obj-65",
					"maxclass": "live.menu",
					"numinlets": 1,
					"numoutlets": 3,
					"patching_rect": [
						676.0,
						529.0,
						112.0,
						15.0
					],
					"outlettype": [
						"",
						"",
						"float"
					],
					"presentation": 1,
					"presentation_rect": [
						6.0,
						116.0,
						112.0,
						15.0
					],
					"parameter_enable": 1,
					"varname": "model",
					"saved_attribute_attributes": {
						"valueof": {
							"parameter_longname": "Model",
							"parameter_shortname": "Model",
							"parameter_type": 2,
							"parameter_mmin": 0.0,
							"parameter_mmax": 12.0,
							"parameter_initial_enable": 1,
							"parameter_initial": [
								4
							],
							"parameter_invisible": 1,
							"parameter_enum": [
								"a1-live",
								"a2-live",
								"a3-live",
								"a4-live",
								"groove-live",
								"own 1",
								"own 2",
								"own 3",
								"own 4",
								"own 5",
								"own 6",
								"own 7",
								"own 8"
							],
							"parameter_info": "What was learned. The server fills in its own.",
							"parameter_annotation_name": "Model"
						}
					},
					"annotation": "What was learned. The server fills in its own.",
					"annotation_name": "Model",
					"hint": "What was learned. The server fills in its own."
				}
			},
			{
				"box": {
					"id": "obj-66",
					"maxclass": "live.comment",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						676.0,
						510.0,
						112.0,
						13.0
					],
					"text": "Model",
					"presentation": 1,
					"presentation_rect": [
						6.0,
						102.0,
						112.0,
						13.0
					],
					"textjustification": 0
				}
			},
			{
				"box": {
					"id": "obj-67",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						676.0,
						587.0,
						100.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "prepend model"
				}
			},
			{
				"box": {
					"id": "obj-68",
					"maxclass": "live.numbox",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						828.0,
						529.0,
						48.0,
						15.0
					],
					"outlettype": [
						"",
						"float"
					],
					"presentation": 1,
					"presentation_rect": [
						286.0,
						116.0,
						48.0,
						15.0
					],
					"parameter_enable": 1,
					"varname": "link",
					"saved_attribute_attributes": {
						"valueof": {
							"parameter_longname": "Link",
							"parameter_shortname": "Link",
							"parameter_type": 1,
							"parameter_mmin": 1.0,
							"parameter_mmax": 16.0,
							"parameter_initial_enable": 1,
							"parameter_initial": [
								1
							],
							"parameter_invisible": 1,
							"parameter_unitstyle": 0,
							"parameter_info": "Notes go to the BassNet MIDI devices of this number.",
							"parameter_annotation_name": "Link"
						}
					},
					"annotation": "Notes go to the BassNet MIDI devices of this number.",
					"annotation_name": "Link",
					"hint": "Notes go to the BassNet MIDI devices of this number."
				}
			},
			{
				"box": {
					"id": "obj-69",
					"maxclass": "live.comment",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						828.0,
						510.0,
						48.0,
						13.0
					],
					"text": "Link",
					"presentation": 1,
					"presentation_rect": [
						286.0,
						102.0,
						48.0,
						13.0
					],
					"textjustification": 0
				}
			},
			{
				"box": {
					"id": "obj-70",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						828.0,
						587.0,
						93.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "prepend link"
				}
			},
			{
				"box": {
					"id": "obj-71",
					"maxclass": "live.numbox",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						980.0,
						529.0,
						50.0,
						15.0
					],
					"outlettype": [
						"",
						"float"
					],
					"presentation": 1,
					"presentation_rect": [
						230.0,
						116.0,
						50.0,
						15.0
					],
					"parameter_enable": 1,
					"varname": "port",
					"saved_attribute_attributes": {
						"valueof": {
							"parameter_longname": "Port",
							"parameter_shortname": "Port",
							"parameter_type": 0,
							"parameter_mmin": 1024.0,
							"parameter_mmax": 65535.0,
							"parameter_initial_enable": 1,
							"parameter_initial": [
								7770
							],
							"parameter_invisible": 1,
							"parameter_unitstyle": 0,
							"parameter_info": "UDP port of the server: see `bassnet serve`.",
							"parameter_annotation_name": "Port"
						}
					},
					"annotation": "UDP port of the server: see `bassnet serve`.",
					"annotation_name": "Port",
					"hint": "UDP port of the server: see `bassnet serve`."
				}
			},
			{
				"box": {
					"id": "obj-72",
					"maxclass": "live.comment",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						980.0,
						510.0,
						50.0,
						13.0
					],
					"text": "Port",
					"presentation": 1,
					"presentation_rect": [
						230.0,
						102.0,
						50.0,
						13.0
					],
					"textjustification": 0
				}
			},
			{
				"box": {
					"id": "obj-73",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						980.0,
						587.0,
						93.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "prepend port"
				}
			},
			{
				"box": {
					"id": "obj-74",
					"maxclass": "textedit",
					"numinlets": 1,
					"numoutlets": 4,
					"patching_rect": [
						1132.0,
						529.0,
						100.0,
						15.0
					],
					"outlettype": [
						"",
						"int",
						"",
						""
					],
					"text": "127.0.0.1",
					"presentation": 1,
					"presentation_rect": [
						124.0,
						116.0,
						100.0,
						15.0
					],
					"border": 0.0,
					"fontsize": 9.5,
					"keymode": 1,
					"lines": 1,
					"wordwrap": 0,
					"parameter_enable": 1,
					"varname": "host",
					"saved_attribute_attributes": {
						"valueof": {
							"parameter_longname": "Host",
							"parameter_shortname": "Host",
							"parameter_type": 3,
							"parameter_initial_enable": 1,
							"parameter_initial": [
								"127.0.0.1"
							],
							"parameter_invisible": 1,
							"parameter_info": "Machine that the server runs on: 127.0.0.1 is this one. Return takes it.",
							"parameter_annotation_name": "Host"
						},
						"bgcolor": {
							"expression": "themecolor.live_lcd_bg"
						},
						"bordercolor": {
							"expression": "themecolor.live_lcd_bg"
						},
						"textcolor": {
							"expression": "themecolor.live_lcd_control_fg"
						}
					},
					"annotation": "Machine that the server runs on: 127.0.0.1 is this one. Return takes it.",
					"annotation_name": "Host",
					"hint": "Machine that the server runs on: 127.0.0.1 is this one. Return takes it."
				}
			},
			{
				"box": {
					"id": "obj-75",
					"maxclass": "live.comment",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						1132.0,
						510.0,
						100.0,
						13.0
					],
					"text": "Host",
					"presentation": 1,
					"presentation_rect": [
						124.0,
						102.0,
						100.0,
						13.0
					],
					"textjustification": 0
				}
			},
			{
				"box": {
					"id": "obj-76",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						1132.0,
						555.0,
						80.0,
						22.0
					],
					"outlettype": [
						"",
						""
					],
					"text": "route text"
				}
			},
			{
				"box": {
					"id": "obj-77",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						1132.0,
						587.0,
						93.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "prepend host"
				}
			},
			{
				"box": {
					"id": "obj-78",
					"maxclass": "comment",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						1303.0,
						8.0,
						562.0,
						22.0
					],
					"text": "The bass out of its ring, BASS OUT at the first *~, beside the mix that is as late."
				}
			},
			{
				"box": {
					"id": "obj-79",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						1303.0,
						40.0,
						73.0,
						22.0
					],
					"outlettype": [
						"signal"
					],
					"text": "+~ 127712"
				}
			},
			{
				"box": {
					"id": "obj-80",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						1303.0,
						72.0,
						73.0,
						22.0
					],
					"outlettype": [
						"signal"
					],
					"text": "%~ 131072"
				}
			},
			{
				"box": {
					"id": "obj-81",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 2,
					"patching_rect": [
						1303.0,
						104.0,
						139.0,
						22.0
					],
					"outlettype": [
						"signal",
						"signal"
					],
					"text": "index~ bassnet_bass"
				}
			},
			{
				"box": {
					"id": "obj-82",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						1303.0,
						187.0,
						40.0,
						22.0
					],
					"outlettype": [
						"signal"
					],
					"text": "*~"
				}
			},
			{
				"box": {
					"id": "obj-83",
					"maxclass": "live.dial",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						1512.0,
						40.0,
						40.0,
						48.0
					],
					"outlettype": [
						"",
						"float"
					],
					"presentation": 1,
					"presentation_rect": [
						266.0,
						3.0,
						40.0,
						48.0
					],
					"parameter_enable": 1,
					"varname": "wet",
					"saved_attribute_attributes": {
						"valueof": {
							"parameter_longname": "Dry/Wet",
							"parameter_shortname": "Dry/Wet",
							"parameter_type": 0,
							"parameter_mmin": 0.0,
							"parameter_mmax": 100.0,
							"parameter_initial_enable": 1,
							"parameter_initial": [
								100.0
							],
							"parameter_invisible": 0,
							"parameter_unitstyle": 5,
							"parameter_modmode": 2,
							"parameter_info": "100 %: the bass alone. The dry mix is delayed as much as the bass is late, so they stay together.",
							"parameter_annotation_name": "Dry/Wet"
						}
					},
					"annotation": "100 %: the bass alone. The dry mix is delayed as much as the bass is late, so they stay together.",
					"annotation_name": "Dry/Wet",
					"hint": "100 %: the bass alone. The dry mix is delayed as much as the bass is late, so they stay together."
				}
			},
			{
				"box": {
					"id": "obj-84",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						1512.0,
						94.0,
						54.0,
						22.0
					],
					"outlettype": [
						"float"
					],
					"text": "* 0.01"
				}
			},
			{
				"box": {
					"id": "obj-85",
					"maxclass": "message",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						1512.0,
						126.0,
						47.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "$1 20"
				}
			},
			{
				"box": {
					"id": "obj-86",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 2,
					"patching_rect": [
						1512.0,
						158.0,
						67.0,
						22.0
					],
					"outlettype": [
						"signal",
						"bang"
					],
					"text": "line~ 1."
				}
			},
			{
				"box": {
					"id": "obj-87",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						1588.0,
						187.0,
						54.0,
						22.0
					],
					"outlettype": [
						"signal"
					],
					"text": "!-~ 1."
				}
			},
			{
				"box": {
					"id": "obj-88",
					"maxclass": "live.meter~",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						1417.0,
						200.0,
						9.0,
						96.0
					],
					"outlettype": [
						"float",
						"int"
					],
					"presentation": 1,
					"presentation_rect": [
						325.0,
						6.0,
						9.0,
						96.0
					],
					"annotation": "Level of the bass that it plays.",
					"annotation_name": "Bass",
					"hint": "Level of the bass that it plays."
				}
			},
			{
				"box": {
					"id": "obj-89",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 0,
					"patching_rect": [
						1303.0,
						260.0,
						67.0,
						22.0
					],
					"text": "dac~ 1 2"
				}
			},
			{
				"box": {
					"id": "obj-90",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						1626.0,
						72.0,
						126.0,
						22.0
					],
					"outlettype": [
						"signal"
					],
					"text": "delay~ 65536 6240"
				}
			},
			{
				"box": {
					"id": "obj-91",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						1626.0,
						219.0,
						40.0,
						22.0
					],
					"outlettype": [
						"signal"
					],
					"text": "*~"
				}
			},
			{
				"box": {
					"id": "obj-92",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						1778.0,
						72.0,
						126.0,
						22.0
					],
					"outlettype": [
						"signal"
					],
					"text": "delay~ 65536 6240"
				}
			},
			{
				"box": {
					"id": "obj-93",
					"maxclass": "newobj",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						1778.0,
						219.0,
						40.0,
						22.0
					],
					"outlettype": [
						"signal"
					],
					"text": "*~"
				}
			},
			{
				"box": {
					"id": "obj-94",
					"maxclass": "comment",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						1303.0,
						302.0,
						87.0,
						22.0
					],
					"text": "The server."
				}
			},
			{
				"box": {
					"id": "obj-95",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						1303.0,
						334.0,
						159.0,
						22.0
					],
					"text": "udpsend 127.0.0.1 7770"
				}
			},
			{
				"box": {
					"id": "obj-96",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						1303.0,
						366.0,
						238.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "udpreceive 49151 @defer 1 @quiet 1"
				}
			},
			{
				"box": {
					"id": "obj-97",
					"maxclass": "live.comment",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						1303.0,
						436.0,
						328.0,
						16.0
					],
					"text": "script not started: see the Max Console",
					"presentation": 1,
					"presentation_rect": [
						6.0,
						150.0,
						328.0,
						16.0
					],
					"textjustification": 0,
					"annotation": "What the server is at, or why there is none.",
					"annotation_name": "State",
					"hint": "What the server is at, or why there is none."
				}
			},
			{
				"box": {
					"id": "obj-98",
					"maxclass": "live.comment",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						1303.0,
						468.0,
						328.0,
						16.0
					],
					"text": "130 ms late",
					"presentation": 1,
					"presentation_rect": [
						6.0,
						133.0,
						328.0,
						16.0
					],
					"textjustification": 0,
					"annotation": "How late the bass is, and so the dry mix; told to Live, which makes up for it.",
					"annotation_name": "Latency",
					"hint": "How late the bass is, and so the dry mix; told to Live, which makes up for it."
				}
			},
			{
				"box": {
					"id": "obj-99",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						1303.0,
						500.0,
						133.0,
						22.0
					],
					"text": "send bassnet_notes"
				}
			},
			{
				"box": {
					"id": "obj-100",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 1,
					"patching_rect": [
						1303.0,
						398.0,
						87.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "prepend osc"
				}
			},
			{
				"box": {
					"id": "obj-101",
					"maxclass": "comment",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						923.0,
						8.0,
						192.0,
						22.0
					],
					"text": "Audio, and a new beginning."
				}
			},
			{
				"box": {
					"id": "obj-102",
					"maxclass": "live.text",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						923.0,
						40.0,
						36.0,
						15.0
					],
					"outlettype": [
						"",
						""
					],
					"presentation": 1,
					"presentation_rect": [
						232.0,
						57.0,
						36.0,
						15.0
					],
					"parameter_enable": 0,
					"mode": 1,
					"text": "Audio",
					"texton": "Audio",
					"annotation": "Turns Max's audio on and off.",
					"annotation_name": "Audio",
					"hint": "Turns Max's audio on and off."
				}
			},
			{
				"box": {
					"id": "obj-103",
					"maxclass": "live.text",
					"numinlets": 1,
					"numoutlets": 2,
					"patching_rect": [
						1075.0,
						40.0,
						36.0,
						15.0
					],
					"outlettype": [
						"",
						""
					],
					"presentation": 1,
					"presentation_rect": [
						270.0,
						57.0,
						36.0,
						15.0
					],
					"mode": 0,
					"text": "Anew",
					"parameter_enable": 0,
					"annotation": "The bass begins anew, as if it had heard nothing.",
					"annotation_name": "Anew",
					"hint": "The bass begins anew, as if it had heard nothing."
				}
			},
			{
				"box": {
					"id": "obj-104",
					"maxclass": "message",
					"numinlets": 2,
					"numoutlets": 1,
					"patching_rect": [
						1075.0,
						72.0,
						146.0,
						22.0
					],
					"outlettype": [
						""
					],
					"text": "playing 0, playing 1"
				}
			},
			{
				"box": {
					"id": "obj-105",
					"maxclass": "newobj",
					"numinlets": 1,
					"numoutlets": 0,
					"patching_rect": [
						1075.0,
						104.0,
						120.0,
						22.0
					],
					"text": "send bassnet_say"
				}
			}
		],
		"lines": [
			{
				"patchline": {
					"source": [
						"obj-2",
						0
					],
					"destination": [
						"obj-3",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-3",
						0
					],
					"destination": [
						"obj-4",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-5",
						0
					],
					"destination": [
						"obj-6",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-6",
						0
					],
					"destination": [
						"obj-7",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-7",
						0
					],
					"destination": [
						"obj-12",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-6",
						1
					],
					"destination": [
						"obj-8",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-8",
						0
					],
					"destination": [
						"obj-9",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-9",
						0
					],
					"destination": [
						"obj-12",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-8",
						1
					],
					"destination": [
						"obj-10",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-5",
						1
					],
					"destination": [
						"obj-11",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-10",
						0
					],
					"destination": [
						"obj-12",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-11",
						0
					],
					"destination": [
						"obj-12",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-14",
						0
					],
					"destination": [
						"obj-15",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-15",
						0
					],
					"destination": [
						"obj-16",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-16",
						0
					],
					"destination": [
						"obj-21",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-14",
						1
					],
					"destination": [
						"obj-15",
						1
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-16",
						0
					],
					"destination": [
						"obj-26",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-17",
						0
					],
					"destination": [
						"obj-21",
						1
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-17",
						0
					],
					"destination": [
						"obj-18",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-18",
						0
					],
					"destination": [
						"obj-19",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-19",
						0
					],
					"destination": [
						"obj-20",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-28",
						0
					],
					"destination": [
						"obj-29",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-29",
						0
					],
					"destination": [
						"obj-30",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-17",
						0
					],
					"destination": [
						"obj-30",
						1
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-31",
						0
					],
					"destination": [
						"obj-32",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-32",
						0
					],
					"destination": [
						"obj-33",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-17",
						0
					],
					"destination": [
						"obj-33",
						1
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-34",
						0
					],
					"destination": [
						"obj-35",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-35",
						0
					],
					"destination": [
						"obj-36",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-36",
						0
					],
					"destination": [
						"obj-37",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-37",
						2
					],
					"destination": [
						"obj-38",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-38",
						0
					],
					"destination": [
						"obj-39",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-39",
						0
					],
					"destination": [
						"obj-40",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-40",
						0
					],
					"destination": [
						"obj-43",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-43",
						0
					],
					"destination": [
						"obj-37",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-39",
						0
					],
					"destination": [
						"obj-41",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-41",
						0
					],
					"destination": [
						"obj-42",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-42",
						0
					],
					"destination": [
						"obj-43",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-37",
						1
					],
					"destination": [
						"obj-44",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-44",
						0
					],
					"destination": [
						"obj-45",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-45",
						0
					],
					"destination": [
						"obj-46",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-46",
						0
					],
					"destination": [
						"obj-28",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-28",
						0
					],
					"destination": [
						"obj-47",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-47",
						0
					],
					"destination": [
						"obj-34",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-45",
						1
					],
					"destination": [
						"obj-48",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-48",
						0
					],
					"destination": [
						"obj-31",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-31",
						0
					],
					"destination": [
						"obj-49",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-49",
						0
					],
					"destination": [
						"obj-34",
						1
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-52",
						0
					],
					"destination": [
						"obj-53",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-53",
						0
					],
					"destination": [
						"obj-51",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-54",
						1
					],
					"destination": [
						"obj-56",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-56",
						0
					],
					"destination": [
						"obj-51",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-57",
						0
					],
					"destination": [
						"obj-58",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-58",
						0
					],
					"destination": [
						"obj-51",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-59",
						0
					],
					"destination": [
						"obj-60",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-60",
						0
					],
					"destination": [
						"obj-51",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-61",
						0
					],
					"destination": [
						"obj-62",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-62",
						0
					],
					"destination": [
						"obj-51",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-63",
						0
					],
					"destination": [
						"obj-64",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-64",
						0
					],
					"destination": [
						"obj-51",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-65",
						1
					],
					"destination": [
						"obj-67",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-67",
						0
					],
					"destination": [
						"obj-51",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-68",
						0
					],
					"destination": [
						"obj-70",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-70",
						0
					],
					"destination": [
						"obj-51",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-71",
						0
					],
					"destination": [
						"obj-73",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-73",
						0
					],
					"destination": [
						"obj-51",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-6",
						2
					],
					"destination": [
						"obj-74",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-74",
						0
					],
					"destination": [
						"obj-76",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-76",
						0
					],
					"destination": [
						"obj-77",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-77",
						0
					],
					"destination": [
						"obj-51",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-76",
						1
					],
					"destination": [
						"obj-77",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-17",
						0
					],
					"destination": [
						"obj-79",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-79",
						0
					],
					"destination": [
						"obj-80",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-80",
						0
					],
					"destination": [
						"obj-81",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-81",
						0
					],
					"destination": [
						"obj-82",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-82",
						0
					],
					"destination": [
						"obj-88",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-4",
						5
					],
					"destination": [
						"obj-79",
						1
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-83",
						0
					],
					"destination": [
						"obj-84",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-84",
						0
					],
					"destination": [
						"obj-85",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-85",
						0
					],
					"destination": [
						"obj-86",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-86",
						0
					],
					"destination": [
						"obj-87",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-86",
						0
					],
					"destination": [
						"obj-82",
						1
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-14",
						0
					],
					"destination": [
						"obj-90",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-4",
						4
					],
					"destination": [
						"obj-90",
						1
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-90",
						0
					],
					"destination": [
						"obj-91",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-87",
						0
					],
					"destination": [
						"obj-91",
						1
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-91",
						0
					],
					"destination": [
						"obj-89",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-82",
						0
					],
					"destination": [
						"obj-89",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-14",
						1
					],
					"destination": [
						"obj-92",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-4",
						4
					],
					"destination": [
						"obj-92",
						1
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-92",
						0
					],
					"destination": [
						"obj-93",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-87",
						0
					],
					"destination": [
						"obj-93",
						1
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-93",
						0
					],
					"destination": [
						"obj-89",
						1
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-82",
						0
					],
					"destination": [
						"obj-89",
						1
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-4",
						0
					],
					"destination": [
						"obj-95",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-4",
						1
					],
					"destination": [
						"obj-96",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-4",
						2
					],
					"destination": [
						"obj-97",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-4",
						3
					],
					"destination": [
						"obj-98",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-4",
						6
					],
					"destination": [
						"obj-65",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-4",
						7
					],
					"destination": [
						"obj-99",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-96",
						0
					],
					"destination": [
						"obj-100",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-100",
						0
					],
					"destination": [
						"obj-4",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-102",
						0
					],
					"destination": [
						"obj-89",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-103",
						0
					],
					"destination": [
						"obj-104",
						0
					]
				}
			},
			{
				"patchline": {
					"source": [
						"obj-104",
						0
					],
					"destination": [
						"obj-105",
						0
					]
				}
			}
		],
		"parameters": {
			"obj-28": [
				"X",
				"X",
				0
			],
			"obj-31": [
				"Y",
				"Y",
				0
			],
			"obj-52": [
				"Gain",
				"Gain",
				0
			],
			"obj-54": [
				"Timbre",
				"Timbre",
				0
			],
			"obj-57": [
				"Octave",
				"Octave",
				0
			],
			"obj-59": [
				"Tuning",
				"Tuning",
				0
			],
			"obj-61": [
				"Gate",
				"Gate",
				0
			],
			"obj-63": [
				"Ring",
				"Ring",
				0
			],
			"obj-65": [
				"Model",
				"Model",
				0
			],
			"obj-68": [
				"Link",
				"Link",
				0
			],
			"obj-71": [
				"Port",
				"Port",
				0
			],
			"obj-74": [
				"Host",
				"Host",
				0
			],
			"obj-83": [
				"Dry/Wet",
				"Dry/Wet",
				0
			],
			"parameterbanks": {
				"0": {
					"index": 0,
					"name": "",
					"parameters": [
						"X",
						"Y",
						"Gain",
						"Timbre",
						"Octave",
						"Tuning",
						"Gate",
						"Dry/Wet"
					]
				}
			},
			"inherited_shortname": 1
		},
		"dependency_cache": [],
		"autosave": 0
	}
}
