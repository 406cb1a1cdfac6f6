/**
 * The rules of alerts, as one table: what each looks for, how bad it is, for how long it must last before it fires and be gone before it is
 * over, and what to do about it. Conditions have two limits, one to begin and a lower one to go on, so that a number that plays around its
 * limit makes one alert and not a hundred. The table in the README is made of this one.
 */
import { minutes, seconds } from '../kernel/env.ts'
import type { OperationBody } from '../operation/body.ts'
import { adviseScaling, SCALING, spreadText } from './advice.ts'
import type { Severity } from './body.ts'
import type { ConductorFacts, Facts } from './facts.ts'

export interface Condition {
  readonly subject: string
  readonly message: string
}

export interface Rule {
  readonly severity: Severity
  readonly about: string
  /** What to do next. */
  readonly remedy: string
  /** It must have been seen for so long before it fires, ms. */
  readonly holdMs: number
  /** It must not have been seen for so long before it is over, ms. */
  readonly clearMs: number
  /** `fires` says of a subject whether this alert fires for it already, or is about to: then the lower limit counts. */
  find(facts: Facts, fires: (subject: string) => boolean): readonly Condition[]
}

const DAY_MS = 86_400_000

/** Above the first limit, or above the second when it fires already. */
const above = (value: number | undefined, [begin, goOn]: readonly [number, number], isFiring: boolean): boolean =>
  value !== undefined && value > (isFiring ? goOn : begin)

const percent = (share: number): string => `${Math.round(share * 100)} %`
const days = (ms: number): string => `${Math.max(0, Math.floor(ms / DAY_MS))} days`
const secs = (ms: number): string => `${Math.round(ms / 1000)} s`
const mins = (ms: number): string => (ms < minutes(2) ? secs(ms) : `${Math.floor(ms / 60_000)} min`)
const many = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
const first = (names: readonly string[]): string => `${names.slice(0, 10).join(', ')}${names.length > 10 ? ' …' : ''}`

const subjectOf = ({ id }: ConductorFacts): string => `conductor/${id}`

/** What is said about each conductor for which `of` says something. */
const eachConductor =
  (of: (conductor: ConductorFacts, isFiring: boolean, facts: Facts) => string | null): Rule['find'] =>
  (facts, fires) =>
    facts.conductors.flatMap(conductor => {
      const subject = subjectOf(conductor)
      const message = of(conductor, fires(subject), facts)
      return message === null ? [] : { subject, message }
    })

type Load = Readonly<Record<string, number>>

/** Conductors and hosts of which `isNear` says that there may be something to say; of ten thousand hosts that is hardly one. */
const eachNode =
  (isNear: (load: Load) => boolean, of: (load: Load, isFiring: boolean) => string | null): Rule['find'] =>
  ({ conductors, hosts }, fires) => {
    const found: Condition[] = []
    const look = (subject: string, load: Load): void => {
      const message = of(load, fires(subject))
      if (message !== null) found.push({ subject, message })
    }
    for (const conductor of conductors) if (isNear(conductor.load)) look(subjectOf(conductor), conductor.load)
    for (const { id, load } of hosts) if (isNear(load)) look(`host/${id}`, load)
    return found
  }

/** Less free space than a share of the file system, on any node that says what it has. */
const diskBelow = (begin: number, goOn: number): Rule['find'] =>
  eachNode(
    ({ diskFree = 1 }) => diskFree < goOn,
    ({ diskFree = 1 }, isFiring) =>
      diskFree < (isFiring ? goOn : begin) ? `${percent(diskFree)} of the disk is free where it keeps its data (limit ${percent(begin)})` : null,
  )

const certificateWithin =
  (leftMs: number): Rule['find'] =>
  ({ certificates, now }) =>
    certificates.flatMap(({ node, endsAt }) =>
      endsAt - now < leftMs ? { subject: `gateway/${node}`, message: `its certificate ends in ${days(endsAt - now)} (limit ${days(leftMs)})` } : [],
    )

/** When something of it was last begun or ended. */
const lastMoved = ({ startedAt, steps }: OperationBody): number => Math.max(startedAt, ...steps.map(s => s.endedAt ?? s.startedAt))

function stuck(operation: OperationBody, now: number): string | null {
  const { kind, subject, steps, startedAt, deadlineAt } = operation
  const step = steps.findLast(s => s.state === 'running')
  const stillMs = now - lastMoved(operation)
  const isLate = now > deadlineAt + minutes(1)
  // One that says how far it is moves on within its step.
  const isStill = step?.progress === undefined && stillMs > (deadlineAt - startedAt) / 2
  if (!isLate && !isStill) return null
  const at = step ? `step ${step.name} (attempt ${step.attempt})` : 'its begin'
  const deadline = now > deadlineAt ? `its deadline was ${mins(now - deadlineAt)} ago` : `its deadline is in ${mins(deadlineAt - now)}`
  return `${kind} of ${subject} has been at ${at} for ${mins(stillMs)}; ${deadline}`
}

