/**
 * The typed client of the console, for browsers and for Node 24 alike: it needs `WebSocket`, timers and nothing else.
 *
 *     const client = connectConsole({ url: 'ws://127.0.0.1:8774/console', onState: state => console.log(state) })
 *     const hosts = client.watch('hosts', {}, { onChange: ({ rows }) => draw([...rows.values()]) })
 *     hosts.close()
 *
 * A connection that breaks is made again after a random time that grows, so that the clients of a gateway that is started again do not
 * come all at once. Subscriptions go on at their version; what was missed comes as a delta, or as a snapshot of which only the
 * differences are handed on. A snapshot in several messages is shown when it is whole.
 */
import type { HistoryAsked, HistoryPart } from '../../actors/api.ts'
import type { ItemTopics, Params, RowTopics } from './topics.ts'

export type ConnectionState =
  | { readonly state: 'connecting' }
  /** `silent`: conductors that the gateway does not hear; what is shown of theirs may be old. */
  | { readonly state: 'live'; readonly gateway: string; readonly silent: readonly string[] }
  | { readonly state: 'waiting'; readonly retryInMs: number; readonly why: string }
  /** For good: `why` says so in words. */
  | { readonly state: 'closed'; readonly why: string }

export interface ConsoleFault {
  /** Of the table of errors. */
  readonly code: string
  readonly message: string
}

export interface ConnectOptions {
  /** `ws://…/console` or `wss://…/console` */
  readonly url: string
  /** Asked for before every connection, and when a token is about to end; null where there are no identities. May reject: then it is asked again. */
  readonly token?: () => Promise<string | null>
  readonly onState?: (state: ConnectionState) => void
  /** Longest pause before another try, ms. Default 15,000. */
  readonly maxPauseMs?: number
}

export interface RowChange<Row> {
  /** All rows there are now, by id, in no order. */
  readonly rows: ReadonlyMap<string, Row>
  /** Those that are new or different since the last change, and the ids of those that are gone. */
  readonly set: readonly Row[]
  readonly gone: readonly string[]
}

export interface Watching {
  close(): void
}

export interface ConsoleClient {
  /** `onError` ends the subscription, and is called at most once. */
  watch<T extends keyof RowTopics>(
    topic: T,
    params: Params,
    handlers: { readonly onChange: (change: RowChange<RowTopics[T]>) => void; readonly onError?: (fault: ConsoleFault) => void },
  ): Watching
  /** `missed`: items before these that nobody has any more. After the connection was lost to a gateway that is gone it is not known: null. */
  follow<T extends keyof ItemTopics>(
    topic: T,
    params: Params,
    handlers: {
      readonly onItems: (items: readonly ItemTopics[T][], missed: number | null) => void
      readonly onError?: (fault: ConsoleFault) => void
    },
  ): Watching
  /** A part of the last hour; what came after `after`, or all of it. Rejects with a `ConsoleFault`, also when the connection is lost meanwhile. */
  history(asked: HistoryAsked): Promise<HistoryPart>
  close(): void
}

/** Sub-protocol of this version, and what stands before a token in the list. */
const PROTOCOL = 'baton.console.v1'
const TOKEN_PREFIX = 'baton.token.'
/** The first pause is a random part of this: a gateway that is started again has a thousand clients. Ms. */
const FIRST_PAUSE_MS = 1000
const LEAST_SHARE = 0.1
const CLOSE_UNAUTHORIZED = 4401
/** A connection from which nothing was heard for so long is given up. The server is asked for a sign of life before. Ms. */
const QUIET_MS = 20_000
const GONE_MS = 45_000

type Row = { readonly id: string }

