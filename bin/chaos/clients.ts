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
import { type ACTIONS, actOnInstance, createInstances, deleteInstance, getInstance, sendAction } from '../client/nova.ts'
import { follow, operationOf } from '../client/operations.ts'
import type { Chance } from './faults/fault.ts'

export interface Note {
  /** Ms since 1970 by this machine's clock: when it was asked, and when the answer came. */
  readonly askedAt: number
  readonly at: number
  readonly client: number
  readonly what: 'create' | 'delete' | 'end' | Act
  /** Null when a create got no answer. */
  readonly instance: string | null
  /** `acknowledged`, or for an `end` the operation's own; `refused` by an answer; `unknown` without one. */
  readonly outcome: 'acknowledged' | 'refused' | 'unknown' | OperationBody['status']
  /** What kind of operation has ended, or the error's code. */
  readonly detail: string
}

type Act = keyof typeof ACTIONS | 'migrate'

/** What may be asked in each state. */
const ACTS: Readonly<Record<string, readonly Act[]>> = {
  ACTIVE: ['stop', 'reboot-soft', 'reboot-hard', 'pause', 'suspend', 'migrate', 'shelve'],
  SHUTOFF: ['start', 'migrate'],
  PAUSED: ['unpause'],
  SUSPENDED: ['resume'],
  VERIFY_RESIZE: ['confirm', 'revert'],
  SHELVED_OFFLOADED: [],
}

const MOST_ACTS = 4
/** Of a hundred instances, so many are left to live. */
const KEPT = 40
/** Those left to live at most: then all are deleted. */
const MOST_KEPT = 400
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
  const [image] = await listImages(client)
  if (!image) throw new Error('the cluster has no image')
  let kept = 0

  async function live(number: number): Promise<void> {
    const note = (askedAt: number, more: Pick<Note, 'what' | 'instance' | 'outcome' | 'detail'>): void =>
      onNote({ askedAt, at: Date.now(), client: number, ...more })
    const id = await create(client, `chaos-${number}`, image?.id ?? '', note)
    if (id === null) return
    let left = Math.floor(chance.next() * MOST_ACTS)
    while (left-- > 0 && !signal.aborted) {
      const { status } = await settled(client, id)
      const act = chance.of(ACTS[status] ?? [])
      if (act === undefined) break
      await doing(client, id, act, note)
    }
    await settled(client, id)
    if (kept < MOST_KEPT && chance.next() * 100 < KEPT) kept++
    else await doing(client, id, 'delete', note)
  }

  async function liveOn(number: number): Promise<void> {
    while (!signal.aborted) await live(number)
  }
  await Promise.all(Array.from({ length: count }, (_, i) => liveOn(i + 1)))
}

type Noting = (askedAt: number, more: Pick<Note, 'what' | 'instance' | 'outcome' | 'detail'>) => void

/** Asks under one token until there is an answer, as a careful client does. */
async function create(client: Client, name: string, image: string, note: Noting): Promise<string | null> {
  const clientToken = randomUUID()
  const askedAt = Date.now()
  for (;;) {
    try {
      const instance = await createInstances(client, { name, flavor: 'tiny', image, count: 1, clientToken })
      note(askedAt, { what: 'create', instance, outcome: 'acknowledged', detail: '' })
      return instance
    } catch (error) {
      if (!mayPass(error)) {
        note(askedAt, { what: 'create', instance: null, outcome: 'refused', detail: codeOf(error) })
        return null
      }
      if (Date.now() - askedAt > CREATE_MS) {
        note(askedAt, { what: 'create', instance: null, outcome: 'unknown', detail: codeOf(error) })
        return null
      }
      await delay(AGAIN_MS)
    }
  }
}

/** Asks once, and follows what was begun to its end. */
async function doing(client: Client, id: string, what: Act | 'delete', note: Noting): Promise<void> {
  const askedAt = Date.now()
  try {
    const request =
      what === 'delete'
        ? await deleteInstance(client, id)
        : what === 'migrate'
          ? await sendAction(client, id, { migrate: null })
          : await actOnInstance(client, id, what)
    note(askedAt, { what, instance: id, outcome: 'acknowledged', detail: '' })
    const operation = await follow(client, (await operationOf(client, id, request)).id, () => {})
    note(askedAt, { what: 'end', instance: id, outcome: operation.status, detail: operation.kind })
  } catch (error) {
    note(askedAt, { what, instance: id, outcome: mayPass(error) ? 'unknown' : 'refused', detail: codeOf(error) })
  }
}

/** The instance, when nothing is under way with it. Rejects when that takes too long. */
async function settled(client: Client, id: string) {
  const until = Date.now() + SETTLE_MS
  let last = 'nobody answered'
  while (Date.now() < until) {
    try {
      const instance = await getInstance(client, id)
      if (instance.taskState === null && instance.status !== 'BUILD') return instance
      last = `it is ${instance.status} (${instance.taskState})`
    } catch (error) {
      if (error instanceof BatonError && error.code === 'NotFound') return { status: 'DELETED' }
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
