/** Guards for Baton's own bodies, `/baton/v1`. The annotations keep them in step with `actors/api.ts`. */
import type { HostBody, HostHa, HostLease, HostPlacement, Move, NodeBody, OperationBody, QueueBody, StatusBody } from '../../actors/api.ts'
import { ERRORS, type ErrorCode, type Fault } from '../../actors/kernel/errors.ts'
import { type Guard, isFlag, isNumber, isRecord, isText, listOf, nullable, oneOf, optional, recordOf, shape } from './guards.ts'

const isCode: Guard<ErrorCode> = (value): value is ErrorCode => isText(value) && Object.hasOwn(ERRORS, value)

export const isFault: Guard<Fault> = shape({
  code: isCode,
  message: isText,
  retryAfterMs: optional(isNumber),
  details: optional(isRecord),
})

export const isNode: Guard<NodeBody> = shape({
  id: isText,
  role: oneOf('conductor', 'compute', 'gateway'),
  pid: isNumber,
  state: isText,
  endpoint: isText,
  version: isText,
  node: isText,
  shards: isNumber,
  load: recordOf(isNumber),
})

const isStep: Guard<OperationBody['steps'][number]> = shape({
  name: isText,
  direction: oneOf('do', 'undo'),
  state: oneOf('running', 'done', 'failed'),
  attempt: isNumber,
  startedAt: isNumber,
  endedAt: nullable(isNumber),
  fault: nullable(isFault),
  progress: optional(recordOf(isNumber)),
})

const isMove: Guard<Move> = shape({ from: nullable(isText), to: nullable(isText), oldFlavor: isText, newFlavor: isText })

export const isOperation: Guard<OperationBody> = shape({
  id: isText,
  kind: isText,
  subject: isText,
  requestId: isText,
  status: oneOf('running', 'undoing', 'done', 'undone', 'failed'),
  steps: listOf(isStep),
  plan: listOf(isText),
  startedAt: isNumber,
  endedAt: nullable(isNumber),
  deadlineAt: isNumber,
  cancelRequested: isFlag,
  fault: nullable(isFault),
  move: optional(isMove),
})

export const isQueue: Guard<QueueBody> = shape({
  node: isText,
  queue: isText,
  depth: isNumber,
  limit: isNumber,
  oldestMs: isNumber,
  busiest: nullable(isText),
})

const isSize = shape({ vcpus: isNumber, ramMb: isNumber, diskGb: isNumber })

const isPlacement: Guard<HostPlacement> = shape({
  reserved: isSize,
  ratios: shape({ vcpu: isNumber, ram: isNumber, disk: isNumber }),
  custom: recordOf(isNumber),
  customUsed: recordOf(isNumber),
  traits: listOf(isText),
})

const isHa: Guard<HostHa> = shape({
  instances: isNumber,
  learned: isNumber,
  lostAt: nullable(isNumber),
  evacuating: isNumber,
  fenceTries: isNumber,
})

const isLease: Guard<HostLease> = shape({ heardAgoMs: isNumber, leftMs: isNumber, armed: isFlag })

export const isHost: Guard<HostBody> = shape({
  id: isText,
  state: oneOf('up', 'suspect', 'down', 'fenced', 'gone'),
  enabled: isFlag,
  mode: oneOf('enabled', 'disabled', 'draining', 'maintenance'),
  operation: nullable(isText),
  disabledReason: nullable(isText),
  driver: isText,
  vcpus: isNumber,
  ramMb: isNumber,
  diskGb: isNumber,
  vcpusUsed: isNumber,
  ramMbUsed: isNumber,
  diskGbUsed: isNumber,
  claims: isNumber,
  pid: isNumber,
  version: isText,
  createdAt: isNumber,
  stateSince: isNumber,
  placement: optional(isPlacement),
  ha: optional(isHa),
  lease: optional(nullable(isLease)),
})

export const isStatus: Guard<StatusBody> = shape({
  version: isText,
  nodes: listOf(isNode),
  hosts: shape({
    ...{ count: isNumber, states: recordOf(isNumber), fill: listOf(isNumber) },
    ...{ vcpus: isNumber, vcpusUsed: isNumber, ramMb: isNumber, ramMbUsed: isNumber, diskGb: isNumber, diskGbUsed: isNumber, claims: isNumber },
  }),
  instances: shape({
    building: isNumber,
    active: isNumber,
    stopped: isNumber,
    paused: isNumber,
    suspended: isNumber,
    rescued: isNumber,
    resized: isNumber,
    shelved: isNumber,
    shelved_offloaded: isNumber,
    'soft-delete': isNumber,
    error: isNumber,
    deleted: isNumber,
  }),
  operationsOpen: isNumber,
  mapVersion: isNumber,
  database: shape({ connected: isFlag, waitingCommits: isNumber }),
  advice: shape({
    ...{ addConductor: isFlag, because: isText },
    spread: optional(shape({ conductors: isNumber, shardsBefore: isNumber, shardsAfter: isNumber, busyBefore: isNumber, busyAfter: isNumber })),
  }),
  poisoned: listOf(isText),
  alerts: listOf(isText),
})
