/**
 * The agents of all guests of a host: a session for each guest that runs, opened again when its channel was closed, and a word upward when
 * something has changed. Nothing of it is kept: an agent of the host that begins anew asks every guest who it is.
 */
import type { PowerState } from '../hypervisor/driver.ts'
import type { Json } from '../kernel/define.ts'
import type { Env } from '../kernel/env.ts'
import { BatonError, toFault } from '../kernel/errors.ts'
import type { GuestChannels, GuestPipe } from './contract.ts'
import { type AgentReport, reportOf } from './report.ts'
import { createSession, type GuestSession, type SessionCounters, type SessionSettings } from './session.ts'

/** Reports of one guest: so many at once, and then one in so long, however often its agent changes its mind. */
const REPORTS = { burst: 10, everyMs: 10_000 } as const

export interface SeenGuest {
  readonly instance: string
  readonly power: PowerState
  /** Rank of the newest command it has obeyed. */
  readonly order: number
  /** Whether an agent is expected in it. */
  readonly agent?: boolean
}

export interface GuestsOptions {
  readonly env: Env
  readonly channels: GuestChannels
  /** Number of this life of the host's agent, larger than any before. */
  readonly life: number
  readonly settings: SessionSettings
  /** Takes a report to the guest's actor; rejects when it was not taken. */
  report(instance: string, report: AgentReport): Promise<unknown>
}

/** What is known at this moment, for who asks the host itself. */
export interface AgentLook {
  readonly heardAgoMs: number | null
  readonly counters: Readonly<SessionCounters>
}

export interface Guests {
  /** What runs here: called with every look at the host's guests. */
  tend(guests: readonly SeenGuest[]): void
  session(instance: string): GuestSession
  /** What its agent declares, as far as it is heard; nothing of a guest without one. */
  methods(instance: string): readonly string[]
  look(instance: string): AgentLook
  /**
   * Resolves when the service of the guest is ACTIVE. Rejects `GuestFailed` when it has failed, or nothing was heard for `silentMs`.
   */
  ready(instance: string, silentMs: number): Promise<{ readonly status: string }>
  /** Resolves at the next change of what is believed of the guest, or after `waitMs`. */
  change(instance: string, waitMs: number): Promise<void>
  stats(): SessionCounters & { agents: number; silent: number }
  stop(): void
}

interface Tended {
  readonly session: GuestSession
  pipe: 'closed' | 'opening' | 'open'
  on: boolean
  rank: number
  /** The newest report that was taken; empty before the first; null while it is not known whether one was. */
  told: string | null
  telling: boolean
  number: number
  credit: number
  creditMs: number
  readonly watchers: Set<() => void>
}

