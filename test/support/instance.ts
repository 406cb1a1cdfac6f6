/** An instance actor in a test's hand: commands go in, answers and work come out, and every event is folded twice. */
import { isDeepStrictEqual } from 'node:util'
import type { InstanceBody } from '../../actors/api.ts'
import { type InstanceSpec, instanceActor } from '../../actors/instance/instance.ts'
import type { Work } from '../../actors/kernel/define.ts'
import type { Fault } from '../../actors/kernel/errors.ts'

export type InstanceState = ReturnType<typeof instanceActor.initial>
type Command = Parameters<typeof instanceActor.decide>[1]

export const SPEC: InstanceSpec = {
  name: 'web',
  project: 'p',
  flavor: { id: 'tiny', name: 'tiny', vcpus: 1, ramMb: 64, diskGb: 1 },
  image: 'img',
  metadata: {},
  reservation: 'r-1',
}

/** Where an operation has left the instance. */
export interface Left {
  readonly host: string | null
  readonly claim: string | null
  readonly origin?: { readonly host: string; readonly claim: string }
}

export interface Answer {
  readonly ok?: unknown
  readonly fault?: Fault
}

export interface Fixture {
  state(): InstanceState
  nowMs(): number
  elapse(ms: number): void
  /** `host`: said by that compute host instead of a conductor. */
  send(method: string, args: unknown, host?: string): Answer
  /** The operation under way reports its end. */
  end(outcome: 'done' | 'undone' | 'failed', left?: Left): void
  body(): InstanceBody | null
  work(): readonly Work[]
  workKeys(): string[]
  finished(): boolean
}

const ID = 'i1'

export function newInstance(): Fixture {
  const past: { event: Parameters<typeof instanceActor.evolve>[1]; at: number }[] = []
  let state = instanceActor.initial(ID)
  let now = 1_000_000

  /** Events come back from the journal as JSON; the state must be the same. */
  function checkReplay(): void {
    const replayed = past.reduce((s, { event, at }) => instanceActor.evolve(s, JSON.parse(JSON.stringify(event)), at), instanceActor.initial(ID))
    if (!isDeepStrictEqual(JSON.parse(JSON.stringify(replayed)), JSON.parse(JSON.stringify(state)))) throw new Error('the replayed state differs')
  }

  const fixture: Fixture = {
    state: () => state,
    nowMs: () => now,
    elapse(ms) {
      now += ms
    },
    send(method, args, host) {
      const from = host === undefined ? ({ role: 'conductor', node: 'c1' } as const) : ({ role: 'compute', node: host } as const)
      const wrong = instanceActor.methods[method]?.check?.(args)
      if (wrong && fixture.state().spec) return { fault: { code: 'BadRequest', message: wrong } }
      const decision = instanceActor.decide(state, { method, args } as Command, { id: ID, now, from })
      if (!decision.ok) return { fault: decision.fault }
      for (const event of decision.events) {
        past.push({ event, at: now })
        state = instanceActor.evolve(state, event, now)
      }
      checkReplay()
      return { ok: decision.reply?.(state) ?? null }
    },
    end(outcome, left = { host: 'h1', claim: 'i1.1' }) {
      const operation = state.task?.operation
      if (!operation) throw new Error('no operation is under way')
      now += 1000
      const { host, claim, origin }: Left = state.task?.kind === 'delete' && outcome === 'done' ? { host: null, claim: null } : left
      const fault: Fault | null = outcome === 'done' ? null : { code: 'DriverFault', message: 'it did not go well' }
      fixture.send('ended', { operation, outcome, host, claim, ...(origin ? { origin } : {}), fault })
    },
    body() {
      const { ok } = fixture.send('get', {})
      return (ok ?? null) as InstanceBody | null
    },
    work: () => instanceActor.work(state, ID),
    workKeys: () => instanceActor.work(state, ID).map(w => w.key),
    finished: () => instanceActor.finished(state),
  }
  return fixture
}

/** Brings an instance into a state by the way a real one takes. */
export function instanceIn(vmState: string): Fixture {
  const instance = newInstance()
  instance.send('create', { ...SPEC, requestId: 'req-create' })
  const act = (action: string): void => {
    instance.send('act', { action, requestId: `req-${action}` })
    instance.end('done')
  }
  const move = (action: string, left: Left): void => {
    instance.send('act', { action, requestId: `req-${action}` })
    instance.end('done', left)
  }
  if (vmState === 'building') return instance
  instance.end(vmState === 'error' ? 'failed' : 'done')
  if (vmState === 'stopped') act('stop')
  if (vmState === 'paused') act('pause')
  if (vmState === 'suspended') act('suspend')
  if (vmState === 'rescued') act('rescue')
  if (vmState === 'resized') move('resize', { host: 'h2', claim: 'i1.2', origin: { host: 'h1', claim: 'i1.1' } })
  if (vmState === 'shelved') act('shelve')
  if (vmState === 'shelved_offloaded') {
    act('shelve')
    move('shelve-offload', { host: null, claim: null })
  }
  if (vmState === 'soft-delete') {
    instance.send('delete', { requestId: 'req-delete', reclaimMs: 60_000 })
    instance.end('done')
  }
  if (vmState === 'deleted') {
    instance.send('delete', { requestId: 'req-delete' })
    instance.end('done')
  }
  if (instance.state().vmState !== vmState) throw new Error(`the way to ${vmState} ended in ${instance.state().vmState}`)
  return instance
}
