/**
 * What a host has against what its instances are believed to have: pure. It decides nothing, it only finds what to ask the
 * owners of the instances about; each instance actor answers for its own. The audit of each host and the doctor both look
 * through this one pair of eyes.
 */
import type { InstanceBody } from '../api.ts'
import type { Difference } from '../doctor/difference.ts'
import type { GuestReport } from '../hypervisor/hypervisor.ts'
import type { HeldClaim } from './host.ts'

/** A row or claim changed more recently than this is left for the next look: the sides may be of different moments. Ms. */
export const SETTLE_MS = 5000

export interface HostFacts {
  readonly host: string
  /** What its agent said last; null when it was not heard lately. */
  readonly guests: readonly GuestReport[] | null
  /** By id; null when its actor did not answer. */
  readonly claims: Readonly<Record<string, HeldClaim>> | null
  /** The instances believed here, and those that its guests and claims name. */
  readonly rows: readonly InstanceBody[]
  /** Instances with an operation that is open, whatever the instance itself says. */
  readonly busy?: ReadonlySet<string>
  /** Cluster time when the first of these was asked for, ms: what changed later may be in one and not in another, however long they took. */
  readonly now: number
  /** Cluster time when the guests were as reported, at the earliest, ms; `now` when left out. */
  readonly seenAt?: number
}

/** Instances in these states need no guest. */
const MAY_MISS: ReadonlySet<InstanceBody['vmState']> = new Set(['deleted', 'error', 'building'])

export function compareHost(facts: HostFacts): Difference[] {
  const { now, seenAt = now, busy } = facts
  const rows = new Map(facts.rows.map(row => [row.id, row]))
  const settledAt =
    (at: number): Settled =>
    row =>
      row.operation === null && at - row.updatedAt >= SETTLE_MS && !busy?.has(row.id)
  return [...guests(facts, rows, settledAt(seenAt)), ...claims(facts, rows, settledAt(now))]
}

type Rows = ReadonlyMap<string, InstanceBody>
type Settled = (row: InstanceBody) => boolean

const about = (instance: string, host: string) => ({ subject: `instance/${instance}`, instance, host })

/** Where and what an instance is believed to be, in words. */
const belief = ({ vmState, host, origin }: InstanceBody): string =>
  `${vmState}${host === null ? ', on no host' : ` on ${host}`}${origin ? `, source on ${origin.host}` : ''}`

function guests({ host, guests: reported, rows: all }: HostFacts, rows: Rows, settled: Settled): Difference[] {
  if (!reported) return []
  const differences: Difference[] = []
  for (const guest of reported) {
    const row = rows.get(guest.instance)
    const common = { ...about(guest.instance, host), guest, seen: `a guest on ${host}, ${guest.power}` }
    if (!row) differences.push({ code: 'UnknownGuest', ...common, believed: 'no such instance' })
    else if (settled(row)) differences.push(...misplaced(row, guest, common))
  }
  const there = new Set(reported.map(g => g.instance))
  for (const row of all) {
    if (there.has(row.id) || !settled(row)) continue
    const common = { ...about(row.id, host), believed: belief(row), seen: `no guest on ${host}` }
    if (row.host === host && !MAY_MISS.has(row.vmState)) differences.push({ code: 'VanishedGuest', ...common, asOf: row.updatedAt })
    if (row.origin?.host === host && row.vmState === 'resized') differences.push({ code: 'VanishedSource', ...common })
  }
  return differences
}

function misplaced(row: InstanceBody, guest: GuestReport, common: Omit<Difference, 'code' | 'believed'> & { readonly host: string }): Difference[] {
  const { host } = common
  if (row.vmState === 'deleted')
    return [{ code: 'DeletedGuest', ...common, believed: belief(row), ...(row.deletedAt ? { since: row.deletedAt } : {}) }]
  if (row.host === host) {
    // An instance in error is what somebody has to look at, whatever its guest does.
    const asBelieved = (row.powerState === guest.power && !fell(row)) || row.vmState === 'error'
    return asBelieved ? [] : [{ code: 'PowerState', ...common, believed: `${belief(row)}, ${row.powerState ?? 'no power state'}` }]
  }
  if (row.origin?.host !== host) return [{ code: 'GuestElsewhere', ...common, believed: belief(row) }]
  return guest.power === 'running' || guest.power === 'paused' ? [{ code: 'GuestRunsTwice', ...common, believed: belief(row) }] : []
}

interface Expected {
  /** Null when the row was written before rows named their claim. */
  readonly claim: string | null
  readonly vcpus: number
  readonly ramMb: number
  readonly diskGb: number
}

/** The room an instance is believed to hold on a host. */
function expectedOn(host: string, { host: here, claim, flavor, origin, vmState }: InstanceBody): Expected | null {
  if (vmState === 'deleted') return null
  if (here === host) return { claim: claim ?? null, vcpus: flavor.vcpus, ramMb: flavor.ramMb, diskGb: flavor.diskGb }
  return origin?.host === host ? origin : null
}

const sizeText = ({ vcpus, ramMb, diskGb }: { vcpus: number; ramMb: number; diskGb: number }): string => `${vcpus} vcpus, ${ramMb} MB, ${diskGb} GB`

function claims({ host, claims: held, rows: all, now }: HostFacts, rows: Rows, settled: Settled): Difference[] {
  if (!held) return []
  const differences: Difference[] = []
  const holders = new Set<string>()
  for (const [id, claim] of Object.entries(held)) {
    holders.add(claim.instance)
    if (now - claim.since < SETTLE_MS) continue
    const row = rows.get(claim.instance)
    if (row && !settled(row)) continue
    const common = { ...about(claim.instance, host), claim: id, since: claim.since, seen: `claim ${id} on ${host}, ${sizeText(claim)}` }
    const expected = row && expectedOn(host, row)
    const own = expected && (expected.claim === null || expected.claim === id)
    if (!row) differences.push({ code: 'ClaimOfNobody', ...common, believed: 'no such instance' })
    else if (row.vmState === 'deleted') differences.push({ code: 'ClaimOfNobody', ...common, believed: belief(row) })
    else if (!own) differences.push({ code: 'SecondClaim', ...common, believed: belief(row) })
    else if (sizeText(expected) !== sizeText(claim))
      differences.push({ code: 'ClaimSize', ...common, believed: `${belief(row)}, ${sizeText(expected)}` })
  }
  for (const row of all) {
    const expected = expectedOn(host, row)
    if (!expected || !settled(row)) continue
    const there = expected.claim === null ? holders.has(row.id) : held[expected.claim]?.instance === row.id
    const claim = expected.claim === null ? {} : { claim: expected.claim }
    if (!there)
      differences.push({
        code: 'NoClaim',
        ...about(row.id, host),
        ...claim,
        believed: `${belief(row)}, ${sizeText(expected)}`,
        seen: `no room held on ${host}`,
      })
  }
  return differences
}

/** Called active and known to be off: its owner has still to make something of that. */
const fell = ({ vmState, powerState }: InstanceBody): boolean => vmState === 'active' && (powerState === 'shutdown' || powerState === 'crashed')
