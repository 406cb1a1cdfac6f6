/**
 * Picks hosts. One scheduler on each conductor, not durable: it works from the newest summary it has of every host, and
 * it may be wrong, because the host actor has the last word. To keep several schedulers and a burst of builds from
 * choosing the same host, it counts what it has just handed out until the host's next summary shows it, and draws among the
 * best few instead of always taking the first.
 */
import type { HostBody } from '../api.ts'
import type { Ratios, Resources } from '../host/host.ts'
import { BatonError } from '../kernel/errors.ts'
import { FILTERS, type PickRequest } from './filters.ts'
import { WEIGHERS, weigh } from './weighers.ts'

/** Hosts handed out per request: the choice and its alternates. */
const ALTERNATES = 3
/** The draw is among this many of the best. */
const SUBSET = 3

export interface Scheduler {
  /** The newest summary of a host. */
  learn(host: HostBody): void
  forget(host: string): void
  /** Best first. Throws `NoValidHost` with the reasons counted. */
  pick(request: PickRequest): { hosts: string[] }
  hosts(): readonly HostBody[]
}

export function createScheduler(options: { random(): number; ratios: Ratios }): Scheduler {
  const { random, ratios } = options
  const known = new Map<string, HostBody>()
  const handedOut = new Map<string, Resources>()

  const withHandedOut = (host: HostBody): HostBody => {
    const extra = handedOut.get(host.id)
    if (!extra) return host
    return { ...host, vcpusUsed: host.vcpusUsed + extra.vcpus, ramMbUsed: host.ramMbUsed + extra.ramMb, diskGbUsed: host.diskGbUsed + extra.diskGb }
  }

  /** Candidates that pass, and why the others do not. What was only handed out may come free again, so it never refuses a host. */
  function sift(request: PickRequest): { passed: HostBody[]; reasons: Map<string, number> } {
    const passed: HostBody[] = []
    const reasons = new Map<string, number>()
    for (const host of known.values()) {
      const filter = FILTERS.find(f => f.refuses(host, request, ratios) !== null)
      if (filter) reasons.set(filter.name, (reasons.get(filter.name) ?? 0) + 1)
      else passed.push(withHandedOut(host))
    }
    return { passed, reasons }
  }

  return {
    learn(host) {
      known.set(host.id, host)
      handedOut.delete(host.id)
    },
    forget(host) {
      known.delete(host)
      handedOut.delete(host)
    },
    hosts: () => [...known.values()],
    pick(request) {
      const { passed, reasons } = sift(request)
      if (passed.length === 0) {
        const counted = [...reasons].map(([name, count]) => `${count} by ${name}`).join(', ')
        const wanted = `${request.vcpus} vcpus, ${request.ramMb} MB ram, ${request.diskGb} GB disk`
        const message = known.size === 0 ? 'no compute host has reported yet' : `no host of ${known.size} fits ${wanted}: refused ${counted}`
        throw new BatonError('NoValidHost', message, { details: Object.fromEntries(reasons) })
      }
      const weights = weigh(passed, WEIGHERS, ratios)
      const ranked = passed.map((host, i) => ({ id: host.id, weight: weights[i] ?? 0 })).sort((a, b) => b.weight - a.weight || (a.id < b.id ? -1 : 1))
      const first = Math.floor(random() * Math.min(SUBSET, ranked.length))
      const [chosen] = ranked.splice(first, 1)
      const hosts = [...(chosen ? [chosen] : []), ...ranked].slice(0, ALTERNATES).map(r => r.id)
      const id = hosts[0]
      if (id !== undefined) {
        const before = handedOut.get(id)
        handedOut.set(id, {
          vcpus: (before?.vcpus ?? 0) + request.vcpus,
          ramMb: (before?.ramMb ?? 0) + request.ramMb,
          diskGb: (before?.diskGb ?? 0) + request.diskGb,
        })
      }
      return { hosts }
    },
  }
}
