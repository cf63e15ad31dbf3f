// A database for ltijs that lives as long as the process: ltijs takes any object with these methods as its plugin, and
// its own wants a MongoDB. Nothing is written, so nothing is encrypted, and nothing expires.

class Memory {
  #collections = new Map();

  async setup() {
    return true;
  }

  async Close() {
    return true;
  }

  #rows(collection) {
    if (!this.#collections.has(collection)) this.#collections.set(collection, []);
    return this.#collections.get(collection);
  }

  #found(collection, query) {
    const matches = (row) => Object.entries(query ?? {}).every(([name, value]) => row.keys[name] === value);
    return this.#rows(collection).filter(matches);
  }

  async Get(_secret, collection, query) {
    const found = this.#found(collection, query);
    return found.length ? found.map((row) => ({ ...structuredClone(row.item), createdAt: row.createdAt })) : false;
  }

  async Insert(_secret, collection, item, index) {
    // As through JSON, which is what ltijs's own database does to it.
    const kept = JSON.parse(JSON.stringify(item));
    this.#rows(collection).push({ keys: { ...kept, ...index }, item: kept, createdAt: Date.now() });
    return true;
  }

  async Replace(secret, collection, query, item, index) {
    await this.Delete(collection, query);
    return this.Insert(secret, collection, item, index);
  }

  async Modify(_secret, collection, query, modification) {
    const [row] = this.#found(collection, query);
    if (row) {
      Object.assign(row.item, modification);
      Object.assign(row.keys, modification);
    }
    return true;
  }

  async Delete(collection, query) {
    const gone = new Set(this.#found(collection, query));
    this.#collections.set(
      collection,
      this.#rows(collection).filter((row) => !gone.has(row)),
    );
    return true;
  }
}

module.exports = { Memory };
