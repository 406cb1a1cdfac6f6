/** What a conductor's log says of operations. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { OperationBody } from '../../actors/api.ts'
import { silentLogger } from '../../actors/kernel/env.ts'
import { createOperationLog } from '../../supervisors/observe/operation-log.ts'

const row = (more: Partial<OperationBody>) =>
  ({
    id: 'i1.1',
    kind: 'build',
    subject: 'i1',
    startedAt: 2,
    requestId: 'req-1',
    by: { user: 'ann', trace: 't' },
    status: 'running',
    endedAt: null,
    fault: null,
    ...more,
  }) as OperationBody

test('begin and end, each once, with who asked; the end also where the begin was not seen', () => {
  const lines: string[] = []
  const measured: unknown[] = []
  const log = { ...silentLogger, info: (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`) }
  const note = createOperationLog(log, (...what) => measured.push(what))
  const ended = row({ status: 'done', endedAt: 5 })
  for (const body of [row({}), row({}), ended, ended]) note(body)
  note(row({ id: 'i2.1', status: 'failed', endedAt: 5, fault: { code: 'DriverFault', message: 'm' } }))
  assert.equal(measured, [
    ['operation_duration_seconds', 0.003, { kind: 'build', outcome: 'done' }, 't'],
    ['operation_duration_seconds', 0.003, { kind: 'build', outcome: 'failed' }, 't'],
  ])
  assert.equal(lines, [
    'an operation is under way {"operation":"i1.1","kind":"build","instance":"i1","requestId":"req-1","user":"ann","trace":"t"}',
    'an operation has ended {"operation":"i1.1","kind":"build","instance":"i1","requestId":"req-1","user":"ann","trace":"t","status":"done"}',
    'an operation has ended {"operation":"i2.1","kind":"build","instance":"i1","requestId":"req-1","user":"ann","trace":"t",' +
      '"status":"failed","fault":{"code":"DriverFault","message":"m"}}',
  ])
})

test('it remembers a bounded number, and says the next all the same', () => {
  let lines = 0
  const note = createOperationLog({ ...silentLogger, info: () => void lines++ })
  for (let i = 0; i < 10_050; i++) note(row({ id: `i${i}.1` }))
  assert.is(lines, 10_050)
  note(row({ id: 'i10049.1' }))
  assert.is(lines, 10_050, 'the newest are remembered')
  note(row({ id: 'i0.1' }))
  assert.is(lines, 10_051, 'the oldest are not')
})

test.run()
