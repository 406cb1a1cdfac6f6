/**
 * Clients that go on working whatever happens: each creates an instance, does a few things to it, deletes most of them, and notes
 * what it was told. A request without an answer is noted as such: it may have been done or not, and both are right.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { OperationBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { listImages } from '../client/glance.ts'
import { type Client, httpClient } from '../client/http.ts'
import { createInstances, getInstance } from '../client/nova.ts'
import { follow, hasEnded, operationOf } from '../client/operations.ts'
import { ACTS, type Act, ask } from './acts.ts'
import type { Chance } from './faults/fault.ts'
import { createMemory, type Memory, type Sight } from './memory.ts'

export interface Note {
  /** Ms since 1970 by this machine's clock: when it was asked, and when the answer came. */
  readonly askedAt: number
  readonly at: number
  readonly client: number
  readonly what: 'create' | 'end' | 'seen' | Act
  /** Null when a create got no answer. */
  readonly instance: string | null
  /**
   * `acknowledged`, and `lost` when no operation came of that; for an `end` the operation's own; `refused` by an answer; `unknown` without one;
   * of what was seen, how.
   */
  readonly outcome: 'acknowledged' | 'lost' | 'refused' | 'unknown' | OperationBody['status'] | Sight
  /** What kind of operation has ended; of what was seen, which operation, or empty for the instance; else the error's code. */
  readonly detail: string
}

const MOST_ACTS = 4
/** Of a hundred instances, so many are left to live. */
const KEPT = 40
/** Those left to live at most: then all are deleted. */
const MOST_KEPT = 400
/** Of a hundred instances, so many are highly available. They are left alone but for a delete, for so long, ms. */
const HA = 25
const HA_MS = [2000, 90_000] as const
const MOST_PROTECTED = 10
/** The detail of a note that a highly available instance was seen ACTIVE. */
export const HIGHLY_AVAILABLE = 'ha'
const AGAIN_MS = 300
/** For so long a create is asked for again under its token. */
const CREATE_MS = 120_000
/** For so long an instance may be busy. */
const SETTLE_MS = 240_000

export interface ClientsOptions {
  readonly endpoint: string
  readonly count: number
  readonly chance: Chance
  onNote(note: Note): void
}

/** Works until the signal; resolves when each client has seen the end of what it began. Rejects when something never ended. */
export async function work({ endpoint, count, chance, onNote }: ClientsOptions, signal: AbortSignal): Promise<void> {
  const client = httpClient(endpoint)
  const found = await anyImage(client, signal)
  if (found === null) return
  const image = found
  let kept = 0

  async function live(me: Me): Promise<void> {
    const { memory, note } = me
    await memory.lookBack(client, chance)
    const [oldest] = me.protected
    if (oldest && (oldest.until < Date.now() || me.protected.length > MOST_PROTECTED)) {
      me.protected.shift()
      await settled(client, oldest.id, memory)
      await doing(client, oldest.id, 'delete', me)
    }
    const ha = chance.next() * 100 < HA
    const id = await create(client, { name: 'chaos', image, ha }, note)
    if (id === null) return
    let left = ha ? 0 : Math.floor(chance.next() * MOST_ACTS)
    while (left-- > 0 && !signal.aborted) {
      const { status } = await settled(client, id, memory)
      const act = chance.of(ACTS[status] ?? [])
      if (act === undefined) break
      await doing(client, id, act, me)
    }
    const { status } = await settled(client, id, memory)
    if (ha && status === 'ACTIVE') note(Date.now(), { what: 'seen', instance: id, outcome: 'there', detail: HIGHLY_AVAILABLE })
    if (ha) me.protected.push({ id, until: Date.now() + chance.between(HA_MS) })
    else if (kept < MOST_KEPT && chance.next() * 100 < KEPT) kept++
    else await doing(client, id, 'delete', me)
  }

  async function liveOn(number: number): Promise<void> {
    const note: Noting = (askedAt, more) => onNote({ askedAt, at: Date.now(), client: number, ...more })
    const memory = createMemory(({ instance, operation, sight }) =>
      note(Date.now(), { what: 'seen', instance, outcome: sight, detail: operation ?? '' }),
    )
    const me: Me = { memory, note, protected: [] }
    while (!signal.aborted) await live(me)
  }
  await Promise.all(Array.from({ length: count }, (_, i) => liveOn(i + 1)))
}

