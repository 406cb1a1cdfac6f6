/**
 * `baton doctor`: looks at every side of the cluster and says where they differ; and repairs, when it is asked to, what it has
 * seen twice. It has no eyes and no hands of its own: hosts are compared by `host-look.ts`, as at every audit, the rest by the
 * pure functions of `actors/doctor/`, and a repair is `treat`, which asks the owners.
 *
 * It reads in pages and looks at a few hosts at a time, so its memory is bounded by the guests and claims of those.
 */
import type { ClusterApi, HostBody, InstanceBody, NodeBody, OperationBody } from '../../actors/api.ts'
import { FINDINGS } from '../../actors/doctor/codes.ts'
import { lostTask, noSuchHost, otherVersion, overdue, poisoned, silentHost, staleView, unownedShards } from '../../actors/doctor/diagnose.ts'
import { bySeverity, type Difference, findingOf, isWithin, keyOf } from '../../actors/doctor/difference.ts'
import type { DoctorBody, DoctorScope, RepairBody } from '../../actors/doctor/report.ts'
import { operationActorOf } from '../../actors/host-operation/contract.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { BatonError, toFault } from '../../actors/kernel/errors.ts'
import type { Member, ShardMap, ViewQuery, Views } from '../../actors/kernel/ports.ts'
import type { Seen } from '../hosts/host-look.ts'
import { instancePages, lookAtHost } from '../hosts/host-look.ts'
import { refusalText, type Treatment, type TreatmentOptions, treat } from '../hosts/treatments.ts'

export interface DoctorOptions {
  readonly env: Env
  readonly views: Views
  readonly treatments: TreatmentOptions
  /** Cluster time, ms. */
  now(): number
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  nodes(): Promise<readonly NodeBody[]>
  members(): readonly Member[]
  map(): ShardMap
  readonly version: string
  /** Time between two looks of a repair, ms: longer than a host takes to report again. */
  readonly confirmMs: number
  /** Age up to which a host's report counts as what is there, ms. */
  readonly freshMs: number
}

const AT_ONCE = 8
const PAGE = 1000
/** Findings that are listed, and differences that one repair treats. */
const LISTED = 1000
/** Actors of each kind that are compared with what lists show of them. */
const SAMPLE = 25

type Looked = Record<keyof DoctorBody['looked'], number>

interface Look {
  readonly differences: Difference[]
  readonly unseen: string[]
  readonly looked: Looked
}

