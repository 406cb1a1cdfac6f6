/** As many instances as wanted, each different from the others, as rows of the view. */
import { type InstanceBody, VM_STATES } from '../../actors/api.ts'

const NAMES = ['web', 'db', 'cache', 'worker', 'build', 'mail']

export interface ManyInstances {
  /** The newest first. */
  readonly rows: readonly InstanceBody[]
  readonly byId: ReadonlyMap<string, InstanceBody>
  /** Puts one in place of the one with its id. */
  set(row: InstanceBody): void
  /** By state; empty when there are none. */
  readonly counts: Readonly<Record<string, number>>
}

/** Spread over the hosts in turn; each is a second older than the one before, the first was made at `newestMs`. */
export function manyInstances(n: number, hosts: readonly string[], newestMs: number): ManyInstances {
  const rows = Array.from({ length: n }, (_, i): InstanceBody => {
    const vmState = i % 41 === 0 ? 'error' : i % 7 === 0 ? 'stopped' : 'active'
    return {
      id: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
      name: `${NAMES[i % NAMES.length]}-${i}`,
      ...{ project: 'default', image: 'fake', metadata: {}, reservation: 'r', vmState, taskState: null, powerState: 'running' },
      flavor: { id: 'small', name: 'small', vcpus: 1, ramMb: 512, diskGb: 5 },
      host: hosts[i % hosts.length] ?? null,
      ...{ claim: null, createdAt: newestMs - i * 1000, updatedAt: newestMs, launchedAt: newestMs, deletedAt: null, operation: null, locked: null },
      fault: vmState === 'error' ? { code: 'DriverFault', message: 'the guest did not start: out of memory', at: newestMs } : null,
      ...{ tags: [], devices: { disks: [], interfaces: [] }, origin: null },
    }
  })
  const counts = Object.fromEntries(VM_STATES.map(state => [state, rows.filter(row => row.vmState === state).length]))
  const byId = new Map(rows.map(row => [row.id, row]))
  const placeOf = new Map(rows.map(({ id }, i) => [id, i]))
  return {
    ...{ rows, byId, counts: n === 0 ? {} : counts },
    set(row) {
      const at = placeOf.get(row.id)
      if (at === undefined) throw new Error(`no instance ${row.id}`)
      rows[at] = row
      byId.set(row.id, row)
    },
  }
}
