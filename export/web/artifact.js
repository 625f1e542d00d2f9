// The files of an artifact, read over HTTP.

/** What a reader of the page can understand and mend. */
export class ArtifactError extends Error {}

/** Whether this page may compute digests: browsers allow it by https and on localhost alone. */
export const hasDigests = Boolean(globalThis.crypto?.subtle);

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Artifact {
  /**
   * Reads manifest.json.
   *
   * @param url of the artifact's folder, absolute, with a slash at the end.
   */
  static async open(url) {
    const artifact = new Artifact(url);
    // Not from the browser's cache: a server may call an older file that took a newer one's place
    // unchanged, as it compares times.
    const bytes = await download(`${url}manifest.json`, undefined, undefined, "reload");
    const text = new TextDecoder().decode(bytes);
    try {
      artifact.manifest = JSON.parse(text);
    } catch {
      // Servers of single pages answer every address with a page.
      throw new ArtifactError(`${url}manifest.json is not JSON, so this is no artifact.`);
    }
    if (!artifact.manifest?.kind || !artifact.manifest.files) {
      throw new ArtifactError(`${url}manifest.json is not the manifest of an artifact.`);
    }
    return artifact;
  }

  constructor(url) {
    this.url = url;
  }

  /** How many bytes a file has according to the manifest. */
  size(name) {
    return this.manifest?.files[name]?.bytes;
  }

  /**
   * The bytes of a file; `progress` is told how many of how many have arrived.
   *
   * They must be those that the manifest describes: an artifact may be replaced while it is read.
   */
  async read(name, progress) {
    const entry = this.manifest.files[name];
    if (!entry) throw new ArtifactError(`${name} is not among the files of manifest.json.`);
    // What the browser's cache holds may be of another artifact; sizes alone would not tell.
    for (const cache of hasDigests ? ["no-cache", "reload"] : ["reload"]) {
      const bytes = await download(this.url + name, entry.bytes, progress, cache);
      const isWhole = bytes.length === entry.bytes;
      if (isWhole && (!hasDigests || (await sha256(bytes)) === entry.sha256)) return bytes;
    }
    throw new ArtifactError(
      `${name} is not the file that manifest.json names: the artifact was replaced while the ` +
        "page read it, or was not copied completely. Load the page again.",
    );
  }

  /** A file of JSON values. */
  async readJson(name) {
    return JSON.parse(new TextDecoder().decode(await this.read(name)));
  }
}

/**
 * The bytes behind an address as a Uint8Array.
 *
 * @param size in bytes, if known; only for `progress`.
 * @param progress function told how many bytes of how many have arrived.
 * @param cache what `fetch` takes; by default the server is asked whether the file has changed.
 */
export async function download(url, size, progress = () => {}, cache = "no-cache") {
  let response;
  try {
    response = await fetch(url, { cache });
  } catch {
    throw new ArtifactError(`${url} cannot be reached.`);
  }
  if (!response.ok) throw new ArtifactError(`${url} cannot be read (status ${response.status}).`);
  const total = size ?? Number(response.headers.get("Content-Length"));
  const chunks = [];
  let received = 0;
  progress(received, total);
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    received += value.length;
    progress(received, total);
  }
  const bytes = new Uint8Array(received);
  let position = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, position);
    position += chunk.length;
  }
  return bytes;
}
