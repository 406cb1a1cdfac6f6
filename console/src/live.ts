/** What is live on the page: one connection, and what views watch of it. Changes are drawn once per frame, however many come. */
import { createContext } from 'preact'
import { useContext, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { type ConnectionState, type ConsoleClient, type ConsoleFault, connectConsole } from '../../transport/console-client/client.ts'
import type { ItemTopics, Params, RowTopics } from '../../transport/console-client/topics.ts'
import { createOrdered } from './ordered.ts'
import { ask, Refused, type Session } from './session.ts'

export interface Live {
  readonly session: Session
  readonly client: ConsoleClient
  readonly connection: ConnectionState
  ask(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<unknown>
  signOut(): void
}

export const LiveContext = createContext<Live | null>(null)

export function useLive(): Live {
  const live = useContext(LiveContext)
  if (!live) throw new Error('useLive outside of a session')
  return live
}

/** A connection for as long as the session is the same. `onEnd` is called when the cluster does not take the token any more. */
export function useConnection(session: Session, onEnd: (why: string) => void): Live | null {
  const [connection, setConnection] = useState<ConnectionState>({ state: 'connecting' })
  const [client, setClient] = useState<ConsoleClient | null>(null)
  useEffect(() => {
    const mine = connectConsole({
      url: `${location.origin.replace(/^http/, 'ws')}/console`,
      token: async () => session.token,
      onState(state) {
        setConnection(state)
        if (state.state === 'closed' && session.token !== null) onEnd(state.why)
      },
    })
    setClient(mine)
    return () => mine.close()
  }, [session])
  return useMemo(
    () =>
      client && {
        ...{ session, client, connection },
        async ask(method, path, body, headers) {
          try {
            return await ask(session, method, path, body, headers)
          } catch (error) {
            if (error instanceof Refused && error.status === 401) onEnd('Your session has ended.')
            throw error
          }
        },
        signOut: () => onEnd(''),
      },
    [client, connection, session],
  )
}

export interface Watched<Row> {
  /** Null until the first snapshot is whole. */
  readonly rows: readonly Row[] | null
  readonly byId: ReadonlyMap<string, Row>
  readonly fault: ConsoleFault | null
}

const NOTHING: Watched<never> = { rows: null, byId: new Map<string, never>(), fault: null }

/**
 * Watches for as long as it is drawn. Other parameters begin anew, so that nothing of before is shown as if it were of now; only when a
 * window grows are its rows of before shown until the others are there, for they belong to it.
 */
export function useRows<T extends keyof RowTopics>(topic: T, params: Params = {}, isWanted = true): Watched<RowTopics[T]> {
  const { client } = useLive()
  const key = `${topic} ${JSON.stringify(params)} ${isWanted}`
  const about = `${topic} ${JSON.stringify({ ...params, limit: undefined })} ${isWanted}`
  const [shown, setShown] = useState<{ about: string; watched: Watched<RowTopics[T]> }>({ about, watched: NOTHING })
  useEffect(() => {
    if (!isWanted) return
    let frame = 0
    const watching = client.watch(topic, params, {
      onChange({ rows }) {
        frame ||= requestAnimationFrame(() => {
          frame = 0
          setShown({ about, watched: { rows: [...rows.values()], byId: rows, fault: null } })
        })
      },
      onError: fault => setShown({ about, watched: { rows: null, byId: new Map(), fault } }),
    })
    return () => {
      cancelAnimationFrame(frame)
      watching.close()
    }
  }, [client, key])
  return shown.about === about ? shown.watched : NOTHING
}

export interface Listed<Row> {
  /** In order; null until the first snapshot is whole. */
  readonly rows: readonly Row[] | null
  /** These are the rows of before, as far as they fit; those that were asked for are on their way. */
  readonly isOld: boolean
  readonly fault: ConsoleFault | null
}

/** How a list is looked at: the order of its rows, which follows from the parameters, and which of them fit what is looked for. */
export interface Look<Row> {
  compare(a: Row, b: Row): number
  fits(row: Row): boolean
}

/**
 * A list in order. While another search, order or length of the same list is on its way, the rows of before are shown as far as they fit it:
 * who types sees something at every key, and what is seen is true, though it may not be all.
 */
export function useList<T extends keyof RowTopics>(topic: T, params: Params, look: Look<RowTopics[T]>): Listed<RowTopics[T]> {
  const { client } = useLive()
  const key = `${topic} ${JSON.stringify(params)}`
  const about = `${topic} ${JSON.stringify({ ...params, limit: undefined, find: undefined, sort: undefined })}`
  type Shown = { readonly about: string; readonly key: string; readonly rows: readonly RowTopics[T][] | null; readonly fault: ConsoleFault | null }
  const [shown, setShown] = useState<Shown>({ about, key, rows: null, fault: null })
  useEffect(() => {
    let frame = 0
    let set = new Map<string, RowTopics[T]>()
    let gone: string[] = []
    const ordered = createOrdered<RowTopics[T]>(look.compare)
    const watching = client.watch(topic, params, {
      onChange(change) {
        for (const row of change.set) set.set(row.id, row)
        for (const id of change.gone) {
          set.delete(id)
          gone.push(id)
        }
        frame ||= requestAnimationFrame(() => {
          frame = 0
          const rows = ordered.change([...set.values()], gone)
          set = new Map()
          gone = []
          setShown({ about, key, rows, fault: null })
        })
      },
      onError: fault => setShown({ about, key, rows: null, fault }),
    })
    return () => {
      cancelAnimationFrame(frame)
      watching.close()
    }
  }, [client, key])
  const isMine = shown.about === about
  const rows = isMine ? shown.rows : null
  const isOld = isMine && shown.key !== key
  const fitting = useMemo(() => (isOld && rows ? rows.filter(look.fits).sort(look.compare) : rows), [rows, isOld, key])
  return { rows: fitting, isOld, fault: isMine && !isOld ? shown.fault : null }
}

/** The newest `keep` items, newest last, and how many were missed in all. */
export function useItems<T extends keyof ItemTopics>(topic: T, params: Params, keep: number, isWanted = true) {
  const { client } = useLive()
  const key = `${topic} ${JSON.stringify(params)} ${isWanted}`
  const [shown, setShown] = useState<{ key: string; items: readonly ItemTopics[T][]; missed: number; fault: ConsoleFault | null }>({
    ...{ key, items: [], missed: 0, fault: null },
  })
  useEffect(() => {
    setShown({ key, items: [], missed: 0, fault: null })
    if (!isWanted) return
    let items: ItemTopics[T][] = []
    let missedSoFar = 0
    let frame = 0
    const following = client.follow(topic, params, {
      onItems(more, missed) {
        items = [...items, ...more].slice(-keep)
        missedSoFar += missed ?? 0
        frame ||= requestAnimationFrame(() => {
          frame = 0
          setShown({ key, items, missed: missedSoFar, fault: null })
        })
      },
      onError: fault => setShown({ key, items: [], missed: 0, fault }),
    })
    return () => {
      cancelAnimationFrame(frame)
      following.close()
    }
  }, [client, key])
  return shown
}

/** Those who are told the time, by how often: one timer for all of a kind, so that they are drawn together. */
const clocks = new Map<number, Set<(now: number) => void>>()

/** The time now, told every second. */
export function useNow(everyMs = 1000): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const told = clocks.get(everyMs) ?? startClock(everyMs)
    told.add(setNow)
    return () => void told.delete(setNow)
  }, [everyMs])
  return now
}

function startClock(everyMs: number): Set<(now: number) => void> {
  const told = new Set<(now: number) => void>()
  clocks.set(everyMs, told)
  setInterval(() => {
    const now = Date.now()
    for (const tell of told) tell(now)
  }, everyMs)
  return told
}

/** Asks the API once when it is drawn, and whenever `key` is another. */
export function useAnswer(key: string, get: () => Promise<unknown>): { answer: unknown; error: string | null; again(): void } {
  const [shown, setShown] = useState<{ key: string; answer: unknown; error: string | null }>({ key, answer: null, error: null })
  const [round, setRound] = useState(0)
  const latest = useRef('')
  useEffect(() => {
    latest.current = key
    const show = (answer: unknown, error: string | null) => latest.current === key && setShown({ key, answer, error })
    get().then(
      answer => show(answer, null),
      error => show(null, error instanceof Error ? error.message : String(error)),
    )
  }, [key, round])
  const { answer, error } = shown.key === key ? shown : { answer: null, error: null }
  return { answer, error, again: () => setRound(round + 1) }
}
