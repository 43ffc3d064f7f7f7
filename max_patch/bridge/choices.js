/**
 * What was chosen and told to each session, and the menu of models that it is chosen from.
 *
 * Flow: bassnet.js -> Bridge -> Choices -> say; the server's /bassnet/models -> Menu -> the patch's menu.
 * A new session knows nothing of us, and datagrams get lost: what it has to know is said with its first
 * welcome and once more with its second, and for the models it is asked until it has answered.
 */

class Choices {
  /**
   * @param {function(Array): void} say sends an OSC message: the address and its arguments
   * @param {Menu} menu
   */
  constructor(say, menu) {
    this.say = say;
    this.menu = menu;
    this.values = new Map(); // by OSC address
    this.nWelcomes = 0; // of the session
    this.hasModels = false; // whether the session has answered what models there are
  }

  /** Remembers what was chosen last at an OSC address; whether that is another choice than before. */
  set(address, value) {
    const isNew = value !== undefined && value !== "" && this.values.get(address) !== value;
    if (isNew) {
      this.values.set(address, value);
    }
    return isNew;
  }

  /** The model that was chosen; undefined where none was. */
  get model() {
    return this.values.get("/bassnet/model");
  }

  /** A new session, which has to know all. */
  open() {
    this.nWelcomes = 0;
    this.hasModels = false;
    this.welcome();
  }

  /** A welcome of the session; whether it was the second one. */
  welcome() {
    this.nWelcomes += 1;
    if (this.nWelcomes <= 2) {
      this.values.forEach((value, address) => this.say([address, value]));
      this.say(["/bassnet/subscribe", "notes", 1]);
    }
    if (!this.hasModels) {
      this.say(["/bassnet/models"]);
    }
    return this.nWelcomes === 2;
  }

  /** What models there are, or that an older server does not know the question. */
  heed(address, words) {
    if (address === "/bassnet/models" && words.length > 0) {
      this.hasModels = true;
      this.menu.fill(words.map(textOf), this.model);
    } else if (address === "/bassnet/error" && words[0] === "address") {
      this.hasModels = true;
    }
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
