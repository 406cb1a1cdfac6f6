/** A journal whose commits are spans: of each append, below every traced command that waits for it. From handing it over to knowing its outcome. */
import { addressKey } from '../../actors/kernel/address.ts'
import type { Append, Journal } from '../../actors/kernel/ports.ts'
import type { Tracing } from '../../actors/kernel/tracing.ts'

export function tracedJournal<J extends Pick<Journal, 'append'>>(journal: J, tracing: Tracing | undefined): J {
  if (!tracing) return journal
  return {
    ...journal,
    append: entry => (entry.traces?.length ? traced(journal, tracing, entry, entry.traces) : journal.append(entry)),
  }
}

async function traced(journal: Pick<Journal, 'append'>, tracing: Tracing, entry: Append, traces: readonly string[]): Promise<void> {
  const attributes = { 'baton.actor': addressKey(entry.actor), 'baton.events': entry.events.map(e => e.type).join(' ') }
  const open = [...new Set(traces)].flatMap(trace => tracing.start('journal commit', 'client', attributes, { trace }) ?? [])
  try {
    await journal.append(entry)
    for (const span of open) span.end()
  } catch (error) {
    for (const span of open) span.end(error instanceof Error ? error.message : String(error))
    throw error
  }
}