interface Subscribed {
  readonly id: string
  readonly topic: string
  readonly params: Params
  epoch: string
  version: number | null
  /** Parts of a snapshot that is not whole yet. */
  parts: Row[]
  readonly rows: Map<string, Row>
  snapshot(rows: readonly Row[]): void
  delta(set: readonly Row[], gone: readonly string[]): void
  items(items: readonly unknown[], missed: number | null): void
  error(fault: ConsoleFault): void
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const isRow = (value: unknown): value is Row => isRecord(value) && typeof value.id === 'string'
const revOf = (row: object): number => Number(Reflect.get(row, 'rev') ?? 0)
const rowsIn = (value: unknown): Row[] => (Array.isArray(value) ? value.filter(isRow) : [])
/** The server's schema says what a sample is, and its golden samples hold it to that. */
const partIn = ({ epoch, isWhole, samples, more }: Record<string, unknown>): HistoryPart => ({
  ...{ epoch: String(epoch), isWhole: isWhole === true, more: more === true },
  samples: Array.isArray(samples) ? (samples as HistoryPart['samples']) : [],
})
const textsIn = (value: unknown): string[] => (Array.isArray(value) ? value.filter(text => typeof text === 'string') : [])

export function connectConsole(options: ConnectOptions): ConsoleClient {
  const subscribed = new Map<string, Subscribed>()
  const asked = new Map<string, { resolve(part: HistoryPart): void; reject(fault: ConsoleFault): void }>()
  let socket: WebSocket | null = null
  let greeted = false
  let counter = 0
  let tries = 0
  let closed = false
  let heardAt = 0
  let gateway = ''
  let timer: ReturnType<typeof setTimeout> | null = null
  const watchdog = setInterval(lookAround, QUIET_MS / 2)
  if (typeof watchdog === 'object') watchdog.unref()

  const say = (state: ConnectionState): void => options.onState?.(state)
  const send = (message: object): void => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
  }

  async function connect(): Promise<void> {
    say({ state: 'connecting' })
    let token: string | null
    try {
      token = (await options.token?.()) ?? null
    } catch (error) {
      again(error instanceof Error ? error.message : String(error))
      return
    }
    if (closed) return
    const mine = new WebSocket(options.url, [PROTOCOL, ...(token === null ? [] : [`${TOKEN_PREFIX}${token}`])])
    socket = mine
    greeted = false
    heardAt = Date.now()
    mine.onmessage = ({ data }) => {
      heardAt = Date.now()
      if (socket === mine && typeof data === 'string') received(JSON.parse(data))
    }
    mine.onclose = ({ code, reason }) => {
      if (socket !== mine) return
      socket = null
      giveUp()
      if (closed) return
      // A fresh token that is refused will be refused again.
      if (code === CLOSE_UNAUTHORIZED && !greeted) finish(reason || 'the cluster does not accept the credentials')
      else again(reason || (greeted ? 'the connection was lost' : `no cluster answers at ${options.url}`))
    }
  }

  /** What was asked on a connection that is lost is answered by nobody. */
  function giveUp(): void {
    for (const { reject } of asked.values()) reject({ code: 'Unavailable', message: 'the connection was lost' })
    asked.clear()
  }

  /** A random part of a time that doubles with every try in vain. */
  function again(why: string): void {
    const ceilingMs = Math.min(options.maxPauseMs ?? 15_000, FIRST_PAUSE_MS * 2 ** Math.min(tries++, 20))
    const retryInMs = Math.round(ceilingMs * (LEAST_SHARE + (1 - LEAST_SHARE) * Math.random()))
    say({ state: 'waiting', retryInMs, why })
    timer = setTimeout(connect, retryInMs)
  }

  function finish(why: string): void {
    if (closed) return
    closed = true
    if (timer) clearTimeout(timer)
    clearInterval(watchdog)
    const mine = socket
    socket = null
    mine?.close()
    giveUp()
    say({ state: 'closed', why })
  }

  function lookAround(): void {
    if (!socket || !greeted) return
    const quietMs = Date.now() - heardAt
    if (quietMs > GONE_MS) {
      const mine = socket
      socket = null
      giveUp()
      mine.close()
      again('the gateway says nothing any more')
    } else if (quietMs > QUIET_MS) send({ type: 'ping' })
  }

  function subscribe({ id, topic, params, epoch, version }: Subscribed): void {
    if (greeted) send({ type: 'subscribe', id, topic, params, ...(version === null ? {} : { resume: { epoch, version } }) })
  }

  function received(message: unknown): void {
    if (!isRecord(message)) return
    switch (message.type) {
      case 'hello':
        greeted = true
        tries = 0
        gateway = String(message.gateway)
        say({ state: 'live', gateway, silent: [] })
        for (const s of subscribed.values()) {
          s.parts = []
          subscribe(s)
        }
        return
      case 'link':
        say({ state: 'live', gateway, silent: textsIn(message.silent) })
        return
      case 'expiring':
        options.token?.().then(
          token => token !== null && send({ type: 'auth', token }),
          () => {},
        )
        return
      case 'error':
        refused(message)
        return
      case 'history':
        asked.get(String(message.id))?.resolve(partIn(message))
        asked.delete(String(message.id))
        return
      default: {
        const s = subscribed.get(String(message.id))
        if (s) changed(s, message)
      }
    }
  }