/** Id of an image. The gateway may have been killed already. Null when the work ends before there is one. */
async function anyImage(client: Client, signal: AbortSignal): Promise<string | null> {
  while (!signal.aborted) {
    try {
      const [image] = await listImages(client)
      if (image) return image.id
    } catch (error) {
      if (!mayPass(error)) throw error
    }
    await delay(AGAIN_MS)
  }
  return null
}

interface Me {
  readonly memory: Memory
  readonly note: Noting
  /** Highly available instances that are left alone until then. */
  readonly protected: { readonly id: string; readonly until: number }[]
}

type Noting = (askedAt: number, more: Pick<Note, 'what' | 'instance' | 'outcome' | 'detail'>) => void

/** Asks under one token until there is an answer, as a careful client does. */
async function create(client: Client, spec: { name: string; image: string; ha: boolean }, note: Noting): Promise<string | null> {
  const { name, image, ha } = spec
  const clientToken = randomUUID()
  const askedAt = Date.now()
  for (;;) {
    try {
      const instance = await createInstances(client, { name, flavor: 'tiny', image, count: 1, clientToken, ha: ha ? 'evacuate' : undefined })
      note(askedAt, { what: 'create', instance, outcome: 'acknowledged', detail: '' })
      return instance
    } catch (error) {
      const outcome = !mayPass(error) ? 'refused' : Date.now() - askedAt > CREATE_MS ? 'unknown' : null
      if (outcome !== null) {
        note(askedAt, { what: 'create', instance: null, outcome, detail: codeOf(error) })
        return null
      }
      await delay(AGAIN_MS)
    }
  }
}

/** Asks once, and follows what was begun to its end. Rejects when an operation that was there is not found any more. */
async function doing(client: Client, id: string, what: Act, { memory, note }: Me): Promise<void> {
  const askedAt = Date.now()
  let acknowledged = false
  try {
    const request = await ask(client, id, what)
    if (request === null) return
    acknowledged = true
    note(askedAt, { what, instance: id, outcome: 'acknowledged', detail: '' })
    const begun = await begunBy(client, id, request.requestId)
    if (begun === null) return note(askedAt, { what, instance: id, outcome: 'lost', detail: request.requestId ?? '' })
    const operation = await follow(client, begun.id, now => memory.saw(id, now.id, hasEnded(now) ? 'ended' : 'open'))
    note(askedAt, { what: 'end', instance: id, outcome: operation.status, detail: operation.kind })
    if (what === 'delete' && operation.status === 'done') memory.saw(id, null, 'gone')
  } catch (error) {
    // What was acknowledged cannot be refused any more.
    if (acknowledged && !mayPass(error)) throw error
    note(askedAt, { what, instance: id, outcome: mayPass(error) ? 'unknown' : 'refused', detail: codeOf(error) })
  }
}

/** The operation of an acknowledged request. It may come late: whoever was to begin it may be dead or cut off. Null when it never comes. */
async function begunBy(client: Client, id: string, requestId: string | null): Promise<OperationBody | null> {
  const until = Date.now() + SETTLE_MS
  for (;;) {
    try {
      return await operationOf(client, id, requestId)
    } catch (error) {
      const isNotThere = error instanceof BatonError && error.code === 'NotFound'
      if (isNotThere && Date.now() > until) return null
      if (!isNotThere && (!mayPass(error) || Date.now() > until)) throw error
      await delay(AGAIN_MS)
    }
  }
}

/** The instance, when nothing is under way with it. Rejects when that takes too long. */
async function settled(client: Client, id: string, memory: Memory) {
  const until = Date.now() + SETTLE_MS
  let last = 'nobody answered'
  while (Date.now() < until) {
    try {
      const instance = await getInstance(client, id)
      memory.saw(id, null, instance.status === 'DELETED' ? 'gone' : 'there')
      if (instance.taskState === null && instance.status !== 'BUILD') return instance
      last = `it is ${instance.status} (${instance.taskState})`
    } catch (error) {
      if (error instanceof BatonError && error.code === 'NotFound') {
        memory.saw(id, null, 'gone')
        return { status: 'DELETED' }
      }
      if (!mayPass(error)) throw error
    }
    await delay(AGAIN_MS)
  }
  throw new Error(`instance ${id} was busy for ${SETTLE_MS / 1000} s: ${last}`)
}

const codeOf = (error: unknown): string => (error instanceof BatonError ? error.code : String(error))

/** Whether it says nothing about the request itself. */
const mayPass = (error: unknown): boolean =>
  !(error instanceof BatonError) || ['NotRunning', 'Unavailable', 'Overloaded', 'Moved', 'DeadlineExceeded'].includes(error.code)
