/**
 * A conductor as far as a gateway with watchers knows one: the feed and the link are the real ones, the rows are in memory and change as often
 * as it is told to. A child of a benchmark. Each change carries when it was committed, in `updatedAt`: ms since 1970, with fractions.
 */
import type { InstanceBody, NodeBody } from '../actors/api.ts'
import { address } from '../actors/kernel/address.ts'
import { BatonError } from '../actors/kernel/errors.ts'
import { createFeed } from '../supervisors/observe/feed.ts'
import { realEnv } from '../supervisors/real-env.ts'
import { manyInstances } from '../test/support/many.ts'
import { isFeedWanted } from '../transport/console/feed.ts'
import { createMessenger, type Messenger } from '../transport/messenger.ts'
import { createZeromqLink } from '../transport/zeromq-link.ts'

export interface Changes {
  /** How many of the rows change in turn. */
  readonly rows: number
  readonly perSecond: number
  readonly seconds: number
}

/** What this conductor has paid so far. */
export interface Paid {
  readonly commits: number
  /** Messages of the feed, and changes in them. */
  readonly messages: number
  readonly changes: number
  /** Requests of the gateway. */
  readonly reads: number
}

export type Order = { readonly do: 'change'; readonly changes: Changes } | { readonly do: 'pay' }
export type Answer =
  | { readonly said: 'ready'; readonly endpoint: string }
  | { readonly said: 'changed'; readonly last: readonly string[] }
  | { readonly said: 'paid'; readonly paid: Paid }

const ROWS = 1000
const NODE = 'conductor-1'
const INCARNATION = 1
const TICK_MS = 10

const env = realEnv(NODE, 'silent')
const link = createZeromqLink({ identity: NODE })
const endpoint = await link.listen('tcp://127.0.0.1:*')
const map = { version: 1, owners: [INCARNATION], members: [{ incarnation: INCARNATION, nodeId: NODE, endpoint, draining: false }] }
const rows = new Map(manyInstances(ROWS, ['compute-1'], Date.now()).rows.map(row => [row.id, { ...row, rev: 1 }]))
const ids = [...rows.keys()]
const paid = { commits: 0, messages: 0, changes: 0, reads: 0 }

const feed = createFeed({
  ...{ env, incarnation: INCARNATION, now: Date.now },
  send(node, batch) {
    paid.messages++
    paid.changes += batch.changes.length
    messenger.cast(address('node', node), 'feed', batch)
  },
})

const node: NodeBody = {
  ...{ id: NODE, role: 'conductor', pid: process.pid, state: 'up', endpoint, version: '0', node: process.version, shards: 1, load: {} },
}

function answer(method: string, args: Readonly<Record<string, unknown>>): unknown {
  paid.reads++
  if (method === 'getInstance') {
    const row = rows.get(String(args.id))
    if (row) return row
    throw new BatonError('NotFound', `there is no instance ${String(args.id)}`)
  }
  if (method === 'listInstances') {
    const from = typeof args.marker === 'string' ? ids.indexOf(args.marker) + 1 : 0
    return ids.slice(from, from + Number(args.limit ?? ROWS)).map(id => rows.get(id))
  }
  if (method === 'listNodes') return [node]
  throw new BatonError('UnknownMethod', `this conductor has no method ${method}`)
}

const messenger: Messenger = createMessenger({
  ...{ env, link },
  self: { node: NODE, inc: INCARNATION, role: 'conductor', pid: process.pid, ver: '0', eng: process.version },
  route: to => (to.kind === 'node' ? { at: 'node', node: to.id } : { at: 'here' }),
  serve: async ({ method, args }) => answer(method, { ...(args as object) }),
  take({ method, args, from }) {
    if (method === 'feedWanted' && isFeedWanted(args)) feed.wanted(from.node, args)
  },
  onSession: session => messenger.castTo(session, address('node', session.identity.node), 'map', map),
})

function commit(id: string): void {
  const row = rows.get(id)
  if (!row) return
  const next: InstanceBody & { rev: number } = { ...row, rev: row.rev + 1, updatedAt: performance.timeOrigin + performance.now() }
  rows.set(id, next)
  paid.commits++
  feed.committed(address('instance', id), { table: 'instance', id, columns: {}, body: next }, [{ type: 'changed' }])
}

/** As many as are due at each tick, so that a machine that falls behind catches up. */
function change({ rows: of, perSecond, seconds }: Changes): Promise<void> {
  const begun = performance.now()
  let done = 0
  return new Promise(resolve => {
    const timer = setInterval(() => {
      const due = Math.min(perSecond * seconds, Math.floor(((performance.now() - begun) / 1000) * perSecond))
      while (done < due) commit(ids[done++ % of] ?? '')
      if (done < perSecond * seconds) return
      clearInterval(timer)
      resolve()
    }, TICK_MS)
  })
}

const say = (what: Answer): void => void process.send?.(what)

process.on('message', async (order: Order) => {
  if (order.do === 'pay') say({ said: 'paid', paid })
  else {
    await change(order.changes)
    say({ said: 'changed', last: ids.slice(0, order.changes.rows).map(id => JSON.stringify(rows.get(id)?.rev ?? 0)) })
  }
})
process.once('disconnect', () => process.exit(0))
say({ said: 'ready', endpoint })
