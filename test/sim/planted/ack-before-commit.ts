import type { Planted } from './planted.ts'

export const ackBeforeCommit: Planted = {
  name: 'ack-before-commit',
  what: 'A command is answered when it is decided, before it is written.',
  file: 'supervisors/hosting/cell.ts',
  find: '      if (batch.writes) await commit(batch)\n',
  replace: [
    '      if (batch.writes) {\n',
    "        for (const o of batch.outcomes) if ('decision' in o && o.decision.ok) o.message.resolve(o.decision.reply?.(o.state) ?? null)\n",
    '        await commit(batch)\n',
    '      }\n',
  ].join(''),
}
