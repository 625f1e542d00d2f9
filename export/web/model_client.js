// The worker's model as promises.

export class ModelClient {
  /** @param progress function told how many bytes of how many have been loaded. */
  constructor(progress) {
    this.progress = progress;
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.receive(data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.waiting?.reject(new Error(event.message ?? "The page's worker.js cannot be loaded."));
    };
  }

  /** The manifest of the artifact in a folder. */
  open(url) {
    return this.ask({ open: url });
  }

  /** Loads the model of that artifact; gives {bytes, hasAlignment, hasDigests}. */
  load() {
    return this.ask({ load: true });
  }

  /** Runs the model on what it takes; one at a time. `shown` is told the parts of a text. */
  run(input, shown = () => {}) {
    this.shown = shown;
    return this.ask({ input });
  }

  /** Ends the text that a language model writes. */
  stop() {
    this.worker.postMessage({ stop: true });
  }

  ask(message) {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.worker.postMessage(message);
    });
  }

  receive(data) {
    if ("total" in data) this.progress(data.received, data.total);
    else if ("part" in data) this.shown(data.part);
    else if ("error" in data) this.waiting.reject(new Error(data.error));
    else this.waiting.resolve(data.answer);
  }
}
