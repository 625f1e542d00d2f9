// The model's answers to the lines of a text that changes all the time.

export class LineResults {
  /**
   * @param run function of a line: a promise of its result.
   * @param changed function called when a result has come.
   * @param failed function told of an error, after which nothing more is run.
   */
  constructor(run, changed, failed) {
    Object.assign(this, { run, changed, failed, lines: [], results: new Map(), busy: false });
  }

  /** From now on only these lines matter, the one at `first` most. */
  want(lines, first = 0) {
    this.lines = lines;
    this.first = first;
    const wanted = new Set(lines);
    for (const line of this.results.keys()) if (!wanted.has(line)) this.results.delete(line);
    this.next();
  }

  /** The result of a line, or undefined while it is awaited. */
  get(line) {
    return this.results.get(line);
  }

  /** Runs the lines that still matter, one after the other. */
  async next() {
    if (this.busy) return;
    const candidates = [this.lines[this.first], ...this.lines];
    const line = candidates.find((each) => each !== undefined && !this.results.has(each));
    if (line === undefined) return;
    this.busy = true;
    try {
      const result = await this.run(line);
      this.busy = false;
      this.results.set(line, result);
      this.changed();
    } catch (error) {
      this.failed(error); // and stays busy
    } finally {
      if (!this.busy) this.next();
    }
  }
}