const QUEUE = { oldestMs: [2 * SCALING.oldestMs, SCALING.oldestMs / 2], full: [0.5, 0.25] } as const
/** Share of its limits at which the advice to add a conductor goes on. */
const GO_ON = 0.7
const COMMIT_MS = [SCALING.commitMs, SCALING.commitMs / 2] as const
const CLOCK_MS = [2000, 1000] as const
/** Times within ten minutes that a host was no longer heard. */
const FLAPS = [2, 0] as const

export const RULES = {
  'stuck-operation': {
    ...{ severity: 'warning', holdMs: 0, clearMs: 0 },
    about: 'an operation has made no step for half the time it has, or has not ended after its deadline',
    remedy: 'look at the host it waits for: `baton operation show ID`; then `baton operation cancel ID` or `baton doctor`',
    find: ({ operations, now }) =>
      operations.flatMap(operation => {
        const message = stuck(operation, now)
        return message === null ? [] : { subject: `operation/${operation.id}`, message }
      }),
  },
  'queue-grows': {
    ...{ severity: 'warning', holdMs: seconds(10), clearMs: seconds(20) },
    about: 'a message waits for over 2 s on a conductor, or its queues are half full',
    remedy: '`baton queue list` names the busiest actor; `baton status` says whether a conductor more would help',
    find: eachConductor(({ load }, isFiring) => {
      const depth = (load.inbox ?? 0) + (load.commitsWaiting ?? 0)
      const isOld = above(load.oldestMs, QUEUE.oldestMs, isFiring)
      if (!isOld && !above(depth / (load.queueLimit ?? Number.POSITIVE_INFINITY), QUEUE.full, isFiring)) return null
      return `${load.inbox ?? 0} messages and ${load.commitsWaiting ?? 0} commits wait, the oldest for ${secs(load.oldestMs ?? 0)}`
    }),
  },
  'add-a-conductor': {
    ...{ severity: 'warning', holdMs: seconds(15), clearMs: seconds(20) },
    about: 'the conductors there are cannot keep up, and one more would take load off them',
    remedy: 'start another on a machine with a free core: `baton conductor --id NAME --database URL`',
    find({ conductors }, fires) {
      const { addConductor, because, spread } = adviseScaling(conductors, fires('cluster') ? GO_ON : 1)
      return addConductor ? [{ subject: 'cluster', message: spread ? `${because}. ${spreadText(spread)}` : because }] : []
    },
  },
  'host-silent': {
    ...{ severity: 'critical', holdMs: 0, clearMs: seconds(5) },
    about: 'no heartbeat of a host for longer than `heartbeat.downMs`, and it is not in maintenance',
    remedy: 'look at the host, its agent and the network between; `baton host show ID` tells what becomes of its instances',
    find: ({ hosts }) =>
      hosts.flatMap(({ id, state, mode, claims }) =>
        state === 'down' && mode !== 'maintenance'
          ? { subject: `host/${id}`, message: `no heartbeat of ${id}, which has ${many(claims, 'instance')}` }
          : [],
      ),
  },
  'host-flaps': {
    ...{ severity: 'warning', holdMs: 0, clearMs: seconds(30) },
    about: 'a host was no longer heard three times within ten minutes, and came back',
    remedy: 'look at its network and its load; `baton host disable ID` keeps new instances away from it',
    find: ({ recently }, fires) =>
      [...recently.silences].flatMap(([id, count]) =>
        above(count, FLAPS, fires(`host/${id}`)) ? { subject: `host/${id}`, message: `${id} was no longer heard ${count} times in ten minutes` } : [],
      ),
  },
  'agent-silent': {
    ...{ severity: 'warning', holdMs: 0, clearMs: 0 },
    about: 'an agent was heard once and is not any more, for `agents.silentMs` or its own time: nobody knows how its service is',
    remedy: 'look at `baton guest show ID` and `baton instance log ID`; of an agent outside of guests at `baton agent show ID`, and at its own log',
    find: ({ silentAgents }) =>
      silentAgents.map(({ kind, id, service, message }) => ({
        subject: `${kind}/${id}`,
        message: `no heartbeat of the agent of its ${service}${message && `, ${message}`}`,
      })),
  },
  'lease-near-its-end': {
    ...{ severity: 'critical', holdMs: 0, clearMs: seconds(5) },
    about: 'less than a third is left of the lease of a silent host with protected guests, or of a conductor',
    remedy: 'look at the network to the host, or to the database; a host whose lease ends stops its protected guests by itself',
    find: ({ conductors }) => [
      ...conductors.flatMap(({ silent }) =>
        silent.flatMap(({ host, heardAgoMs, leftMs, instances }) =>
          leftMs < (leftMs + heardAgoMs) / 3
            ? {
                subject: `host/${host}`,
                message: `${secs(leftMs)} are left of the lease of ${host}; then it stops ${many(instances, 'protected instance')}`,
              }
            : [],
        ),
      ),
      ...conductors.flatMap(conductor =>
        conductor.leaseLeftMs < conductor.leaseMs / 3
          ? { subject: subjectOf(conductor), message: `its lease was not renewed for ${secs(conductor.leaseMs - conductor.leaseLeftMs)}` }
          : [],
      ),
    ],
  },
  'mass-silence': {
    ...{ severity: 'critical', holdMs: 0, clearMs: seconds(5) },
    about: 'more hosts fell silent at once than `ha.massFraction` allows: it is probably us',
    remedy: 'look at the network of the conductors; nothing is evacuated until hosts are heard again',
    find: eachConductor(({ held }) =>
      held.length === 0 ? null : `most hosts are silent at once, so it is probably us: nothing is evacuated from ${first(held)}`,
    ),
  },
  'dead-letters': {
    ...{ severity: 'warning', holdMs: 0, clearMs: 0 },
    about: 'commands came within ten minutes for actors or methods that do not exist',
    remedy: 'look for another release among the nodes: `baton node list`',
    find: ({ recently }) =>
      [...recently.deadLetters].flatMap(([id, count]) =>
        count > 0 ? { subject: `conductor/${id}`, message: `${many(count, 'command')} for nobody in ten minutes` } : [],
      ),
  },
  'actor-set-aside': {
    ...{ severity: 'critical', holdMs: 0, clearMs: 0 },
    about: 'an actor failed again and again, and was set aside',
    remedy: '`baton doctor` says why; `baton doctor --repair` revives it',
    find: ({ conductors }) =>
      conductors.flatMap(({ id, poisoned }) => poisoned.map(actor => ({ subject: actor, message: `${actor} was set aside on ${id}` }))),
  },
  'disk-nearly-full': {
    ...{ severity: 'warning', holdMs: seconds(10), clearMs: seconds(10) },
    about: 'less than a tenth of the disk is free where a node keeps its data',
    remedy: 'make room, or give it a larger disk; `journal.retentionDays` says how long what has ended is kept',
    find: diskBelow(0.1, 0.12),
  },
  'disk-full': {
    ...{ severity: 'critical', holdMs: 0, clearMs: seconds(10) },
    about: 'less than 3 % of the disk is free where a node keeps its data',
    remedy: 'make room now: a database without room stops, and a host without room fails its guests',
    find: diskBelow(0.03, 0.04),
  },
  'database-slow': {
    ...{ severity: 'warning', holdMs: seconds(10), clearMs: seconds(20) },
    about: 'commits take over 100 ms',
    remedy: 'look at the disk and the load of the database; another conductor does not make it faster',
    find({ conductors }, fires) {
      const slowest = conductors.toSorted((a, b) => (b.load.commitMs ?? 0) - (a.load.commitMs ?? 0))[0]
      if (!slowest || !above(slowest.load.commitMs, COMMIT_MS, fires('database'))) return []
      return [{ subject: 'database', message: `commits of ${slowest.id} take ${Math.round(slowest.load.commitMs ?? 0)} ms (limit ${COMMIT_MS[0]})` }]
    },
  },
  'clock-drifts': {
    ...{ severity: 'warning', holdMs: seconds(10), clearMs: seconds(10) },
    about: 'the clock of a machine is over 2 s away from cluster time: nothing depends on it but what people read, and certificates',
    remedy: 'let NTP set the clock of that machine',
    find: eachNode(
      ({ clockOffMs = 0 }) => Math.abs(clockOffMs) > CLOCK_MS[1],
      ({ clockOffMs = 0 }, isFiring) =>
        above(Math.abs(clockOffMs), CLOCK_MS, isFiring)
          ? `its clock is ${secs(Math.abs(clockOffMs))} ${clockOffMs > 0 ? 'ahead of' : 'behind'} cluster time`
          : null,
    ),
  },
  'certificate-ends-soon': {
    ...{ severity: 'warning', holdMs: 0, clearMs: 0 },
    about: 'the certificate of a gateway ends within 21 days',
    remedy: 'renew it: the gateway reads the files again by itself',
    find: certificateWithin(21 * DAY_MS),
  },
  'certificate-ends': {
    ...{ severity: 'critical', holdMs: 0, clearMs: 0 },
    about: 'the certificate of a gateway ends within 3 days',
    remedy: 'renew it now: clients will refuse the gateway',
    find: certificateWithin(3 * DAY_MS),
  },
} as const satisfies Record<string, Rule>

export type AlertCode = keyof typeof RULES
