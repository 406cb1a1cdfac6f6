/** `--wait`: follows operations to their end, shows them, and fails when one did not do what was asked. */
import type { OperationBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type Progress, progress } from '../output/progress.ts'
import type { Client } from './http.ts'
import { follow } from './operations.ts'

/** Streams open at the same time. */
const AT_ONCE = 16

export interface Awaited {
  readonly label: string
  readonly operation: OperationBody
}

/** Resolves with the ended operations, whatever their outcome. */
export async function watchAll(client: Client, awaited: readonly Awaited[], shown: Progress = progress()): Promise<OperationBody[]> {
  for (const { label, operation } of awaited) shown.update(label, operation)
  const ended = await inParallel(AT_ONCE, awaited, ({ label, operation }) => follow(client, operation.id, now => shown.update(label, now)))
  shown.end()
  return ended
}

/** Throws the fault of the first operation that did not end as `done`. */
export function failUnlessDone(operations: readonly OperationBody[]): void {
  const failed = operations.filter(o => o.status !== 'done')
  const [first] = failed
  if (first === undefined) return
  const others = failed.length > 1 ? ` (and ${failed.length - 1} more)` : ''
  throw new BatonError(
    first.fault?.code ?? 'Internal',
    `${first.kind} of ${first.subject} ended as ${first.status}: ${first.fault?.message ?? 'no reason given'}${others}`,
  )
}

/** Maps with at most `width` calls under way; results in the order of the items. The first rejection rejects all. */
export async function inParallel<T, R>(width: number, items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Map<number, R>()
  const queue = items.entries()
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results.set(index, await work(item))
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
  return [...results].toSorted(([a], [b]) => a - b).map(([, result]) => result)
}