  function refused({ id, code, message }: Record<string, unknown>): void {
    asked.get(String(id))?.reject({ code: String(code), message: String(message) })
    asked.delete(String(id))
    const s = subscribed.get(String(id))
    if (!s) return
    subscribed.delete(s.id)
    s.error({ code: String(code), message: String(message) })
  }

  function changed(s: Subscribed, message: Record<string, unknown>): void {
    const epoch = typeof message.epoch === 'string' ? message.epoch : s.epoch
    const isNew = s.epoch !== '' && epoch !== s.epoch
    const version = Number(message.version)
    const isWhole = message.more !== true
    if (message.type === 'snapshot') {
      s.parts.push(...rowsIn(message.set))
      if (!isWhole) return
      s.snapshot(s.parts.splice(0))
    } else if (message.type === 'delta') s.delta(rowsIn(message.set), textsIn(message.gone))
    else if (message.type === 'items' && Array.isArray(message.items)) s.items(message.items, isNew ? null : Number(message.missed))
    if (!isWhole) return
    s.epoch = epoch
    s.version = version
  }

  function add(
    topic: string,
    params: Params,
    on: Pick<Subscribed, 'items' | 'error'>,
    onRows: (set: Row[], gone: string[]) => void,
    rows = new Map<string, Row>(),
  ) {
    const id = String(++counter)
    const apply = (set: readonly Row[], gone: readonly string[], isFirst: boolean): void => {
      // Only what is different is news: a row that came before a connection was lost comes again after it.
      const fresh = set.filter(row => {
        const before = rows.get(row.id)
        // A number of events tells it best: the same row may come with its keys in another order, from another gateway.
        const isSame = before !== undefined && (revOf(row) > 0 ? revOf(row) <= revOf(before) : JSON.stringify(row) === JSON.stringify(before))
        if (!isSame) rows.set(row.id, row)
        return !isSame
      })
      const left = gone.filter(row => rows.delete(row))
      if (isFirst || fresh.length > 0 || left.length > 0) onRows(fresh, left)
    }
    const s: Subscribed = {
      ...{ id, topic, params, epoch: '', version: null, parts: [], rows },
      ...on,
      snapshot(all) {
        const ids = new Set(all.map(row => row.id))
        apply(
          all,
          [...rows.keys()].filter(row => !ids.has(row)),
          s.version === null,
        )
      },
      delta: (set, gone) => apply(set, gone, false),
    }
    subscribed.set(id, s)
    subscribe(s)
    return {
      close() {
        if (subscribed.delete(id) && greeted) send({ type: 'unsubscribe', id })
      },
    }
  }

  connect()
  return {
    watch(topic, params, { onChange, onError }) {
      // What comes under a topic has its shape: the server's schema says so, and its golden samples hold it to that.
      type T = RowTopics[typeof topic]
      const rows = new Map<string, Row>()
      const shown = rows as ReadonlyMap<string, Row> as ReadonlyMap<string, T>
      return add(
        topic,
        params,
        { items: () => {}, error: fault => onError?.(fault) },
        (set, gone) => onChange({ rows: shown, set: set as readonly Row[] as readonly T[], gone }),
        rows,
      )
    },
    follow(topic, params, { onItems, onError }) {
      type T = ItemTopics[typeof topic]
      return add(
        topic,
        params,
        { items: (items, missed) => (items.length > 0 || missed !== 0) && onItems(items as readonly T[], missed), error: fault => onError?.(fault) },
        () => {},
      )
    },
    history: args =>
      new Promise((resolve, reject) => {
        if (!greeted || socket?.readyState !== WebSocket.OPEN) {
          reject({ code: 'Unavailable', message: 'there is no connection' })
          return
        }
        const id = `h${++counter}`
        asked.set(id, { resolve, reject })
        send({ type: 'history', id, ...args })
      }),
    close: () => finish('closed by the client'),
  }
}
