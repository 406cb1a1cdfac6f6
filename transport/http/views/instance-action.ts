/** An operation in Nova's words: an instance action, and its steps as events. */
import type { OperationBody, StepRecord } from '../../../actors/api.ts'
import { PROJECT, USER } from '../context.ts'
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

const eventOf = (kind: string, step: StepRecord) => ({
  event: step.direction === 'undo' ? `${kind}_undo_${step.name}` : `${kind}_${step.name}`,
  start_time: isoMicros(step.startedAt),
  finish_time: isoMicrosOrNull(step.endedAt),
  result: RESULTS[step.state],
  traceback: null,
})

export const actionSummary = (operation: OperationBody) => ({
  action: ACTION_NAMES[operation.kind] ?? operation.kind,
  instance_uuid: operation.subject,
  request_id: operation.requestId,
  user_id: USER,
  project_id: PROJECT,
  start_time: isoMicros(operation.startedAt),
  message: operation.fault === null ? null : 'Error',
})

export const actionDetail = (operation: OperationBody) => {
  const summary = actionSummary(operation)
  return { ...summary, events: operation.steps.map(step => eventOf(summary.action, step)) }
}
