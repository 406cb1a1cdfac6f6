/**
 * Model of ownership: two conductors, the fence, verdicts, take-over and hand-over. What must hold: **at most one conductor can
 * commit for a shard at a time**, and whoever commits has read everything that was committed before.
 *
 * From production: the statements on the database, fence included (`ownership-database.ts`), and the plan of who should own what
 * (`supervisors/membership/shards.ts`). Modelled apart, because they are woven into timers and promises: the order in which a member asks,
 * learns, adopts, drains and releases (`supervisors/membership/member.ts`), and that an actor decides on what it has loaded and counts its
 * own events (`supervisors/hosting/cell.ts`). What is asked of the database goes there, takes effect and comes back in three steps, between
 * which anything may happen, the death of the asker included. (The answer to a commit concerns nobody else, so it is given at once.)
 *
 * A freeze and a slow machine need no step of their own: a conductor that is not chosen stands still, and so does one that has
 * crashed and will not come again. The detector
 * (`supervisors/membership/detector.ts`) is not modelled, it is assumed to be wrong at any time: anybody may declare anybody dead.
 */
import type { Incarnation } from '../../actors/kernel/ports.ts'
import { planShards } from '../../supervisors/membership/shards.ts'
import type { Model, Step } from './explore.ts'
import {
  createDatabase,
  type Database,
  EMPTY,
  memberOf,
  type News,
  NODES,
  type Node,
  numberOf,
  ownersOf,
  SHARDS,
  type Shard,
  type Statement,
} from './ownership-database.ts'

export const OWNERSHIP_BUGS = {
  'skip the fence': 'the journal takes what a conductor writes that was declared dead',
  'claim from the living': 'a claim does not look whether the owner is dead',
  'adopt before the verdict': 'shards are served as soon as they are wanted, before the database has said whose they are',
  'release before drain': 'a shard is released while its actors still commit',
  'keep actors when fenced': 'who was declared dead joins again and keeps what it had in memory',
  'older news after newer': 'a late answer of the database is believed over a newer one',
  'read before the claim': 'actors are loaded before the shard is claimed',
} as const
export type OwnershipBug = keyof typeof OWNERSHIP_BUGS

export interface OwnershipBounds {
  /** Lives of conductors, over both nodes. */
  readonly incarnations: number
  /** Events of each actor. */
  readonly events: number
  /** Conductors that may be told to hand everything over and go. */
  readonly drains: number
  /** One shard is enough but for what two do to each other; the second is the one that moves when `b` joins. */
  readonly shards: readonly Shard[]
}

/** The actor of a shard in a conductor's memory: not loaded, or the newest event it knows. */
type Cell = { readonly seq: number | null; readonly retiring: boolean }

interface Asked {
  readonly statement: Statement
  /** Null while it is on its way to the database. */
  readonly answer: { readonly news: News | null; readonly written: boolean } | null
}

interface Conductor {
  readonly inc: Incarnation
  readonly view: News
  /** An answer to a look at the database, on its way. */
  readonly news: News | null
  readonly cells: readonly [Cell | null, Cell | null]
  /** What `planted: read before the claim` has read. */
  readonly early: readonly [number | null, number | null]
  /** The one statement of the balance in hand. */
  readonly balance: Asked | null
  /** Sequences of the events on their way to the journal. */
  readonly appends: readonly [number | null, number | null]
  readonly draining: boolean
}

interface State {
  readonly database: Database
  readonly conductors: Readonly<Record<Node, Conductor | null>>
  /** Statements of conductors that have died since; they may still arrive. */
  readonly orphans: readonly Statement[]
  /** Actors in memory that a planted bug carries over into the next life. */
  readonly kept: Readonly<Record<Node, Conductor['cells'] | null>>
  readonly drains: number
  readonly wrong: string | null
}

const NOTHING: readonly [null, null] = [null, null]

const put = <T>(pair: readonly [T, T], shard: Shard, value: T): readonly [T, T] => (shard === 0 ? [value, pair[1]] : [pair[0], value])

const lives = (database: Database, inc: Incarnation): boolean => {
  const state = database.rows.find(row => row.inc === inc)?.state
  return state === 'alive' || state === 'draining'
}

