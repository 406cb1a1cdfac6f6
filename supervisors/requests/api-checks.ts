/** What the cluster's interface takes, method by method: a gateway is a node like any other, and its arguments are looked at. */
import { type ClusterApi, GROUP_POLICIES, HA_POLICIES, INSTANCE_SORT_KEYS, MAX_ROTATION, NODE_ROLES } from '../../actors/api.ts'
import { checkListLogs } from '../../actors/cluster/evidence.ts'
import { checkHistory } from '../../actors/cluster/history.ts'
import { STREAM_KINDS } from '../../actors/hypervisor/driver.ts'
import { checkTicketOwner } from '../../actors/hypervisor/remote-consoles.ts'
import { checkDisk, checkInterface } from '../../actors/instance/devices.ts'
import { ACTIONS } from '../../actors/instance/states.ts'
import { AUDIT_BATCH, checkAuditLine } from '../../actors/kernel/audit.ts'
import { anyOf, type Check, checkObject, flag, integer, listOf, optional, record, text } from '../../actors/kernel/check.ts'
import { isResource, LIMIT_MAX, PROJECT_NAME, RESOURCES, UNLIMITED } from '../../actors/kernel/quota.ts'
import { checkRequester } from '../../actors/kernel/requester.ts'
import { NAME_KINDS } from '../../actors/placement/names.ts'
import { IMAGE_CHECKS } from '../images/checks.ts'
import { AGENT_CHECKS } from './agent-checks.ts'
import { checkGuestRequest, GUEST_CHECKS } from './guest-agent-checks.ts'

const id = text(256)
const requestId = text(128)
const by = optional(checkRequester)
const page = { limit: optional(integer(1, 10_000)), marker: optional(id) }
const byId = checkObject({ id })
const doctorScope = checkObject({ instance: optional(id), host: optional(id) })
const projectName: Check = value =>
  typeof value === 'string' && PROJECT_NAME.test(value) ? null : 'must be a project: 1 to 64 letters, digits, "-" or "_"'
const limits: Check = value => {
  const wrong = record(value)
  if (wrong) return wrong
  for (const [name, limit] of Object.entries(value as object)) {
    if (!isResource(name)) return `has no quota ${JSON.stringify(name)}; there are ${RESOURCES.join(', ')}`
    const fault = integer(UNLIMITED, LIMIT_MAX)(limit)
    if (fault) return `${name} ${fault}; -1 is no limit`
  }
  return null
}
const ofProject = checkObject({ id: projectName })
const size = integer(0, 2 ** 31 - 1)
const ids = optional(listOf(id, 20))
const placement = checkObject({ zone: optional(text(255)), host: optional(id), group: optional(id), sameHost: ids, differentHost: ids })
const checkAbout = checkObject({
  description: optional(text(255)),
  userData: optional(text(65_535)),
  hostname: optional(text(255)),
  accessIPv4: optional(text(15)),
  accessIPv6: optional(text(64)),
  diskConfig: optional(anyOf('AUTO', 'MANUAL')),
  configDrive: optional(flag),
  files: optional(listOf(checkObject({ path: text(255), contents: text(16_384, 0) }), 100)),
  keyPair: optional(checkObject({ name: text(255), type: text(8), publicKey: text(65_535) })),
})
const time = integer(0, Number.MAX_SAFE_INTEGER)
const aggregate = integer(1, Number.MAX_SAFE_INTEGER)
const roles = optional(listOf(anyOf(...NODE_ROLES), NODE_ROLES.length))
const names = optional(listOf(text(255), 256))
const emptied = { id, parallel: optional(integer(1, 100)), requestId, by }

