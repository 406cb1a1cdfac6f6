/** docs/states.md: the life of an instance as a table and a diagram, made from the table in the code. */
import { OPERATION_ROWS, type OperationRow, type Settled, settle } from '../actors/instance/states.ts'

/** What a settled state reads like to people. */
const WORDS: Readonly<Partial<Record<Settled['vmState'], string>>> = {
  same: 'as before',
  kept: 'as before the resize',
  back: 'active or stopped, as before',
}
const words = ({ vmState }: Settled): string => WORDS[vmState] ?? vmState

const table = (): string =>
  [
    '| operation | may begin in | task state | done | undone | failed | refused when locked |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...OPERATION_ROWS.map(
      ([name, row]) =>
        `| ${[name, row.from.join(', '), row.task, words(row.done), words(row.undone), words(row.failed), row.locks ? 'yes' : 'no'].join(' | ')} |`,
    ),
  ].join('\n')

const node = (state: string): string => state.replaceAll('-', '_')

/** Where an operation leads from each state; a resize may have begun in two. */
function arrows([name, row]: readonly [string, OperationRow]): string[] {
  return row.from.flatMap(vmState => {
    const befores = row.done.vmState === 'kept' && vmState === 'resized' ? (['active', 'stopped'] as const) : [null]
    return befores.map(before => {
      const kept = before === null ? null : { vmState: before, powerState: null }
      return `  ${node(vmState)} --> ${node(settle(row.done, { vmState, powerState: null, kept }).vmState)}: ${name}`
    })
  })
}

/** Most operations go from everywhere to deleted; one arrow says so. */
const drawn = OPERATION_ROWS.filter(([name]) => name !== 'delete')

const diagram = (): string =>
  ['stateDiagram-v2', '  [*] --> building', ...drawn.flatMap(arrows), '  soft_delete --> deleted: delete', '  deleted --> [*]'].join('\n')

export const stateDocument = (): string => `# States of an instance

Made by \`npm run docs\` from \`actors/instance/states.ts\`; a test compares. Names are Nova's.

An operation begins when its instance is in one of the states named and no other operation is under way; otherwise it is refused
with 409 and the states that would allow it. A delete is always accepted: it waits for the operation under way, which is cancelled
if that can be. The instance changes when the operation has ended: *done* as asked, *undone* as before, *failed* when neither could be
reached by the deadline.

${table()}

## Diagram

What each operation leads to when it is done. From every state but \`deleted\` a delete leads to \`deleted\`; drawn is only the one that a soft
delete comes to by itself. What fails leads to \`error\`.

\`\`\`mermaid
${diagram()}
\`\`\`
`
