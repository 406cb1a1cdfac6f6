/** What the cluster's interface takes, method by method: a gateway is a node like any other, and its arguments are looked at. */
import type { ClusterApi } from '../actors/api.ts'
import { ACTIONS } from '../actors/instance/states.ts'
import { anyOf, type Check, checkObject, flag, integer, listOf, optional, record, text } from '../actors/kernel/check.ts'

const id = text(256)
const requestId = text(128)
const page = { limit: optional(integer(1, 10_000)), marker: optional(id) }
const byId = checkObject({ id })
const size = integer(0, 2 ** 31 - 1)
const emptied = { id, parallel: optional(integer(1, 100)), requestId }

export const API_CHECKS: Readonly<Record<keyof ClusterApi, Check>> = {
  createInstances: checkObject({
    ids: listOf(id, 10_000),
    name: text(255),
    project: text(64),
    flavor: id,
    image: id,
    metadata: record,
    reservation: text(64),
    requestId,
  }),
  getInstance: byId,
  listInstances: checkObject({
    ...page,
    name: optional(text(255)),
    vmState: optional(text(32)),
    host: optional(id),
    project: optional(text(64)),
    deleted: optional(flag),
  }),
  actOnInstance: checkObject({
    id,
    action: anyOf(...ACTIONS),
    mode: optional(anyOf('soft', 'hard')),
    image: optional(id),
    flavor: optional(id),
    host: optional(id),
    blockMigration: optional(value => (value === 'auto' ? null : flag(value))),
    requestId,
  }),
  deleteInstance: checkObject({ id, force: optional(flag), requestId }),
  updateInstance: checkObject({
    id,
    name: optional(text(255)),
    metadata: optional(record),
    setMetadata: optional(record),
    unsetMetadata: optional(listOf(text(255), 1000)),
    tags: optional(listOf(text(60), 1000)),
  }),
  lockInstance: checkObject({ id, reason: optional(text(255)) }),
  unlockInstance: byId,
  resetInstance: checkObject({ id, state: anyOf('active', 'error') }),
  changePassword: checkObject({ id, password: text(1024) }),
  fenceHost: byId,
  consoleLog: checkObject({ id, maxBytes: integer(1, 4 * 1024 * 1024) }),
  listFlavors: checkObject(page),
  getFlavor: byId,
  createFlavor: checkObject({ id, name: text(255), vcpus: size, ramMb: size, diskGb: size }),
  deleteFlavor: byId,
  listImages: checkObject(page),
  getImage: byId,
  listOperations: checkObject({
    ...page,
    subject: optional(id),
    open: optional(flag),
    requestId: optional(requestId),
    kinds: optional(listOf(text(64), 20)),
  }),
  getOperation: byId,
  cancelOperation: byId,
  forceOperation: byId,
  listHosts: checkObject(page),
  getHost: byId,
  setHostEnabled: checkObject({ id, enabled: flag, reason: optional(text(255)) }),
  drainHost: checkObject({ ...emptied, cold: optional(flag) }),
  undrainHost: byId,
  evacuateHost: checkObject(emptied),
  setHostMaintenance: checkObject({ ...emptied, on: flag, cold: optional(flag) }),
  deleteHost: byId,
  listNodes: record,
  drainNode: byId,
  listQueues: record,
  status: record,
}
