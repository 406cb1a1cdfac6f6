/**
 * A cluster in memory behind `ClusterApi`, for tests of the faces (HTTP, CLI). Operations end when the test says so, with `finish`;
 * `fail` and `hang` make the next calls of a method go wrong.
 */

import {
  type ClusterApi,
  type CreateInstances,
  type DiskBody,
  type FlavorBody,
  type HostBody,
  type ImageBody,
  type InstanceBody,
  type NodeBody,
  type OperationBody,
  type TaskState,
  VM_STATES,
  type VmState,
} from '../../actors/api.ts'
import type { DoctorBody, FindingBody } from '../../actors/doctor/report.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { aboutAfter } from '../../actors/instance/about.ts'
import { attachedBy, deviceChange } from '../../actors/instance/devices.ts'
import { isFoundIn } from '../../actors/instance/list.ts'
import { OPERATION_ROWS, rowOf, settle } from '../../actors/instance/states.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { hostFigures } from '../../supervisors/hosts/host-figures.ts'
import { fakeAgents } from './fake-agents.ts'
import { fakeFlavors } from './fake-flavors.ts'
import { type FakeFleet, fakeFleet } from './fake-fleet.ts'
import { fakeGuests } from './fake-guests.ts'
import { type FakeImages, fakeImages } from './fake-images.ts'
import { fakeKeyPairs } from './fake-key-pairs.ts'
import { page, sorted } from './fake-order.ts'
import { fakePlacement } from './fake-placement.ts'
import { fakeQuotas } from './fake-quotas.ts'
import { host as hostOf } from './placement.ts'

type Method = keyof ClusterApi

export interface FakeApi {
  readonly api: ClusterApi
  readonly images: FakeImages
  readonly fleet: FakeFleet
  /** Every call so far, in order. */
  readonly calls: { readonly method: Method; readonly args: unknown }[]
  /** The next calls of `method` reject with `error`, until `heal`. */
  fail(method: Method, error: unknown): void
  /** The next calls of `method` resolve with `value`, until `heal`. */
  pretend(method: Method, value: unknown): void
  /** The next calls of `method` never settle, until `heal`. */
  hang(method: Method): void
  heal(method: Method): void
  /** Ends the operation under way on an instance, well or with a fault. */
  finish(instanceId: string, fault?: OperationBody['fault']): void
  readonly findings: FindingBody[] // until they are repaired
  setInstance(id: string, change: Partial<InstanceBody>): void
  setImage(id: string, change: Partial<ImageBody>): void
  setOperation(id: string, change: Partial<OperationBody>): void
}

/** 2026-01-31T12:00:00.123Z; each event is a second later. */
export const FAKE_START_MS = Date.UTC(2026, 0, 31, 12, 0, 0, 123)

const NOTHING_SEEN = { hosts: 2, guests: 0, claims: 0, instances: 0, operations: 0, actors: 0 }
const NO_INSTANCES = Object.fromEntries(VM_STATES.map(state => [state, 0])) as Record<VmState, number>

function found<T>(rows: ReadonlyMap<string, T>, what: string, id: string): T {
  const row = rows.get(id)
  if (row === undefined) throw new BatonError('NotFound', `${what} ${id} could not be found.`)
  return row
}

