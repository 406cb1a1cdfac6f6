/**
 * Operations that move an instance, in Nova's words. There is no other record of a migration than its operation. Nova numbers migrations; ours
 * are named `<instance>.<number>`, so the number Nova's clients see is made of both, and found again among the instance's own.
 */

import type { OperationBody, Progress } from '../../../actors/api.ts'
import { hash32 } from '../../../actors/kernel/address.ts'
import { PROJECT, USER } from '../context.ts'
import { type Shape, shaped } from '../requests/changes.ts'
import { nameUuid } from '../requests/tokens.ts'
import { links } from './links.ts'
import { isoMicros, isoMicrosOrNull } from './time.ts'

/** Operations of an instance that Nova numbers, at most: with the hash it stays a safe integer. */
const NUMBERS = 2 ** 20

/** Nova's types of migrations, by kind of operation. */
export const MIGRATION_TYPES: Readonly<Record<string, string>> = {
  'live-migrate': 'live-migration',
  migrate: 'migration',
  resize: 'resize',
  evacuate: 'evacuation',
}

export const migrationId = ({ id, subject }: Pick<OperationBody, 'id' | 'subject'>): number =>
  hash32(subject) * NUMBERS + Number(id.slice(id.lastIndexOf('.') + 1))

const stepOf = ({ steps }: OperationBody): string => steps.at(-1)?.name ?? ''

/** The status Nova would give it. Only one that is `running` can be aborted or forced. */
export function migrationStatus(operation: OperationBody): string {
  const { kind, status, cancelRequested } = operation
  const live = kind === 'live-migrate'
  switch (status) {
    case 'done':
      return kind === 'migrate' || kind === 'resize' ? 'finished' : kind === 'evacuate' ? 'done' : 'completed'
    case 'failed':
      return 'error'
    case 'undone':
      return cancelRequested ? 'cancelled' : live ? 'failed' : 'error'
    case 'undoing':
      return cancelRequested ? 'cancelled' : 'error'
    case 'running':
      if (!live) return 'migrating'
      if (stepOf(operation) === 'transfer' || stepOf(operation) === 'switch') return 'running'
      return ['finish', 'forget', 'release'].includes(stepOf(operation)) ? 'post-migrating' : 'preparing'
  }
}

const common = (operation: OperationBody) => ({
  id: migrationId(operation),
  status: migrationStatus(operation),
  source_compute: operation.move?.from ?? null,
  source_node: operation.move?.from ?? null,
  dest_compute: operation.move?.to ?? null,
  dest_node: operation.move?.to ?? null,
  dest_host: null,
  created_at: isoMicros(operation.startedAt),
  updated_at: isoMicrosOrNull(operation.endedAt ?? operation.steps.at(-1)?.startedAt ?? null),
})

interface Seen {
  readonly operation: OperationBody
  readonly origin: string
}

/** An operation has no UUID of its own; this one follows from its id. */
export const migrationUuid = ({ id }: OperationBody): string => nameUuid(`migration ${id}`)

const LATER: readonly Shape<OperationBody>[] = [
  { change: 'migrations.paging', add: operation => ({ uuid: migrationUuid(operation) }) },
  { change: 'migrations.user', add: ({ by, project }) => ({ user_id: by?.user ?? USER, project_id: project ?? PROJECT }) },
]

const ROW: readonly Shape<Seen>[] = [
  {
    change: 'migrations.of-server',
    add: ({ operation, origin }) => ({
      migration_type: MIGRATION_TYPES[operation.kind] ?? operation.kind,
      ...(operation.kind === 'live-migrate' && operation.endedAt === null
        ? { links: links(origin, `servers/${operation.subject}/migrations/${migrationId(operation)}`) }
        : {}),
    }),
  },
]

/** Nova shows the number of a flavor's row, which nothing else shows. Ours have ids alone; this tells equal ones from others. */
const numberOf = (flavor: string | null | undefined): number | null => (flavor === undefined || flavor === null ? null : hash32(flavor))

/** A row of os-migrations. */
export function migrationRow(operation: OperationBody, minor: number, origin: string) {
  const fields = {
    ...common(operation),
    instance_uuid: operation.subject,
    old_instance_type_id: numberOf(operation.move?.oldFlavor),
    new_instance_type_id: numberOf(operation.move?.newFlavor),
  }
  return shaped(shaped(fields, { operation, origin }, minor, ROW), operation, minor, LATER)
}

/** A live migration under way, with its bytes; null before they are known. */
export function serverMigration(operation: OperationBody, minor: number) {
  const progress: Progress = operation.steps.findLast(step => step.progress)?.progress ?? {}
  const fields = {
    ...common(operation),
    server_uuid: operation.subject,
    memory_total_bytes: progress.memoryTotalBytes ?? null,
    memory_processed_bytes: progress.memoryProcessedBytes ?? null,
    memory_remaining_bytes: progress.memoryRemainingBytes ?? null,
    disk_total_bytes: progress.diskTotalBytes ?? null,
    disk_processed_bytes: progress.diskProcessedBytes ?? null,
    disk_remaining_bytes: progress.diskRemainingBytes ?? null,
  }
  return shaped(fields, operation, minor, LATER)
}
