// Takes the place of the native log writer of the VS Code server in tests, which would need a compiler: plain synchronous appends.
// The names are exported one by one, because the server finds them by reading this text.
const fs = require("node:fs");
const path = require("node:path");

class Logger {
  constructor(_name, file) {
    this.file = file;
    this.isRaw = false;
    this.level = 2;
  }
  put(level, text) {
    try {
      fs.mkdirSync(path.dirname(this.file), { recursive: true });
      fs.appendFileSync(this.file, this.isRaw ? text : `${new Date().toISOString()} [${level}] ${text}\n`);
    } catch {
      // The folder is gone while the server shuts down.
    }
  }
  trace(text) {
    this.put("trace", text);
  }
  debug(text) {
    this.put("debug", text);
  }
  info(text) {
    this.put("info", text);
  }
  warn(text) {
    this.put("warning", text);
  }
  error(text) {
    this.put("error", text);
  }
  critical(text) {
    this.put("critical", text);
  }
  getLevel() {
    return this.level;
  }
  setLevel(level) {
    this.level = level;
  }
  setPattern() {}
  clearFormatters() {
    this.isRaw = true;
  }
  flush() {}
  drop() {}
}

const create = async (name, file) => new Logger(name, file);
exports.version = 0;
exports.Logger = Logger;
exports.setLevel = () => {};
exports.setFlushOn = () => {};
exports.shutdown = () => {};
exports.createRotatingLogger = create;
exports.createAsyncRotatingLogger = create;