export function createFakeApi(): FakeApi {
  let now = FAKE_START_MS
  const findings: FindingBody[] = []
  const tick = () => (now += 1_000)
  const instances = new Map<string, InstanceBody>()
  const operations = new Map<string, OperationBody>()
  const flavors = new Map<string, FlavorBody>([
    ['tiny', { id: 'tiny', name: 'tiny', vcpus: 1, ramMb: 64, diskGb: 1, createdAt: now }],
    ['small', { id: 'small', name: 'small', vcpus: 1, ramMb: 512, diskGb: 5, createdAt: now }],
  ])
  const image: ImageBody = { ...FAKE_IMAGE, id: 'fake', name: 'fake', sizeBytes: 4096, createdAt: now, updatedAt: now }
  const disks = new Map<string, DiskBody>()
  const images = fakeImages({ now: () => tick(), builtIn: [image, { ...image, id: 'other', name: 'other' }] })
  const fleet = fakeFleet(() => tick())
  const room = { vcpus: 8, ramMb: 8192, diskGb: 100, vcpusUsed: 2, ramMbUsed: 128, diskGbUsed: 2 }
  const host = hostOf('c1', { ...room, claims: 2, pid: 41, version: '0.1.0', createdAt: now, stateSince: now, uptimeS: 8_101_530 })
  const hosts = new Map<string, HostBody>([
    ['c1', host],
    ['c2', { ...host, id: 'c2', state: 'down', enabled: false, mode: 'disabled', disabledReason: 'disk' }],
  ])
  const node: NodeBody = {
    id: 'n1',
    role: 'conductor',
    pid: 40,
    state: 'alive',
    endpoint: 'tcp://127.0.0.1:1',
    version: '0.1.0',
    node: 'v24.0.0',
    shards: 128,
    load: { cpu: 0.1 },
  }
  const nodes = new Map<string, NodeBody>([
    ['n1', node],
    ['n2', { ...node, id: 'n2', state: 'draining' }],
    ['g1', { ...node, id: 'g1', role: 'gateway' }],
  ])
  const newest = <T extends { readonly id: string }>(rows: Map<string, T>): T[] => [...rows.values()].reverse()

  function begin(id: string, kind: string, requestId: string, taskState: TaskState, change: Partial<InstanceBody> = {}): { operation: string } {
    const number = [...operations.values()].filter(({ subject }) => subject === id).length + 1
    const operation = `${id}.${number}`
    operations.set(operation, {
      id: operation,
      kind,
      subject: id,
      requestId,
      status: 'running',
      plan: ['do-it'],
      startedAt: tick(),
      endedAt: null,
      deadlineAt: now + 60_000,
      cancelRequested: false,
      fault: null,
      steps: [{ name: 'do-it', direction: 'do', state: 'running', attempt: 1, startedAt: now, endedAt: null, fault: null }],
    })
    instances.set(id, { ...found(instances, 'Instance', id), ...change, taskState, operation, updatedAt: now })
    return { operation }
  }

  function create(args: CreateInstances): InstanceBody[] {
    const flavor = flavors.get(args.flavor)
    if (!flavor) throw new BatonError('NotFound', `Flavor ${args.flavor} could not be found.`)
    const { createdAt: _, ...size } = flavor
    return args.ids.map((id, i) => {
      const existing = instances.get(id)
      if (existing) return existing
      const name = args.ids.length > 1 ? `${args.name}-${i + 1}` : args.name
      instances.set(id, {
        id,
        name,
        project: args.project,
        ...(args.by?.user === undefined ? {} : { user: args.by.user }),
        flavor: size,
        image: args.image,
        metadata: args.metadata,
        reservation: args.reservation,
        ...(args.placement ? { placement: args.placement } : {}),
        ...(args.about ? { about: args.about } : {}),
        vmState: 'building',
        taskState: 'scheduling',
        powerState: null,
        host: null,
        claim: null,
        createdAt: tick(),
        updatedAt: now,
        launchedAt: null,
        deletedAt: null,
        fault: null,
        operation: null,
        locked: null,
        tags: args.tags ?? [],
        devices: { disks: [], interfaces: [] },
        origin: null,
      })
      begin(id, 'build', args.requestId, 'scheduling')
      return found(instances, 'Instance', id)
    })
  }

  function changed(id: string, change: Partial<InstanceBody>): InstanceBody {
    const instance = { ...found(instances, 'Instance', id), ...change }
    instances.set(id, instance)
    return instance
  }

  const healthy: DoctorBody = { at: now, tookMs: 3, findings: [], leftOff: 0, unseen: [], looked: NOTHING_SEEN, repairs: [] }

  const real: ClusterApi = {
    ...fakePlacement({ flavors, hosts, instances, now: () => now }),
    createInstances: async args => {
      await images.api.getImage({ id: args.image }).catch(() => {
        throw new BatonError('NotFound', `Image ${args.image} could not be found.`)
      })
      return create(args)
    },
    getInstance: async ({ id }) => found(instances, 'Instance', id),
    listInstances: async ({ name, find, vmState, host, project, changed, sort, deleted = false, ...rest }) =>
      page(
        sorted(newest(instances), sort).filter(
          row =>
            (deleted === 'any' || (row.vmState === 'deleted') === deleted) &&
            row.updatedAt >= (changed?.from ?? 0) &&
            row.updatedAt <= (changed?.to ?? row.updatedAt) &&
            (name === undefined || row.name === name) &&
            (find === undefined || isFoundIn(find, row)) &&
            (vmState === undefined || row.vmState === vmState) &&
            (host === undefined || row.host === host) &&
            (project === undefined || row.project === project),
        ),
        rest,
      ),
    actOnInstance: async ({ id, action, mode, requestId, ...asked }) => {
      const instance = found(instances, 'Instance', id)
      if (instance.vmState === 'deleted') throw new BatonError('NotFound', `Instance ${id} could not be found.`)
      if (!rowOf(action, mode).from.includes(instance.vmState) || instance.taskState !== null) {
        throw new BatonError(
          'Conflict',
          `Cannot '${action}' instance ${id} while it is ${instance.vmState}; it must be ${rowOf(action, mode).from.join(' or ')}.`,
        )
      }
      const { snapshot, disk } = asked
      const devices = deviceChange(action, instance.devices, asked, id)
      if ('code' in devices) throw new BatonError(devices.code, devices.message)
      if (snapshot) {
        const about = { project: 'default', hosts: ['c1'], instance: id, backupType: snapshot.backupType ?? null, createdAt: now, updatedAt: now }
        images.add({ ...image, id: snapshot.image, name: snapshot.name, properties: snapshot.properties, ...about })
      }
      const change = devices.change?.devices
      if (action === 'attach-disk' && disk) {
        disks.set(disk.id, { id: disk.id, sizeGb: disk.sizeGb ?? 1, host: 'c1', status: 'attached', instance: id, createdAt: now, updatedAt: now })
      }
      if (action === 'detach-disk' && disk) disks.set(disk.id, { ...found(disks, 'Disk', disk.id), status: 'available', instance: null })
      const about = asked.about ? { about: aboutAfter(instance.about ?? {}, asked.about) } : {}
      const begun = begin(id, action, requestId, rowOf(action, mode).task, { ...(change ? { devices: change } : {}), ...about })
      return { ...begun, ...attachedBy(devices.change ?? undefined) }
    },
    deleteInstance: async ({ id, requestId }) => {
      const instance = found(instances, 'Instance', id)
      if (instance.vmState === 'deleted') throw new BatonError('NotFound', `Instance ${id} could not be found.`)
      if (instance.taskState === 'deleting') throw new BatonError('Conflict', `Instance ${id} is being deleted already.`)
      return begin(id, 'delete', requestId, 'deleting')
    },
    updateInstance: async ({ id, about, disk: _disk, addTags = [], removeTags = [], ...parts }) => {
      const before = found(instances, 'Instance', id)
      const tags = [...(parts.tags ?? before.tags), ...addTags].filter(tag => !removeTags.includes(tag))
      return changed(id, { ...parts, tags, ...(about ? { about: aboutAfter(before.about ?? {}, about) } : {}) })
    },
    lockInstance: async ({ id, reason }) => changed(id, { locked: { reason: reason ?? null } }),
    unlockInstance: async ({ id }) => changed(id, { locked: null }),
    setInstanceHa: async ({ id, policy }) => changed(id, { ha: policy }),
    resetInstance: async ({ id, state }) => changed(id, { vmState: state, taskState: null }),
    fenceHost: async ({ id }) => {
      const host = { ...found(hosts, 'Host', id), state: 'fenced' as const }
      hosts.set(id, host)
      return host
    },
    ...fleet.api,
    ...fakeAgents({ images, instances, act: args => real.actOnInstance(args) }),
    ...fakeGuests(id => found(instances, 'Instance', id)),
    ...fakeFlavors(flavors, () => now, page),
    ...images.api,
    listDisks: async ({ instance, ...rest }) =>
      page(
        newest(disks).filter(d => instance === undefined || d.instance === instance),
        rest,
      ),
    getDisk: async ({ id }) => found(disks, 'Disk', id),
    deleteDisk: async ({ id }) => {
      if (found(disks, 'Disk', id).instance !== null) throw new BatonError('Conflict', `Disk ${id} is attached.`)
      disks.delete(id)
      return {}
    },
    ...fakeQuotas(),
    ...fakeKeyPairs(() => now),
    listOperations: async ({ subject, open, requestId, kinds, changed, ...rest }) =>
      page(
        newest(operations).filter(
          row =>
            (subject === undefined || row.subject === subject) &&
            (requestId === undefined || row.requestId === requestId) &&
            (row.endedAt ?? row.startedAt) >= (changed?.from ?? 0) &&
            (row.endedAt ?? row.startedAt) <= (changed?.to ?? Number.MAX_SAFE_INTEGER) &&
            (kinds === undefined || kinds.includes(row.kind)) &&
            (open === undefined || (row.endedAt === null) === open),
        ),
        rest,
      ),
    getOperation: async ({ id }) => found(operations, 'Operation', id),
    cancelOperation: async ({ id }) => {
      const operation = found(operations, 'Operation', id)
      if (operation.endedAt !== null) throw new BatonError('Conflict', `Operation ${id} has ended; only a running one can be cancelled.`)
      operations.set(id, { ...operation, cancelRequested: true })
      return found(operations, 'Operation', id)
    },
    forceOperation: async ({ id }) => {
      const operation = found(operations, 'Operation', id)
      if (operation.endedAt !== null) throw new BatonError('Conflict', `operation ${id} is ${operation.status}; it can be forced at step transfer`)
      return operation
    },
    drainHost: async ({ id }) => ({ operation: `${found(hosts, 'Host', id).id}.1` }),
    evacuateHost: async ({ id }) => ({ operation: `${found(hosts, 'Host', id).id}.1` }),
    undrainHost: async ({ id }) => found(hosts, 'Host', id),
    setHostMaintenance: async ({ id }) => found(hosts, 'Host', id),
    deleteHost: async ({ id }) => {
      if (found(hosts, 'Host', id).state !== 'down') throw new BatonError('Conflict', `host ${id} is up; only a host that is down can be deleted`)
      hosts.delete(id)
      return {}
    },
    listHosts: async args => page([...hosts.values()], args),
    getHost: async ({ id }) => found(hosts, 'Host', id),
    listNodes: async ({ roles }) => [...nodes.values()].filter(({ role }) => roles?.includes(role) ?? true),
    setHostEnabled: async ({ id, enabled, reason }) => {
      const host = { ...found(hosts, 'Host', id), enabled, disabledReason: reason ?? null }
      hosts.set(id, host)
      return host
    },
    drainNode: async ({ id }) => {
      nodes.set(id, { ...found(nodes, 'Node', id), state: 'draining' })
      return { state: 'draining' }
    },
    listQueues: async () => [{ node: 'n1', queue: 'journal', depth: 3, limit: 10_000, oldestMs: 12, busiest: null }],
    clusterHistory: async () => ({ epoch: 'c1/1', isWhole: true, samples: [], more: false }),
    listAlerts: async () => ({ firing: [], ended: [], webhook: { waiting: 0, delivered: 0, givenUp: 0, failure: null } }),
    appendAudit: async () => ({}),
    listAudit: async () => [],
    getTrace: async ({ id }) => {
      if (!/^[0-9a-f]{32}$/.test(id)) throw new BatonError('NotFound', `there is no operation ${id}`)
      return { traceId: id, spans: [], silent: [] }
    },
    listLogs: async () => ({ lines: [], upTo: {}, silent: [] }),
    nodeReport: async ({ id }) => {
      const { role } = found(nodes, 'Node', id)
      return { ...{ node: id, role, version: '0.1.0', engine: 'v24', platform: 'linux' }, uptimeSeconds: 1, config: {}, metrics: '', logs: [] }
    },
    verifyAudit: async () => ({ lines: 0, upTo: { seq: 0, hash: '' }, isEnd: true, broken: null }),
    diagnose: async scope => ({ ...healthy, findings: findings.filter(f => scope.host === undefined || f.host === scope.host) }),
    repair: async () => ({
      ...healthy,
      repairs: findings.splice(0).map(finding => ({ finding, outcome: 'repaired' as const, detail: 'it was done' })),
    }),
    status: async () => ({
      version: '0.1.0',
      nodes: [...nodes.values()],
      hosts: hostFigures([...hosts.values()]),
      instances: { ...NO_INSTANCES, active: instances.size },
      operationsOpen: [...operations.values()].filter(({ endedAt }) => endedAt === null).length,
      mapVersion: 7,
      database: { connected: true, waitingCommits: 0 },
      advice: { addConductor: false, because: 'queues are short' },
      poisoned: [],
      alerts: [],
    }),
  }

  const calls: { method: Method; args: unknown }[] = []
  const broken = new Map<Method, () => Promise<unknown>>()
  /** Every method, remembering its calls and going wrong when told to. */
  const recorded = (api: ClusterApi): ClusterApi =>
    new Proxy(api, {
      get(target, name) {
        const method = name as Method
        const call = target[method] as (args: unknown) => Promise<unknown>
        return (args: unknown) => {
          calls.push({ method, args })
          return broken.get(method)?.() ?? call(args)
        }
      },
    })

  return {
    calls,
    images,
    fleet,
    fail: (method, error) => broken.set(method, () => Promise.reject(error)),
    pretend: (method, value) => broken.set(method, () => Promise.resolve(value)),
    hang: method => broken.set(method, () => new Promise<never>(() => {})),
    heal: method => broken.delete(method),
    finish(instanceId, fault = null) {
      const instance = found(instances, 'Instance', instanceId)
      const operation = found(operations, 'Operation', instance.operation ?? '')
      const state = fault ? ('failed' as const) : ('done' as const)
      const steps = operation.steps.map(step => ({ ...step, state, endedAt: now, fault }))
      operations.set(operation.id, { ...operation, status: state, steps, endedAt: tick(), fault })
      const [, row] = OPERATION_ROWS.find(([name]) => name === operation.kind) ?? []
      const { vmState } = row ? settle(row[fault ? 'failed' : 'done'], { ...instance, kept: null }) : { vmState: 'error' as const }
      instances.set(instanceId, {
        ...instance,
        vmState,
        taskState: null,
        operation: null,
        updatedAt: now,
        host: 'c1',
        powerState: vmState === 'active' ? 'running' : 'shutdown',
        launchedAt: instance.launchedAt ?? now,
        deletedAt: vmState === 'deleted' ? now : null,
        fault: fault ? { ...fault, at: now } : null,
      })
    },
    findings,
    setInstance: (id, change) => instances.set(id, { ...found(instances, 'Instance', id), ...change }),
    setImage: images.change,
    setOperation: (id, change) => operations.set(id, { ...found(operations, 'Operation', id), ...change }),
    api: recorded(real),
  }
}
