// The files of an artifact, read over HTTP.

/** What a reader of the page can understand and mend. */
export class ArtifactError extends Error {}

export class Artifact {
  /**
   * Reads manifest.json.
   *
   * @param url of the artifact's folder, absolute, with a slash at the end.
   */
  static async open(url) {
    const artifact = new Artifact(url);
    const text = new TextDecoder().decode(await artifact.read("manifest.json"));
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

  /** The bytes of a file; `progress` is told how many of how many have arrived. */
  async read(name, progress) {
    const bytes = await download(this.url + name, this.size(name), progress);
    const expected = this.size(name) ?? bytes.length;
    if (bytes.length !== expected) {
      const found = bytes.length.toLocaleString("en");
      throw new ArtifactError(
        `${name} has ${found} bytes instead of ${expected.toLocaleString("en")}: ` +
          "the artifact was not copied completely.",
      );
    }
    return bytes;
  }

  /** A file of JSON values. */
  async readJson(name) {
    return JSON.parse(new TextDecoder().decode(await this.read(name)));
  }
}

/** The bytes behind an address as a Uint8Array; its size, if known, is only for `progress`. */
export async function download(url, size, progress = () => {}) {
  let response;
  try {
    response = await fetch(url, { cache: "no-cache" }); // asks whether it has changed
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
