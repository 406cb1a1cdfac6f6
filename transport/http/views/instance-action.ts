/** An operation in Nova's words: an instance action, and its steps as events. */
import type { OperationBody, StepRecord } from '../../../actors/api.ts'
import { PROJECT, USER } from '../context.ts'
import { type Shape, shaped } from '../requests/changes.ts'
import { isoMicros, isoMicrosOrNull } from './time.ts'

/** Kinds of operations that Nova calls otherwise. */
const ACTION_NAMES: Readonly<Record<string, string>> = {
  build: 'create',
  'confirm-resize': 'confirmResize',
  'revert-resize': 'revertResize',
  'shelve-offload': 'shelveOffload',
  'soft-delete': 'softDelete',
}

const RESULTS: Readonly<Record<StepRecord['state'], string | null>> = { running: null, done: 'Success', failed: 'Error' }

/** When anything of an operation changed last. */
export const operationUpdatedAt = ({ startedAt, endedAt, steps }: OperationBody): number =>
  Math.max(startedAt, endedAt ?? 0, ...steps.map(step => step.endedAt ?? step.startedAt))

const ACTION: readonly Shape<OperationBody>[] = [
  { change: 'actions.paging', add: operation => ({ updated_at: isoMicros(operationUpdatedAt(operation)) }) },
]

const EVENT: readonly Shape<StepRecord>[] = [
  // A step is of its operation, which may have to do with several hosts.
  { change: 'actions.host', add: () => ({ host: null, hostId: '' }) },
  { change: 'actions.details', add: ({ fault }) => ({ details: fault?.message ?? null }) },
]

const eventOf = (kind: string, step: StepRecord, minor: number) =>
  shaped(
    {
      event: step.direction === 'undo' ? `${kind}_undo_${step.name}` : `${kind}_${step.name}`,
      start_time: isoMicros(step.startedAt),
      finish_time: isoMicrosOrNull(step.endedAt),
      result: RESULTS[step.state],
      traceback: null,
    },
    step,
    minor,
    EVENT,
  )

const nameOf = (kind: string): string => ACTION_NAMES[kind] ?? kind

export const actionSummary = (operation: OperationBody, minor: number) =>
  shaped(
    {
      action: nameOf(operation.kind),
      instance_uuid: operation.subject,
      request_id: operation.requestId,
      user_id: operation.by?.user ?? USER,
      project_id: operation.project ?? PROJECT,
      start_time: isoMicros(operation.startedAt),
      message: operation.fault === null ? null : 'Error',
    },
    operation,
    minor,
    ACTION,
  )

export const actionDetail = (operation: OperationBody, minor: number) => ({
  ...actionSummary(operation, minor),
  events: operation.steps.map(step => eventOf(nameOf(operation.kind), step, minor)),
})