export function ownershipModel(bounds: OwnershipBounds, bug: OwnershipBug | null = null): Model<State> {
  const run = createDatabase({ claimAnything: bug === 'claim from the living' })
  const plans = new Map<string, { claim: readonly Shard[]; release: ReadonlyMap<Incarnation, readonly Shard[]> }>()

  /** The plan of production, for the shards of the model. */
  function planOf(inc: Incarnation, view: News) {
    const key = JSON.stringify([inc, view.rows, view.owners])
    const known = plans.get(key)
    if (known) return known
    const { claim, release } = planShards(inc, view.rows.map(memberOf), { version: view.version, owners: ownersOf(view.owners), members: [] })
    const ours = (numbers: readonly number[]) => bounds.shards.filter(shard => numbers.includes(numberOf(shard)))
    const releases = [...release].map(([to, numbers]) => [to, ours(numbers)] as const)
    const plan = { claim: ours(claim), release: new Map(releases) }
    plans.set(key, plan)
    return plan
  }

  const append = (database: Database, statement: Statement & { do: 'append' }) => {
    if (bug !== 'skip the fence' || lives(database, statement.inc)) return run(database, statement)
    const written = statement.seq > database.seqs[statement.shard]
    return {
      database: { ...database, seqs: put(database.seqs, statement.shard, Math.max(statement.seq, database.seqs[statement.shard])) },
      news: null,
      written,
    }
  }

  /** Would the database take an event from this incarnation just now? Asked of the fence itself. */
  const canCommit = (database: Database, inc: Incarnation, shard: Shard): boolean =>
    append(database, { do: 'append', inc, shard, seq: database.seqs[shard] + 1 }).written

  /** Carries a statement out, and notes a commit that should not have been. */
  function arrive(state: State, statement: Statement): { state: State; answer: NonNullable<Asked['answer']> } {
    const { database, news, written } = statement.do === 'append' ? append(state.database, statement) : run(state.database, statement)
    return { state: { ...state, database, wrong: state.wrong ?? wrongCommit(state.database, statement, written) }, answer: { news, written } }
  }

  function wrongCommit(before: Database, statement: Statement, written: boolean): string | null {
    if (statement.do !== 'append') return null
    const { inc, shard, seq } = statement
    if (written && seq !== before.seqs[shard] + 1) return `conductor ${inc} wrote event ${seq} of shard ${shard} without having read what came before`
    if (!written && lives(before, inc)) return `living conductor ${inc} wrote event ${seq} of shard ${shard}, which was written already by another`
    if (written && before.owners[shard] !== inc) return `conductor ${inc} wrote to shard ${shard}, which belongs to ${before.owners[shard]}`
    return null
  }

  const change = (state: State, node: Node, conductor: Conductor | null): State => ({
    ...state,
    conductors: { ...state.conductors, [node]: conductor },
  })

  const appendOf = ({ inc, appends }: Conductor, shard: Shard): (Statement & { do: 'append' }) | null => {
    const seq = appends[shard]
    return seq === null ? null : { do: 'append', inc, shard, seq }
  }

  /** The process is gone, or begins anew because it learned of its end; what it has sent may still arrive. */
  function die(state: State, node: Node, why: 'crash' | 'fenced'): State {
    const dead = state.conductors[node]
    if (!dead) return state
    const events = SHARDS.map(shard => appendOf(dead, shard)).filter(append => append !== null)
    const sent = [...(dead.balance && !dead.balance.answer ? [dead.balance.statement] : []), ...events]
    const kept = why === 'fenced' && bug === 'keep actors when fenced' ? { ...state.kept, [node]: dead.cells } : state.kept
    return { ...change(state, node, null), orphans: [...state.orphans, ...sent], kept }
  }

  /** Takes in what the database said. */
  function learn(state: State, node: Node, conductor: Conductor, news: News): State {
    if (!news.alive) return die(change(state, node, conductor), node, 'fenced')
    const old = news.version < conductor.view.version && bug !== 'older news after newer'
    return change(state, node, old ? conductor : { ...conductor, view: news })
  }

  const adopted = (conductor: Conductor, shards: readonly Shard[]): Conductor => ({
    ...conductor,
    cells: shards.reduce(
      (cells, shard) => put<Cell | null>(cells, shard, { seq: bug === 'read before the claim' ? conductor.early[shard] : null, retiring: false }),
      conductor.cells,
    ),
  })

  function steps(state: State): Step<State>[] {
    const found: Step<State>[] = []
    const add = (who: string, what: string, next: State): void => void found.push({ who, what, next })

    for (const node of NODES) {
      const conductor = state.conductors[node]
      if (conductor) living(state, node, conductor, add)
      else if (state.database.rows.length < bounds.incarnations) {
        const { state: joined, answer } = arrive(state, { do: 'join', node })
        if (!answer.news) throw new Error('a join is answered')
        const inc = joined.database.rows.length
        const cells = state.kept[node] ?? NOTHING
        const fresh = { inc, view: answer.news, news: null, cells, early: NOTHING, balance: null, appends: NOTHING, draining: false }
        add(node, `joins as ${inc}`, { ...change(joined, node, fresh), kept: { ...joined.kept, [node]: null } })
      }
    }
    for (const [i, orphan] of state.orphans.entries()) {
      const rest = { ...state, orphans: state.orphans.filter((_, other) => other !== i) }
      add('database', `carries out what a dead conductor sent: ${said(orphan)}`, arrive(rest, orphan).state)
    }
    const alive = state.database.rows.filter(row => lives(state.database, row.inc))
    for (const by of alive) {
      for (const victim of alive) {
        if (by === victim) continue
        const verdict: Statement = { do: 'declareDead', by: by.inc, victim: victim.inc }
        add(by.node, `declares ${victim.inc} (${victim.node}) dead`, arrive(state, verdict).state)
      }
    }
    return found
  }

  function living(state: State, node: Node, me: Conductor, add: (who: string, what: string, next: State) => void): void {
    const who = `${node} (${me.inc})`
    const become = (more: Partial<Conductor>, from = state): State => change(from, node, { ...me, ...more })

    if (state.database.rows.length < bounds.incarnations) add(who, 'crashes', die(state, node, 'crash'))
    const { news } = me.news ? me : run(state.database, { do: 'look', inc: me.inc })
    const fresh = news !== null && (news.version !== me.view.version || !news.alive)
    // That an answer is late matters only while another is under way, which it may then overtake or be overtaken by.
    if (fresh && !me.news && me.balance) add(who, `asks the database for news: ${heard(news)}`, become({ news }))
    else if (news && (fresh || me.news)) add(who, `is told: ${heard(news)}`, learn(state, node, { ...me, news: null }, news))

    for (const shard of bounds.shards) committing(shard)
    balancing()

    function committing(shard: Shard): void {
      const cell = me.cells[shard]
      const sent = appendOf(me, shard)
      if (sent) {
        const { state: next, answer } = arrive(state, sent)
        const known: Conductor = {
          ...me,
          appends: put(me.appends, shard, null),
          cells: cell ? put(me.cells, shard, { ...cell, seq: sent.seq }) : me.cells,
        }
        if (answer.written) add('database', `commits: ${said(sent)}`, change(next, node, known))
        else add('database', `refuses: ${said(sent)}`, die(change(next, node, known), node, 'fenced'))
      }
      if (!cell) return
      if (cell.seq === null) {
        const seq = state.database.seqs[shard]
        add(who, `loads the actor of shard ${shard}: ${seq} events`, become({ cells: put(me.cells, shard, { ...cell, seq }) }))
      } else if (!cell.retiring && !sent && cell.seq < bounds.events) {
        const seq = cell.seq + 1
        add(who, `decides on event ${seq} of shard ${shard} and sends it to the journal`, become({ appends: put(me.appends, shard, seq) }))
      }
    }

    function balancing(): void {
      const asked = me.balance
      if (asked?.answer) answered(asked)
      else if (asked) sent(asked)
      else planning()
    }

    function planning(): void {
      const given = SHARDS.filter(shard => me.view.owners[shard] === me.inc && !me.cells[shard])
      if (given.length > 0) {
        add(who, `adopts shards ${given}`, change(state, node, adopted(me, given)))
        return
      }
      const { claim, release } = planOf(me.inc, me.view)
      const ask = (statement: Statement, from = me): void =>
        add(who, said(statement), change(state, node, { ...from, balance: { statement, answer: null } }))
      if (claim.length > 0) {
        const early = claim.reduce((read, shard) => put<number | null>(read, shard, state.database.seqs[shard]), me.early)
        const known = bug === 'read before the claim' ? { ...me, early } : me
        ask({ do: 'claim', inc: me.inc, shards: claim }, bug === 'adopt before the verdict' ? adopted(known, claim) : known)
        return
      }
      for (const [to, shards] of release) letGo(to, shards, ask)
      if (me.draining && SHARDS.every(shard => !me.cells[shard] && me.view.owners[shard] !== me.inc)) ask({ do: 'leave', inc: me.inc })
      if (!me.draining && state.drains < bounds.drains) {
        const drained: Statement = { do: 'drain', inc: me.inc }
        const { state: next } = arrive(state, drained)
        add(who, 'is told to hand over and leave', { ...change(next, node, { ...me, draining: true }), drains: state.drains + 1 })
      }
    }

    /** Drains, and when nothing is in hand any more, releases. */
    function letGo(to: Incarnation, shards: readonly Shard[], ask: (statement: Statement, from?: Conductor) => void): void {
      const ours = shards.filter(shard => me.cells[shard])
      if (ours.length === 0) return
      const statement: Statement = { do: 'release', inc: me.inc, shards: ours, to }
      if (bug === 'release before drain') {
        ask(statement)
        return
      }
      const busy = ours.filter(shard => !me.cells[shard]?.retiring)
      const without = (cells: Conductor['cells']) => ours.reduce((left, shard) => put<Cell | null>(left, shard, null), cells)
      if (busy.length > 0) {
        const retiring = (shard: Shard): Cell => ({ seq: me.cells[shard]?.seq ?? null, retiring: true })
        add(who, `drains shards ${busy}`, become({ cells: busy.reduce((cells, shard) => put<Cell | null>(cells, shard, retiring(shard)), me.cells) }))
      } else if (ours.every(shard => me.appends[shard] === null)) ask(statement, { ...me, cells: without(me.cells) })
    }

    function sent(asked: Asked): void {
      const { state: next, answer } = arrive(state, asked.statement)
      add('database', `carries out: ${said(asked.statement)}`, become({ balance: { ...asked, answer } }, next))
    }

    function answered({ statement, answer }: Asked): void {
      const dropped = bug === 'release before drain' && statement.do === 'release' ? statement.shards : []
      const cells = dropped.reduce((left, shard) => put<Cell | null>(left, shard, null), me.cells)
      const free: Conductor = { ...me, cells, balance: null }
      if (statement.do === 'leave') add(who, 'has left', die(change(state, node, free), node, 'crash'))
      else if (answer?.news) add(who, `is told: ${heard(answer.news)}`, learn(state, node, free, answer.news))
    }
  }

  /** Conductors of which each could change what the shard's actor is, if it were chosen next. */
  function writers(state: State, shard: Shard): Incarnation[] {
    const processes = NODES.flatMap(node => {
      const me = state.conductors[node]
      return me && (me.cells[shard] || me.appends[shard] !== null) ? [me.inc] : []
    })
    const late = state.orphans.flatMap(s => (s.do === 'append' && s.shard === shard ? [s.inc] : []))
    return [...new Set([...processes, ...late])].filter(inc => canCommit(state.database, inc, shard))
  }

  return {
    name: 'ownership',
    initial: {
      database: EMPTY,
      conductors: { a: null, b: null },
      orphans: [],
      kept: { a: null, b: null },
      drains: 0,
      wrong: null,
    },
    steps,
    key: state => ranked(JSON.stringify({ ...state, orphans: state.orphans.map(said).sort() })),
    violated(state) {
      if (state.wrong !== null) return state.wrong
      for (const shard of SHARDS) {
        const able = writers(state, shard)
        if (able.length > 1) return `conductors ${able.join(' and ')} can both commit for shard ${shard}`
      }
      return null
    },
  }
}

/** Of versions of the map only the order matters, so states that differ in nothing else count as one. */
function ranked(key: string): string {
  const versions = [...new Set([...key.matchAll(VERSION)].map(m => Number(m[1])))].sort((x, y) => x - y)
  return key.replace(VERSION, (_, version: string) => `"version":${versions.indexOf(Number(version))}`)
}

const VERSION = /"version":(\d+)/g

const heard = ({ alive, version, owners }: News): string =>
  alive ? `map ${version}, shard 0 is of ${owners[0] || 'nobody'}, shard 1 of ${owners[1] || 'nobody'}` : 'you were declared dead'

function said(statement: Statement): string {
  switch (statement.do) {
    case 'join':
      return 'join'
    case 'look':
      return 'news, please'
    case 'declareDead':
      return `${statement.by} declares ${statement.victim} dead`
    case 'claim':
      return `claim shards ${statement.shards} for ${statement.inc}`
    case 'release':
      return `release shards ${statement.shards} from ${statement.inc} to ${statement.to}`
    case 'drain':
    case 'leave':
      return `${statement.do} ${statement.inc}`
    case 'append':
      return `write event ${statement.seq} of shard ${statement.shard} as ${statement.inc}`
  }
}
