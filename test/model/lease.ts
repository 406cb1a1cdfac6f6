/**
 * Model of the lease under which a host runs guests that may be started elsewhere, in whole ticks of time. What must hold: **when a
 * conductor judges that the host's time has run out, its guest has been stopped**.
 *
 * The rules, from the design paper: every acknowledged heartbeat extends the host's lease to a term from the moment it was *sent*, by the
 * host's clock; a watchdog that outlives a frozen agent stops the guest at the end. The conductor that owns the host's shard counts
 * from when it *received* the newest, by its own clock; its term is longer by what clocks may differ in a term, and it counts a full
 * term from its take-over. A heartbeat is acknowledged only when the database, asked after it came, has said that this conductor
 * is a member: one that was declared dead may not know it, and what it grants must end before its successor acts. A host that
 * has not said that it knows the policy is not judged at all.
 *
 * Nothing here runs production code; it is the protocol by itself. Messages are lost, late, and out of order; agents and conductors
 * stand still whenever they are not chosen; anybody is declared dead at any time. What is assumed: the watchdog acts within the
 * tick, and a guest that was stopped stays so until somebody starts it.
 */
import type { Model, Step } from './explore.ts'

export const LEASE_BUGS = {
  'conductor term shorter than the host term': 'the conductor counts one tick less than the host',
  'no margin for clocks': 'both terms are the same, though clocks may differ',
  'take-over without a full term': 'who takes over goes by the silence it has seen itself, from before it owned the shard',
  'host counts from receipt': 'the host counts its term from the acknowledgement, not from the heartbeat it sent',
  'acknowledge unconfirmed': 'a conductor acknowledges without having asked the database whether it still is one',
  'confirmed by an older answer': 'an answer of the database counts for heartbeats that came after the question',
  'agent as its own watchdog': 'a frozen agent stops nothing',
  'offered is armed': 'the host is judged as soon as the policy was sent to it, not when it says that it knows it',
} as const
export type LeaseBug = keyof typeof LEASE_BUGS

export interface LeaseBounds {
  /** The host's term, ticks. */
  readonly termTicks: number
  /** Ticks by which the host's clock may fall behind in a term. */
  readonly driftTicks: number
  /** Heartbeats under way at once. */
  readonly beats: number
  readonly takeOvers: number
}

const CONDUCTORS = ['a', 'b'] as const
type Conductor = (typeof CONDUCTORS)[number]

/** A heartbeat, from its sending to its acknowledgement. */
interface Beat {
  /** Ticks since it was sent, by the host's clock; a term at most. */
  readonly age: number
  /** The host knows the policy. */
  readonly armed: boolean
  /** On its way to any conductor, with one, or acknowledged and on its way back. */
  readonly at: 'way' | Conductor | 'back'
  /** Asked about: a question that was sent after it came is under way. */
  readonly asked: boolean
}

interface Mind {
  /** Ticks since the host was heard or the shard was taken, by this conductor's clock; a term at most. */
  readonly silent: number
  readonly knowsArmed: boolean
  /** The question whether it still is a member: under way, or answered. */
  readonly question: 'none' | 'sent' | 'yes' | 'no'
}

interface State {
  /** Ticks left of the host's lease. */
  readonly lease: number
  readonly guest: 'runs' | 'stopped'
  readonly frozen: boolean
  readonly armed: boolean
  readonly offered: boolean
  readonly beats: readonly Beat[]
  readonly minds: Readonly<Record<Conductor, Mind>>
  /** Who owns the host's shard, by the database. */
  readonly owner: Conductor
  readonly takeOvers: number
  /** Ticks by which the host's clock may still fall behind. */
  readonly slack: number
  readonly judged: boolean
}