export const API_CHECKS: Readonly<Record<keyof ClusterApi, Check>> = {
  createInstances: checkObject({
    ids: listOf(id, 10_000),
    name: text(255),
    project: projectName,
    flavor: id,
    image: id,
    metadata: record,
    reservation: text(64),
    ha: optional(anyOf(...HA_POLICIES)),
    requestId,
    by,
    placement: optional(placement),
    about: optional(checkAbout),
    tags: optional(listOf(text(60), 50)),
    repeatable: optional(flag),
  }),
  getInstance: byId,
  listInstances: checkObject({
    ...page,
    name: optional(text(255)),
    find: optional(text(255)),
    vmState: optional(text(32)),
    host: optional(id),
    project: optional(text(64)),
    deleted: optional(value => (value === 'any' ? null : flag(value))),
    changed: optional(checkObject({ from: optional(time), to: optional(time) })),
    sort: optional(listOf(checkObject({ column: anyOf(...INSTANCE_SORT_KEYS), direction: anyOf('asc', 'desc') }), 8)),
  }),
  actOnInstance: checkObject({
    id,
    action: anyOf(...ACTIONS),
    mode: optional(anyOf('soft', 'hard')),
    image: optional(id),
    flavor: optional(id),
    about: optional(checkAbout),
    host: optional(id),
    snapshot: optional(
      checkObject({
        image: text(64),
        name: text(255),
        properties: record,
        backupType: optional(text(255)),
        rotation: optional(integer(0, MAX_ROTATION)),
      }),
    ),
    disk: optional(checkDisk),
    interface: optional(checkInterface),
    guest: optional(checkGuestRequest),
    blockMigration: optional(value => (value === 'auto' ? null : flag(value))),
    requestId,
    by,
  }),
  deleteInstance: checkObject({ id, force: optional(flag), requestId, by }),
  updateInstance: checkObject({
    requestId,
    id,
    name: optional(text(255)),
    metadata: optional(record),
    setMetadata: optional(record),
    unsetMetadata: optional(listOf(text(255), 1000)),
    tags: optional(listOf(text(60), 1000)),
    addTags: optional(listOf(text(60), 50)),
    removeTags: optional(listOf(text(60), 50)),
    about: optional(record),
    disk: optional(checkObject({ id: text(64), deleteOnTermination: flag })),
  }),
  lockInstance: checkObject({ id, reason: optional(text(255)) }),
  unlockInstance: byId,
  setInstanceHa: checkObject({ id, policy: anyOf(...HA_POLICIES) }),
  resetInstance: checkObject({ id, state: anyOf('active', 'error') }),
  changePassword: checkObject({ id, password: text(1024) }),
  fenceHost: byId,
  instanceDiagnostics: byId,
  triggerCrashDump: byId,
  consoleTicket: checkObject({ id, kind: anyOf(...STREAM_KINDS), by: checkTicketOwner }),
  consoleLog: checkObject({ id, maxBytes: integer(1, 4 * 1024 * 1024) }),
  listFlavors: checkObject(page),
  getFlavor: byId,
  createFlavor: checkObject({
    id,
    name: text(255),
    vcpus: size,
    ramMb: size,
    diskGb: size,
    ephemeralGb: optional(size),
    swapMb: optional(size),
    description: optional(text(65_535)),
    isPublic: optional(flag),
  }),
  describeFlavor: checkObject({ id }),
  setFlavorAccess: checkObject({ id, project: projectName, granted: flag }),
  deleteFlavor: byId,
  ...IMAGE_CHECKS,
  ...GUEST_CHECKS,
  ...AGENT_CHECKS,
  listDisks: checkObject({ ...page, instance: optional(id) }),
  getDisk: byId,
  deleteDisk: byId,
  listKeyPairs: checkObject({ user: id }),
  getKeyPair: checkObject({ user: id, name: text(255) }),
  createKeyPair: checkObject({
    user: id,
    name: text(255),
    type: anyOf('ssh', 'x509'),
    publicKey: text(65_535),
    fingerprint: text(128),
    project: projectName,
    requestId,
  }),
  deleteKeyPair: checkObject({ user: id, name: text(255) }),
  getQuota: ofProject,
  setQuota: checkObject({ id: projectName, limits, force: optional(flag) }),
  resetQuota: ofProject,
  getDefaultLimits: record,
  setDefaultLimits: checkObject({ limits, unused: record }),
  checkQuota: ofProject,
  listOperations: checkObject({
    ...page,
    subject: optional(id),
    open: optional(flag),
    requestId: optional(requestId),
    kinds: optional(listOf(text(64), 20)),
    changed: optional(checkObject({ from: optional(time), to: optional(time) })),
  }),
  getOperation: byId,
  cancelOperation: byId,
  forceOperation: byId,
  listHosts: checkObject(page),
  getHost: byId,
  setHostEnabled: checkObject({ id, enabled: flag, reason: optional(text(255)) }),
  configureHost: checkObject({ id, generation: optional(time), custom: optional(record), addTraits: names, removeTraits: names }),
  listAggregates: record,
  getAggregate: checkObject({ id: aggregate }),
  createAggregate: checkObject({ uuid: id, name: text(255), zone: optional(text(255)) }),
  updateAggregate: checkObject({ id: aggregate, name: optional(text(255)), zone: optional(text(255)) }),
  setAggregateMetadata: checkObject({ id: aggregate, metadata: record }),
  addAggregateHost: checkObject({ id: aggregate, host: id }),
  removeAggregateHost: checkObject({ id: aggregate, host: id }),
  deleteAggregate: checkObject({ id: aggregate }),
  listGroups: checkObject({ ...page, project: optional(text(64)) }),
  getGroup: byId,
  createGroup: checkObject({
    id,
    name: text(255),
    project: text(64),
    policy: anyOf(...GROUP_POLICIES),
    maxServerPerHost: optional(integer(1, 10_000)),
  }),
  deleteGroup: byId,
  setFlavorSpecs: checkObject({ id, specs: record }),
  listClaims: checkObject({ host: id, instance: optional(id) }),
  projectUsage: checkObject({ project: projectName }),
  placementNames: record,
  setPlacementName: checkObject({ kind: anyOf(...NAME_KINDS), name: text(255), present: flag }),
  explainSchedule: checkObject({ flavor: id, image: optional(id), placement: optional(placement), all: optional(flag) }),
  drainHost: checkObject({ ...emptied, cold: optional(flag) }),
  undrainHost: byId,
  evacuateHost: checkObject(emptied),
  setHostMaintenance: checkObject({ ...emptied, on: flag, cold: optional(flag) }),
  deleteHost: byId,
  listNodes: checkObject({ roles }),
  drainNode: byId,
  listQueues: record,
  status: checkObject({ roles }),
  listAlerts: record,
  clusterHistory: checkHistory,
  appendAudit: checkObject({ lines: listOf(checkAuditLine, AUDIT_BATCH) }),
  listAudit: checkObject({ limit: optional(integer(1, 1000)), before: optional(time) }),
  getTrace: byId,
  listLogs: checkListLogs,
  nodeReport: byId,
  verifyAudit: checkObject({ after: optional(checkObject({ seq: time, hash: text(64, 0) })) }),
  diagnose: doctorScope,
  repair: doctorScope,
}