export function createGuests({ env, channels, life, settings, report }: GuestsOptions): Guests {
  const tended = new Map<string, Tended>()
  let stopped = false

  function begin(instance: string): Tended {
    const known = tended.get(instance)
    if (known) return known
    const onChange = (): void => {
      for (const wake of guest.watchers) wake()
      tell(instance, guest)
    }
    const session = createSession({ env, instance, settings, onChange })
    const guest: Tended = {
      ...{ session, pipe: 'closed', on: true, rank: 0, told: '', telling: false, number: 0 },
      ...{ credit: REPORTS.burst, creditMs: env.monotonicMs(), watchers: new Set() },
    }
    tended.set(instance, guest)
    session.await()
    open(instance, guest)
    return guest
  }

  function open(instance: string, guest: Tended): void {
    guest.pipe = 'opening'
    const closed = (): void => {
      if (guest.pipe === 'closed') return
      guest.pipe = 'closed'
      guest.session.attach(null)
    }
    const { began, bytes } = guest.session
    channels.open(instance, { began, bytes, ended: closed }).then(
      pipe => (isMine(instance, guest) && guest.on ? attach(guest, pipe) : pipe.close()),
      error => {
        guest.pipe = 'closed'
        env.log.debug({ instance, fault: toFault(error) }, 'the channel of a guest could not be opened; tried again soon')
      },
    )
  }

  function attach(guest: Tended, pipe: GuestPipe): void {
    guest.pipe = 'open'
    guest.session.attach(pipe)
  }

  const isMine = (instance: string, guest: Tended): boolean => !stopped && tended.get(instance) === guest

  /** Whether one more report may go. */
  function hasCredit(guest: Tended): boolean {
    const nowMs = env.monotonicMs()
    guest.credit = Math.min(REPORTS.burst, guest.credit + (nowMs - guest.creditMs) / REPORTS.everyMs)
    guest.creditMs = nowMs
    return guest.credit >= 1
  }

  /** Tells what is believed now, unless that was told. What could not be told, or came too often, is told with a later look. */
  function tell(instance: string, guest: Tended): void {
    if (guest.telling || !isMine(instance, guest)) return
    const belief = guest.session.belief()
    // Whether it is heard is not known yet: it soon will be.
    if (guest.on && belief.heard === null) return
    const body = reportOf(belief, guest.on)
    const digest = JSON.stringify({ ...body, rank: guest.rank })
    // An agent that was never heard is no news.
    if (digest === guest.told || (body.about === null && guest.told === '') || !hasCredit(guest)) return
    guest.credit--
    guest.telling = true
    // It may be taken and its answer lost: then what was told before is no longer what is believed up there.
    guest.told = null
    report(instance, { ...body, order: { rank: guest.rank, life, number: ++guest.number } })
      .then(
        () => {
          guest.told = digest
        },
        error => env.log.debug({ instance, fault: toFault(error) }, 'a report of an agent was not taken; told again soon'),
      )
      .finally(() => {
        guest.telling = false
      })
  }

  function forget(instance: string, guest: Tended): void {
    tended.delete(instance)
    guest.session.close('the guest is gone')
    for (const wake of guest.watchers) wake()
  }

  function change(instance: string, waitMs: number): Promise<void> {
    const guest = begin(instance)
    return new Promise(resolve => {
      const done = (): void => {
        timer.cancel()
        guest.watchers.delete(done)
        resolve()
      }
      const timer = env.setTimer(waitMs, done)
      guest.watchers.add(done)
    })
  }

  return {
    tend(guests) {
      if (stopped) return
      const here = new Map(guests.flatMap(guest => (guest.agent ? [[guest.instance, guest]] : [])))
      for (const [instance, guest] of tended) if (!here.has(instance)) forget(instance, guest)
      for (const [instance, { power, order }] of here) {
        const guest = begin(instance)
        if (power === 'running' && !guest.on) guest.session.await()
        guest.on = power === 'running'
        guest.rank = order
        if (guest.on && guest.pipe === 'closed') open(instance, guest)
        if (!guest.on && guest.pipe === 'open' && power !== 'paused') {
          guest.pipe = 'closed'
          guest.session.close('the guest is off')
          guest.session.attach(null)
        }
        tell(instance, guest)
      }
    },
    session: instance => begin(instance).session,
    methods(instance) {
      const { heard, hello } = tended.get(instance)?.session.belief() ?? {}
      return heard && hello ? hello.methods.map(({ name }) => name) : []
    },
    look: instance => {
      const { session } = begin(instance)
      const heardAgoMs = session.silentForMs()
      return { heardAgoMs: heardAgoMs === null ? null : Math.round(heardAgoMs), counters: session.counters() }
    },
    async ready(instance, silentMs) {
      const sinceMs = env.monotonicMs()
      for (;;) {
        const { session } = begin(instance)
        const { status, message, heard, hello } = session.belief()
        if (heard && status === 'ACTIVE') return { status }
        if (heard && (status === 'FAILED' || status === 'ERROR' || status === 'SHUTDOWN')) {
          throw new BatonError('GuestFailed', `the agent of guest ${instance} says ${status}${message ? `: ${message}` : ''}`)
        }
        const leftMs = silentMs - Math.min(env.monotonicMs() - sinceMs, session.silentForMs() ?? Number.POSITIVE_INFINITY)
        if (leftMs <= 0 || stopped) {
          const last = hello === null ? 'nothing was heard of it' : `its last word was ${status ?? 'hello'}`
          throw new BatonError('GuestFailed', `no heartbeat of the agent of guest ${instance} within ${Math.round(silentMs / 1000)} s; ${last}`)
        }
        await change(instance, leftMs)
      }
    },
    change,
    stats() {
      const total: SessionCounters = { heartbeats: 0, malformed: 0, stale: 0, foreign: 0, flooded: 0, unasked: 0 }
      let silent = 0
      for (const { session, on } of tended.values()) {
        const counters = session.counters()
        for (const name of Object.keys(total) as (keyof SessionCounters)[]) total[name] += counters[name]
        if (on && session.belief().hello && session.belief().heard === false) silent++
      }
      return { ...total, agents: tended.size, silent }
    },
    stop() {
      stopped = true
      for (const [instance, guest] of tended) forget(instance, guest)
    },
  }
}

/** Arguments of a person's command, as they go to the guest. */
export type GuestArgs = Readonly<Record<string, Json>>
