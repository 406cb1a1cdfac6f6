/**
 * A thing that many clients watch, with a version for every change: what a client gets is never a queue of its own but "everything after
 * your version". So a slow client costs nothing: when it can take more, it gets the newest state of each row that changed meanwhile,
 * however often it did. And a client that comes back goes on at its version, without a gap and without a double.
 *
 * Two kinds: rows have a newest state each; items (events, lines of a console) happen once, and the oldest are forgotten.
 */

/** What brings a client to `version`; texts are JSON. Who stands at the same version is given the same object: `frames.ts` counts on it. */
export type Update =
  /** The rows there are, in place of all it has. */
  | { readonly type: 'snapshot'; readonly version: number; readonly set: readonly string[] }
  | { readonly type: 'delta'; readonly version: number; readonly set: readonly string[]; readonly gone: readonly string[] }
  /** `missed` items are forgotten before the first of `items`. */
  | { readonly type: 'items'; readonly version: number; readonly items: readonly string[]; readonly missed: number }

export interface Channel {
  /** Names this life of the channel; versions of another life mean nothing here. */
  readonly epoch: string
  version(): number
  /** From a version of this epoch, or from nothing, to the newest, or towards it: a snapshot may be of a moment ago. */
  since(version: number | null): Update
  /** Rows or items held. */
  size(): number
}

/** Changes of rows that are remembered; who comes back after more of them gets all rows again. */
const LOG = 4096
/** Versions from which clients come to the newest one, for which what they are told is remembered. */
const SHARED = 64
/** A snapshot of a moment ago is handed out again, and followed by a delta, until this share of its rows has changed after it. */
const STALE_SHARE = 1 / 8

export interface Rows extends Channel {
  get(id: string): string | undefined
  ids(): IterableIterator<string>
  /** One version for all of it; none when nothing is different. True when something is. */
  change(set: ReadonlyMap<string, string>, gone: Iterable<string>): boolean
}

export function createRows(epoch: string, logLimit: number = LOG): Rows {
  const rows = new Map<string, string>()
  let log: { readonly version: number; readonly id: string }[] = []
  let version = 0
  /** Clients that are at this version or a later one can be told what changed since. */
  let oldest = 0
  const shared = createShared()
  /** Held by those who are being told it, not by us: it may be as large as all rows, and a thousand clients that come back take the same. */
  let snapshot: { readonly of: WeakRef<Update>; changes: number } | null = null

  function delta(from: number): Update {
    const set: string[] = []
    const gone: string[] = []
    let at = log.length
    while (at > 0 && (log[at - 1]?.version ?? 0) > from) at--
    for (const id of new Set(log.slice(at).map(entry => entry.id))) {
      const row = rows.get(id)
      if (row === undefined) gone.push(id)
      else set.push(row)
    }
    return { type: 'delta', version, set, gone }
  }

  function all(): Update {
    const recent = snapshot && snapshot.changes <= rows.size * STALE_SHARE ? snapshot.of.deref() : undefined
    if (recent && recent.version >= oldest) return recent
    const update: Update = { type: 'snapshot', version, set: [...rows.values()] }
    snapshot = { of: new WeakRef(update), changes: 0 }
    return update
  }

  return {
    epoch,
    version: () => version,
    size: () => rows.size,
    get: id => rows.get(id),
    ids: () => rows.keys(),
    since: from => (from === null || from < oldest || from > version ? all() : shared.of(from, () => delta(from))),
    change(set, gone) {
      const next = version + 1
      const before = log.length
      for (const [id, row] of set) {
        if (rows.get(id) === row) continue
        rows.set(id, row)
        log.push({ version: next, id })
      }
      for (const id of gone) if (rows.delete(id)) log.push({ version: next, id })
      if (log.length === before) return false
      version = next
      shared.clear()
      if (snapshot) snapshot.changes += log.length - before
      if (log.length > logLimit * 1.25) {
        oldest = log[log.length - logLimit - 1]?.version ?? version
        log = log.slice(-logLimit)
      }
      return true
    },
  }
}

/** What those are told who stand at the same version, made once; forgotten when the version is another. */
function createShared(): { of(from: number | null, make: () => Update): Update; clear(): void } {
  const made = new Map<number | null, Update>()
  return {
    of(from, make) {
      const known = made.get(from)
      if (known) return known
      const update = make()
      if (made.size < SHARED) made.set(from, update)
      return update
    },
    clear: () => made.clear(),
  }
}

export interface Items extends Channel {
  push(item: string): void
}

/** Keeps the newest `limit` items, and at most `maxChars` of their text. */
export function createItems(epoch: string, limit: number, maxChars: number = Number.POSITIVE_INFINITY): Items {
  let items: string[] = []
  let chars = 0
  let version = 0
  const shared = createShared()

  function after(from: number | null): Update {
    // Who comes anew is shown what there is, and has missed nothing.
    const wanted = from === null || from > version ? items.length : version - from
    const known = Math.min(wanted, items.length)
    return { type: 'items', version, items: known === 0 ? [] : items.slice(-known), missed: from === null ? 0 : wanted - known }
  }

  return {
    epoch,
    version: () => version,
    size: () => items.length,
    since: from => shared.of(from, () => after(from)),
    push(item) {
      version++
      shared.clear()
      items.push(item)
      chars += item.length
      if (items.length <= limit * 1.25 && chars <= maxChars * 1.25) return
      let drop = Math.max(0, items.length - limit)
      for (let left = items.slice(drop).reduce((sum, text) => sum + text.length, 0); left > maxChars && drop < items.length - 1; drop++)
        left -= items[drop]?.length ?? 0
      items = items.slice(drop)
      chars = items.reduce((sum, text) => sum + text.length, 0)
    },
  }
}
