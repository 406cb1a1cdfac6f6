/** What a node says of its load, as a person reads it. All of it, under the names it has in metrics and JSON, is for programs. */
import type { NodeBody } from '../../actors/api.ts'
import { type Column, duration } from './table.ts'

type Load = NodeBody['load']

/** Null where the node does not say. */
const shown = (value: number | undefined, text: (value: number) => string): string | null => (value === undefined ? null : text(value))

/** What waits, and for how long the first of it has. A node without inboxes of its own has no queue. */
function queueText({ inbox, commitsWaiting = 0, oldestMs = 0 }: Load): string | null {
  if (inbox === undefined) return null
  const waiting = inbox + commitsWaiting
  return waiting === 0 ? '0' : `${waiting}, oldest ${duration(oldestMs)}`
}

export const LOAD_COLUMNS: readonly Column<{ readonly load: Load }>[] = [
  ['CPU', ({ load }) => shown(load.cpu, cpu => `${Math.round(cpu * 100)} %`)],
  ['MEMORY', ({ load }) => shown(load.rssMb, mb => `${Math.round(mb)} MB`)],
  ['COMMANDS', ({ load }) => shown(load.commandsPerS, rate => `${rate}/s`)],
  ['QUEUE', ({ load }) => queueText(load)],
]

/** What else a node may say, with its words. */
const MORE: readonly (readonly [title: string, name: string, text: (value: number) => string])[] = [
  ['EVENT LOOP BUSY', 'busy', share => `${Math.round(share * 100)} %`],
  ['EVENT LOOP LATE', 'lagMs', duration],
  ['ACTORS', 'actors', String],
  ['CALLS THAT WAIT', 'calls', String],
  ['COMMIT TAKES', 'commitMs', duration],
  ['OPERATIONS DONE', 'operationsDone', String],
  ['OPERATIONS FAILED', 'operationsFailed', String],
  ['ACTORS RESTARTED', 'restarts', String],
  ['DEAD LETTERS', 'deadLetters', String],
  ['DISK FREE', 'diskFree', share => `${Math.round(share * 100)} %`],
  ['CLOCK OFF BY', 'clockOffMs', ms => `${ms < 0 ? '-' : ''}${duration(Math.abs(ms))}`],
]

/** Titles and texts of all that this node says, what is asked for most first. */
export const loadLines = (node: { readonly load: Load }): (readonly [title: string, text: string])[] => [
  ...LOAD_COLUMNS.flatMap(([title, cell]) => {
    const text = cell(node)
    return typeof text === 'string' ? [[title, text] as const] : []
  }),
  ...MORE.flatMap(([title, name, text]) => {
    const value = node.load[name]
    return value === undefined ? [] : [[title, text(value)] as const]
  }),
]