export function leaseModel(bounds: LeaseBounds, bug: LeaseBug | null = null): Model<State> {
  const { termTicks } = bounds
  const conductorTicks =
    bug === 'conductor term shorter than the host term' ? termTicks - 1 : bug === 'no margin for clocks' ? termTicks : termTicks + bounds.driftTicks

  const setMind = (state: State, who: Conductor, more: Partial<Mind>): State => ({
    ...state,
    minds: { ...state.minds, [who]: { ...state.minds[who], ...more } },
  })
  const setBeat = (state: State, index: number, more: Partial<Beat> | null): State => ({
    ...state,
    beats: state.beats.flatMap((beat, i) => (i !== index ? [beat] : more ? [{ ...beat, ...more }] : [])),
  })

  /** A tick of time for everybody; `slow` when the host's clock does not show it. */
  function tick(state: State, slow: boolean): State {
    const older = ({ silent, ...rest }: Mind): Mind => ({ ...rest, silent: Math.min(conductorTicks, silent + 1) })
    const minds = { a: older(state.minds.a), b: older(state.minds.b) }
    if (slow) return { ...state, minds, slack: state.slack - 1 }
    const lease = Math.max(0, state.lease - 1)
    const watched = bug !== 'agent as its own watchdog' || !state.frozen
    return {
      ...state,
      minds,
      lease,
      guest: lease === 0 && state.armed && watched ? 'stopped' : state.guest,
      beats: state.beats.map(beat => ({ ...beat, age: Math.min(termTicks, beat.age + 1) })),
    }
  }

  function steps(state: State): Step<State>[] {
    const found: Step<State>[] = []
    const add = (who: string, what: string, next: State): void => void found.push({ who, what, next })

    add('time', 'a tick', tick(state, false))
    if (state.slack > 0) add('time', 'a tick that the clock of the host does not show', tick(state, true))
    if (state.offered && !state.armed) add('host', 'learns the policy and arms its watchdog', { ...state, armed: true, lease: termTicks })
    if (!state.frozen) {
      add('host', 'agent freezes', { ...state, frozen: true })
      if (state.beats.length < bounds.beats)
        add('host', 'sends a heartbeat', { ...state, beats: [...state.beats, { age: 0, armed: state.armed, at: 'way', asked: false }] })
    } else add('host', 'agent thaws', { ...state, frozen: false })
    if (state.takeOvers < bounds.takeOvers) {
      const heir = state.owner === 'a' ? 'b' : 'a'
      const moved = { ...state, owner: heir, takeOvers: state.takeOvers + 1 } as const
      // The host has said nothing to it yet, but the record of the shard says whether it is armed.
      const taken = setMind(moved, heir, { knowsArmed: state.minds[state.owner].knowsArmed, question: 'none' })
      const anew = bug === 'take-over without a full term' ? taken : setMind(taken, heir, { silent: 0 })
      add(`conductor ${heir}`, `declares ${state.owner} dead and takes the shard of the host`, anew)
    }
    for (const [index, beat] of state.beats.entries()) heartbeat(state, beat, index, add)
    for (const who of CONDUCTORS) conductor(state, who, add)
    return found
  }

  function heartbeat(state: State, beat: Beat, index: number, add: (who: string, what: string, next: State) => void): void {
    add('network', `loses a heartbeat of ${beat.age} ticks`, setBeat(state, index, null))
    if (beat.at === 'back') {
      const age = bug === 'host counts from receipt' ? 0 : beat.age
      const lease = state.armed ? Math.max(state.lease, termTicks - age) : state.lease
      if (!state.frozen)
        add('host', `has its heartbeat of ${beat.age} ticks acknowledged: ${lease} ticks left`, setBeat({ ...state, lease }, index, null))
    } else if (beat.at === 'way') {
      for (const who of CONDUCTORS) {
        const heard = setMind(state, who, { silent: 0, knowsArmed: state.minds[who].knowsArmed || beat.armed })
        add(`conductor ${who}`, `receives a heartbeat of ${beat.age} ticks`, setBeat(heard, index, { at: who }))
      }
    } else if (bug === 'acknowledge unconfirmed') add(`conductor ${beat.at}`, 'acknowledges it', setBeat(state, index, { at: 'back' }))
  }

  function conductor(state: State, who: Conductor, add: (who: string, what: string, next: State) => void): void {
    const me = state.minds[who]
    const name = `conductor ${who}`
    const mine = state.beats.filter(beat => beat.at === who)
    const { question } = me
    if (state.owner === who && !state.offered) add(name, 'offers the policy to the host', { ...state, offered: true })
    if (question === 'none' && mine.length > 0) {
      const beats = state.beats.map(beat => (beat.at === who ? { ...beat, asked: true } : beat))
      add(name, 'asks the database whether it still is a member', setMind({ ...state, beats }, who, { question: 'sent' }))
    } else if (question === 'sent') {
      const yes = state.owner === who
      add('database', `says to ${who}: ${yes ? 'yes' : 'no, you were declared dead'}`, setMind(state, who, { question: yes ? 'yes' : 'no' }))
    } else if (question === 'yes') {
      const counts = (beat: Beat): boolean => beat.at === who && (beat.asked || bug === 'confirmed by an older answer')
      const beats = state.beats.map(beat => (counts(beat) ? { ...beat, at: 'back' as const, asked: false } : beat))
      add(name, 'hears that it is, and acknowledges what it had received', setMind({ ...state, beats }, who, { question: 'none' }))
    }
    const armed = me.knowsArmed || (bug === 'offered is armed' && state.offered)
    if (state.owner === who && armed && me.silent >= conductorTicks && !state.judged)
      add(name, 'judges that the time of the host has run out, and has its guest started elsewhere', { ...state, judged: true })
  }

  const fresh: Mind = { silent: 0, knowsArmed: false, question: 'none' }
  return {
    name: 'lease',
    initial: {
      lease: 0,
      guest: 'runs',
      frozen: false,
      armed: false,
      offered: false,
      beats: [],
      minds: { a: fresh, b: fresh },
      owner: 'a',
      takeOvers: 0,
      slack: bounds.driftTicks,
      judged: false,
    },
    // What happens after the verdict is another story: the guest is stopped, and stays so.
    steps: state => (state.judged ? [] : steps(state)),
    key: state => JSON.stringify({ ...state, beats: state.beats.map(beat => JSON.stringify(beat)).sort() }),
    violated: state => (state.judged && state.guest === 'runs' ? 'the guest still runs on the host, and now runs elsewhere too' : null),
  }
}