export function createDoctor(options: DoctorOptions): Pick<ClusterApi, 'diagnose' | 'repair'> {
  const { env, views, call, now } = options

  async function look(scope: DoctorScope): Promise<Look> {
    const found: Look = { differences: [], unseen: [], looked: { hosts: 0, guests: 0, claims: 0, instances: 0, operations: 0, actors: 0 } }
    const hosts = (await rowsOf<HostBody>('host', {})).filter(host => host.state !== 'gone')
    const open = await lookAtOperations(found)
    await lookAtInstances(found, open, new Set(hosts.map(h => h.id)))
    const wanted = hosts.filter(h => scope.host === undefined || h.id === scope.host)
    const busy = new Set([...open.values()].map(o => o.subject))
    await inParallel(wanted, host => lookAtOne(found, host, busy))
    await lookAtNodes(found)
    await lookAtViews(found)
    const differences = found.differences.filter(d => isWithin(scope, d))
    await checkScope(scope, hosts, differences)
    return { ...found, differences }
  }

  async function rowsOf<T>(table: 'host' | 'operation', where: Readonly<Record<string, boolean>>): Promise<T[]> {
    const all: T[] = []
    for (let marker: string | undefined; ; ) {
      const rows = await views.list(table, { where, limit: PAGE, ...(marker === undefined ? {} : { marker }) })
      all.push(...rows.map(row => row.body as T))
      marker = rows.at(-1)?.id
      if (rows.length < PAGE) return all
    }
  }

  async function lookAtOperations({ differences, looked }: Look): Promise<ReadonlyMap<string, OperationBody>> {
    const open = await rowsOf<OperationBody>('operation', { open: true })
    looked.operations = open.length
    for (const operation of open) add(differences, overdue(operation, now()))
    return new Map(open.map(o => [o.id, o]))
  }

  async function lookAtInstances({ differences, looked }: Look, open: ReadonlyMap<string, OperationBody>, hosts: ReadonlySet<string>): Promise<void> {
    const waiting: InstanceBody[] = []
    for await (const row of instancePages(views, { deleted: false })) {
      looked.instances++
      add(differences, noSuchHost(row, hosts))
      if (row.operation !== null && !open.has(row.operation)) waiting.push(row)
    }
    await inParallel(waiting, async row => {
      const found = await views.get('operation', row.operation ?? '')
      add(differences, lostTask(row, found && { body: found.body as OperationBody, open: found.columns.open === true }, now()))
    })
  }

  async function lookAtOne({ differences, unseen, looked }: Look, host: HostBody, busy: ReadonlySet<string>): Promise<void> {
    add(differences, silentHost(host))
    const reported = await reportOf(host, unseen)
    const seen = await lookAtHost({ views, call, now }, host.id, reported, {
      busy,
      onUnseen: error => unseen.push(`host ${host.id}: its claims were not seen: ${toFault(error).message}`),
    })
    differences.push(...seen.differences)
    looked.hosts++
    looked.guests += reported?.guests.length ?? 0
    looked.claims += seen.claims
  }

  async function reportOf(host: HostBody, unseen: string[]): Promise<Seen | null> {
    const say = (why: string): null => {
      unseen.push(`host ${host.id} ${why}: its guests were not seen`)
      return null
    }
    if (host.state !== 'up') return say(`is ${host.state}`)
    try {
      const reported = (await call('monitor', host.id, 'reported', {})) as Seen | null
      if (!reported) return say('has not reported to its conductor yet')
      return reported.ageMs > options.freshMs ? say(`was heard ${Math.round(reported.ageMs / 1000)} s ago`) : reported
    } catch (error) {
      return say(`could not be asked about (${toFault(error).message})`)
    }
  }

  async function lookAtNodes({ differences }: Look): Promise<void> {
    const members = options.members()
    const living = new Set(members.filter(m => m.state === 'alive' || m.state === 'draining').map(m => m.incarnation))
    add(differences, unownedShards(options.map().owners, living))
    for (const node of await options.nodes()) add(differences, otherVersion(node, options.version))
    for (const { nodeId, load, incarnation } of members) {
      const aside = (load as { readonly poisoned?: readonly string[] } | null)?.poisoned ?? []
      if (living.has(incarnation)) differences.push(...aside.map(actor => poisoned(actor, nodeId)))
    }
  }

  /** Compares some actors with their rows. A row that changes between two readings tells nothing. */
  async function lookAtViews({ differences, unseen, looked }: Look): Promise<void> {
    const tables = ['instance', 'operation', 'host'] as const
    const sampled = await Promise.all(tables.map(async table => (await sampleOf(table)).map(id => ({ table, id }))))
    await inParallel(sampled.flat(), async ({ table, id }) => {
      const before = await views.get(table, id)
      const kind = table === 'operation' ? operationActorOf(before?.columns.kind) : table
      const answer = await call(kind, id, 'get', {}).then(
        body => ({ body }),
        error => ({ fault: toFault(error) }),
      )
      const after = await views.get(table, id)
      looked.actors++
      // What is set aside is a finding of its own.
      if ('fault' in answer && answer.fault.code !== 'Poisoned') unseen.push(`${table} ${id}: its actor did not answer: ${answer.fault.message}`)
      if ('fault' in answer || !before || !after || staleView('', before.body, after.body)) return
      add(differences, staleView(`${kind}/${id}`, after.body, answer.body))
    })
  }

  /** A few rows from a place in the list that is another one each time. */
  async function sampleOf(table: 'instance' | 'operation' | 'host'): Promise<string[]> {
    const where: ViewQuery['where'] = table === 'instance' ? { deleted: false } : table === 'operation' ? { open: true } : {}
    const rows = (await views.list(table, { where, limit: PAGE })).map(row => row.id)
    const from = Math.floor(env.random() * Math.max(1, rows.length - SAMPLE))
    return rows.slice(from, from + SAMPLE)
  }

  async function checkScope({ instance, host }: DoctorScope, hosts: readonly HostBody[], differences: readonly Difference[]): Promise<void> {
    if (host !== undefined && !hosts.some(h => h.id === host)) throw new BatonError('NotFound', `there is no host ${host}`)
    // A guest may have a name that no instance has.
    if (instance !== undefined && differences.length === 0 && !(await views.get('instance', instance)))
      throw new BatonError('NotFound', `there is no instance ${instance}, and nothing is left of one`)
  }

  function bodyOf({ differences, unseen, looked }: Look, begunMs: number, repairs: readonly RepairBody[] = []): DoctorBody {
    const findings = differences.map(findingOf).sort(bySeverity)
    const tookMs = Math.round(env.monotonicMs() - begunMs)
    return { at: now(), tookMs, findings: findings.slice(0, LISTED), leftOff: Math.max(0, findings.length - LISTED), unseen, looked, repairs }
  }

  const pause = (): Promise<void> => new Promise(resolve => env.setTimer(options.confirmMs, resolve))

  return {
    async diagnose(scope) {
      const begunMs = env.monotonicMs()
      return bodyOf(await look(scope), begunMs)
    },
    async repair(scope) {
      const first = new Set((await look(scope)).differences.map(keyOf))
      await pause()
      const twice = (await look(scope)).differences.filter(d => first.has(keyOf(d))).slice(0, LISTED)
      const treated: { difference: Difference; result: Treatment | { done: 'refused'; detail: string } }[] = []
      const one = async (difference: Difference): Promise<void> => {
        const result = await treat(options.treatments, difference).catch(error => ({ done: 'refused' as const, detail: refusalText(error) }))
        treated.push({ difference, result })
      }
      // What may begin an operation comes last: behind it, everything else about its instance would have to wait.
      await inParallel(
        twice.filter(d => !mayBegin(d)),
        one,
      )
      await inParallel(twice.filter(mayBegin), one)
      if (treated.some(t => t.result.done === 'acted')) await pause()
      const begunMs = env.monotonicMs()
      const last = await look(scope)
      const still = new Set(last.differences.map(keyOf))
      const repairs = treated.map(({ difference, result: { done, detail } }): RepairBody => {
        const outcome = done === 'acted' ? (still.has(keyOf(difference)) ? 'pending' : 'repaired') : done
        return { finding: findingOf(difference), outcome, detail }
      })
      return bodyOf(
        last,
        begunMs,
        repairs.sort((a, b) => bySeverity(a.finding, b.finding)),
      )
    },
  }
}

const mayBegin = ({ code }: Difference): boolean => FINDINGS[code].remedy === 'guestMissing'

const add = (differences: Difference[], difference: Difference | null): void => {
  if (difference) differences.push(difference)
}

/** A few at a time; rejects with the first failure. */
async function inParallel<T>(items: readonly T[], each: (item: T) => Promise<void>): Promise<void> {
  const left = items.values()
  const worker = async (): Promise<void> => {
    for (const item of left) await each(item)
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker))
}
