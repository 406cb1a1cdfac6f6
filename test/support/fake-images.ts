/** Images of the fake cluster: the real actors, requests and streams over a store in memory. */
import { aboutOf, type ImageApi, type ImageBody } from '../../actors/api.ts'
import { compareBy, NEWEST_FIRST } from '../../actors/image/access.ts'
import { imageActor } from '../../actors/image/image.ts'
import type { ViewRow } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { ImageStore } from '../../actors/kernel/image-store.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import { memoryImageStore } from '../../persistence/images/memory-store.ts'
import { createImageBytes, type ImageBytesService } from '../../supervisors/images/bytes.ts'
import { createImages } from '../../supervisors/images/requests.ts'
import { createImageStreams, type ImageStreams } from '../../supervisors/images/streams.ts'
import { type Held, hold } from './durable.ts'

export interface FakeImages {
  readonly api: ImageApi
  readonly streams: ImageStreams
  readonly bytes: ImageBytesService
  readonly store: ImageStore
  /** One that no actor has. */
  add(body: ImageBody): void
  /** Of one that no actor has. */
  change(id: string, change: Partial<ImageBody>): void
  held(id: string): Held
  /** Does all that images want done in the store. */
  settle(): Promise<void>
}

export interface FakeImagesOptions {
  readonly builtIn?: readonly ImageBody[]
  readonly now?: () => number
  readonly maxBytes?: number
  /** Rows of other views, by table and id. */
  readonly rows?: Readonly<Record<string, object>>
  readonly claims?: Readonly<Record<string, { readonly instance: string }>>
}

export function fakeImages(options: FakeImagesOptions = {}): FakeImages {
  const { builtIn = [], now = () => Date.UTC(2026, 0, 31), rows = {}, maxBytes = Number.MAX_SAFE_INTEGER } = options
  const actors = new Map<string, Held>()
  const added = new Map<string, ImageBody>()
  const store = memoryImageStore()
  let uuids = 0

  const rowsOf = (): ViewRow[] => [
    ...[...actors].flatMap(([id, held]) => {
      const row = held.row()
      return row ? [{ table: 'image' as const, id, columns: row.columns as ViewRow['columns'], body: structuredClone(row.body) }] : []
    }),
    ...[...added].map(([id, body]) => ({
      table: 'image' as const,
      id,
      columns: {
        ...{ deleted: body.status === 'deleted', project: body.project },
        ...{ name: body.name, status: body.status, visibility: aboutOf(body).visibility },
      },
      body,
    })),
  ]

  const views: Views = {
    async get(table, id) {
      if (table === 'image') return rowsOf().find(row => row.id === id) ?? null
      const body = rows[`${table}/${id}`]
      return body ? { table, id, columns: {}, body } : null
    },
    async list(_, { where = {}, sort, limit = 1000, marker }) {
      const compare = compareBy(sort ? sort.map(({ column, direction }) => ({ column: column as 'id', direction })) : NEWEST_FIRST)
      const has = (row: ViewRow, name: string): unknown => (name === 'id' ? row.id : (row.columns[name] ?? null))
      const found = rowsOf()
        .filter(row =>
          Object.entries(where).every(([name, value]) => (Array.isArray(value) ? value.includes(has(row, name)) : has(row, name) === value)),
        )
        .sort((a, b) => compare(a.body as ImageBody, b.body as ImageBody))
      const at =
        marker === undefined ? 0 : found.findIndex(row => compare(row.body as ImageBody, rowsOf().find(r => r.id === marker)?.body as ImageBody) > 0)
      return at < 0 ? [] : found.slice(at, at + limit)
    },
    count: async () => 0,
    countBy: async () => new Map(),
  }

  function held(id: string): Held {
    const found = actors.get(id) ?? hold(imageActor(), id)
    actors.set(id, found)
    found.now = Math.max(found.now, now())
    return found
  }

  async function call(kind: string, id: string, method: string, args: unknown): Promise<unknown> {
    if (kind === 'host') return options.claims ?? {}
    if (kind === 'image' && added.has(id)) {
      if (method === 'delete') added.delete(id)
      return added.get(id) ?? null
    }
    if (kind === 'image') return structuredClone(held(id).send(method, structuredClone(args)) ?? null)
    throw new BatonError('NotFound', `there is no ${kind} ${id}`)
  }

  const quotas = { take: async () => ({ number: ++uuids, confirm: () => {}, doubt: () => {} }) }
  const bytes = createImageBytes({ env: { monotonicMs: () => 0 }, store, views, quotas, maxBytes, call })
  const env = {
    uuid: () => `00000000-0000-4000-8000-${String(++uuids).padStart(12, '0')}`,
    setTimer: (_: number, fn: () => void) => {
      queueMicrotask(fn)
      return { cancel: () => {} }
    },
  }
  return {
    api: createImages({ views, quotas, builtIn: () => builtIn, call }).requests,
    streams: createImageStreams(env, (_, method, args) => bytes(method, args, { role: 'gateway', node: 'g1' })),
    bytes,
    store,
    add: body => void added.set(body.id, body),
    change(id, change) {
      const body = added.get(id)
      if (!body) throw new Error(`no image ${id} was added`)
      added.set(id, { ...body, ...change })
    },
    held,
    async settle() {
      for (const actor of actors.values()) {
        for (let work = actor.work(); ; work = actor.work()) {
          const next = work.find(w => w.type === 'call' && w.to.kind === 'image-store')
          if (next?.type !== 'call') break
          actor.send('@result', { key: next.key, ok: true, value: await bytes(next.method, next.args, { role: 'conductor', node: 'c1' }) })
        }
      }
    },
  }
}
