/**
 * When should an operator add a conductor? When those there are cannot keep up (messages wait, event loops lag, processors are busy) and
 * another would take some of it off them. It would not when commits are what everything waits for, since all share one database; nor when one
 * conductor alone is busy while the others idle: shards are spread evenly already, so a few actors are the load, and an actor cannot be split.
 * Each threshold stands here once, and is said with the number that is over it.
 */

export const SCALING = {
  /** Oldest waiting message, ms. */
  oldestMs: 1000,
  /** Event-loop lag at the 99th percentile, ms. */
  lagMs: 200,
  /** Share of one core used by the process, or of the time in which its event loop is busy: Node runs actors on one. */
  cpu: 0.85,
  /** A loop that is busy and gets less of a core than this share of it is on a machine that has no more to give. */
  starved: 0.6,
  /** Time of a commit, ms. */
  commitMs: 100,
  /** Commits that wait while no processor is busy: then the database is what they wait for. */
  commitsWaiting: 200,
  /** No conductor uses more of its core than this: its processor is not what anything waits for. */
  idleCpu: 0.5,
  /** The busiest uses so many times what the others use on average: it alone is the trouble. */
  uneven: 3,
} as const

/** What a conductor says of itself; what it does not say counts as nothing. */
export interface ConductorLoad {
  readonly id: string
  readonly shards: number
  readonly load: Readonly<Record<string, number>>
}

/** How the load would spread over one conductor more: shards are even, and work follows shards. Shares of the time, 0 to 1. */
export interface Spread {
  readonly conductors: number
  readonly shardsBefore: number
  readonly shardsAfter: number
  readonly busyBefore: number
  readonly busyAfter: number
}

export interface Advice {
  readonly addConductor: boolean
  /** Why, with the numbers. */
  readonly because: string
  /** Absent when no conductor is to be added. */
  readonly spread?: Spread
}

const percent = (share: number): string => `${Math.round(share * 100)} %`
const no = (because: string): Advice => ({ addConductor: false, because })

/** `share` of the limits is looked at: below 1 for an advice that stands, so that it does not come and go. */
export function adviseScaling(conductors: readonly ConductorLoad[], share = 1): Advice {
  const worst = (key: string): { id: string; value: number } =>
    conductors.reduce((most, { id, load }) => ((load[key] ?? 0) > most.value ? { id, value: load[key] ?? 0 } : most), { id: '', value: 0 })
  const oldest = worst('oldestMs')
  const lag = worst('lagMs')
  const cpu = conductors.reduce((most, { id, load }) => (usedBy(load) > most.value ? { id, value: usedBy(load) } : most), { id: '', value: 0 })
  const { cpu: got = 0, busy = 0 } = loadOf(cpu.id, conductors)
  const isStarved = busy > SCALING.cpu && got < busy * SCALING.starved
  const commit = worst('commitMs')
  const waiting = worst('commitsWaiting')
  const signs: string[] = []
  if (oldest.value > SCALING.oldestMs * share)
    signs.push(`a message has waited ${Math.round(oldest.value)} ms on ${oldest.id} (limit ${SCALING.oldestMs})`)
  if (lag.value > SCALING.lagMs * share) signs.push(`the event loop of ${lag.id} lags ${Math.round(lag.value)} ms (limit ${SCALING.lagMs})`)
  if (cpu.value > SCALING.cpu * share) signs.push(`${cpu.id} is busy ${percent(cpu.value)} of the time (limit ${percent(SCALING.cpu)})`)
  const said = signs.join('; ')
  if (signs.length === 0)
    return no(
      `queues are short: oldest message ${Math.round(oldest.value)} ms, lag ${Math.round(lag.value)} ms, busy ${percent(cpu.value)} of the time`,
    )
  if (commit.value > SCALING.commitMs)
    return no(`${said}; but commits take ${Math.round(commit.value)} ms: a conductor more would not help, the database is the limit`)
  if (waiting.value > SCALING.commitsWaiting && cpu.value < SCALING.idleCpu)
    return no(
      `${said}; but ${waiting.value} commits wait while no conductor is busy more than ${percent(cpu.value)} of the time: ` +
        'a conductor more would not help, the database is the limit',
    )
  const total = conductors.reduce((sum, { load }) => sum + usedBy(load), 0)
  const others = conductors.length > 1 ? (total - cpu.value) / (conductors.length - 1) : cpu.value
  if (cpu.value > SCALING.cpu && cpu.value > others * SCALING.uneven) {
    const { shards = 0 } = conductors.find(({ id }) => id === cpu.id) ?? {}
    return no(
      `${said}; but the others ${percent(others)} on average, and it has ${shards} of ${shardsOf(conductors)} shards: ` +
        'a few actors are the load, and a conductor more would not split them; `baton queue list` names the busiest',
    )
  }
  const conductorsAfter = conductors.length + 1
  const shards = shardsOf(conductors)
  return {
    addConductor: true,
    because: isStarved ? `${said}, though it gets only ${percent(got)} of a core: start it on another machine` : said,
    spread: {
      conductors: conductorsAfter,
      shardsBefore: Math.max(...conductors.map(c => c.shards)),
      shardsAfter: Math.ceil(shards / conductorsAfter),
      busyBefore: cpu.value,
      busyAfter: Math.round((total / conductorsAfter) * 100) / 100,
    },
  }
}

/** Who is starved of processor time is busy, too. */
const usedBy = ({ cpu = 0, busy = 0 }: ConductorLoad['load']): number => Math.max(cpu, busy)

const loadOf = (id: string, conductors: readonly ConductorLoad[]): ConductorLoad['load'] => conductors.find(c => c.id === id)?.load ?? {}

const shardsOf = (conductors: readonly ConductorLoad[]): number => conductors.reduce((sum, { shards }) => sum + shards, 0)

/** The sentence for people. */
export const spreadText = ({ conductors, shardsBefore, shardsAfter, busyBefore, busyAfter }: Spread): string =>
  `With one more, each of ${conductors} would own about ${shardsAfter} shards instead of up to ${shardsBefore}, ` +
  `and be busy about ${percent(busyAfter)} of the time instead of up to ${percent(busyBefore)}.`
