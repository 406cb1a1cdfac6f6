/** Every cell of the state table: what is allowed begins, what is refused says which states would allow it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { VM_STATES, type VmState } from '../../actors/api.ts'
import { OPERATION_ROWS, type OperationRow } from '../../actors/instance/states.ts'
import { type Answer, type Fixture, instanceIn } from '../support/instance.ts'

/** Asks as people would. A build is not asked for; it begins with its instance. */
function ask(instance: Fixture, name: string): Answer {
  const requestId = 'req-cell'
  if (name === 'delete') return instance.send('delete', { requestId })
  if (name === 'soft-delete') return instance.send('delete', { requestId, reclaimMs: 60_000 })
  const [action = '', mode] = name === 'reboot (hard)' ? ['reboot', 'hard'] : [name]
  return instance.send('act', { action, requestId, ...(mode ? { mode } : {}), ...DEVICES[action] })
}

/** What an attach or detach is about. */
const DEVICES: Readonly<Record<string, object>> = {
  'attach-disk': { disk: { id: 'd1' } },
  'detach-disk': { disk: { id: 'd1' } },
  'attach-interface': { interface: { id: 'p1' } },
  'detach-interface': { interface: { id: 'p1' } },
}

/** What is detached was attached before; in the states that would not allow that, there is nothing to detach either. */
function prepare(instance: Fixture, name: string, row: OperationRow, state: VmState): void {
  if (!name.startsWith('detach-') || !row.from.includes(state)) return
  const action = name.replace('detach', 'attach')
  instance.send('act', { action, requestId: 'req-attach', ...DEVICES[action] })
  instance.end('done')
}

/** The table says when an operation may begin; an instance in error holds no second host here, so nothing is to be confirmed. */
const allows = (name: string, row: OperationRow, state: VmState): boolean =>
  row.from.includes(state) && !(name === 'confirm-resize' && state === 'error')

for (const [name, row] of OPERATION_ROWS) {
  if (name === 'build' || name === 'soft-delete') continue
  for (const state of VM_STATES) {
    test(`${state} x ${name}: ${allows(name, row, state) ? 'allowed' : 'refused'}`, () => {
      const instance = instanceIn(state)
      prepare(instance, name, row, state)
      const before = instance.state()
      const answer = ask(instance, name)
      if (state === 'deleted') {
        assert.is(answer.fault?.code, 'NotFound')
      } else if (allows(name, row, state)) {
        assert.is((answer.ok as { operation: string }).operation, `i1.${before.operations + 1}`)
        assert.is(instance.body()?.taskState, row.task)
        assert.is(instance.state().vmState, state, 'it changes when the operation has ended, not before')
        return
      } else {
        assert.is(answer.fault?.code, 'Conflict')
        const must = name === 'confirm-resize' ? ['resized'] : row.from
        for (const allowed of must) assert.match(answer.fault?.message ?? '', allowed)
        assert.is(answer.fault?.details?.vmState, state)
      }
      assert.is(instance.state(), before)
    })
  }
}

test('a delete with a time to reclaim is soft where the table allows it, and for good elsewhere', () => {
  const soft = OPERATION_ROWS.find(([name]) => name === 'soft-delete')?.[1].from ?? []
  for (const state of VM_STATES) {
    if (state === 'deleted') continue
    const instance = instanceIn(state)
    const answer = ask(instance, 'soft-delete')
    if (state === 'soft-delete') assert.is(answer.fault?.code, 'Conflict', 'it has not asked for less time')
    else assert.is((instance.state().next ?? instance.state().task)?.kind, soft.includes(state) ? 'soft-delete' : 'delete', state)
  }
})

/** What an instance is after each operation has ended, by where it began. Moves report where they have put it. */
const ENDS: readonly (readonly [from: VmState, name: string, done: string, undone: VmState])[] = [
  ['stopped', 'start', 'active/running', 'stopped'],
  ['active', 'suspend', 'suspended/suspended', 'active'],
  ['suspended', 'resume', 'active/running', 'suspended'],
  ['active', 'rescue', 'rescued/running', 'active'],
  ['stopped', 'rescue', 'rescued/running', 'stopped'],
  ['rescued', 'unrescue', 'active/running', 'rescued'],
  ['active', 'rebuild', 'active/running', 'error'],
  ['stopped', 'rebuild', 'stopped/shutdown', 'error'],
  ['error', 'rebuild', 'active/running', 'error'],
  ['active', 'resize', 'resized/running', 'active'],
  ['stopped', 'migrate', 'resized/shutdown', 'stopped'],
  ['resized', 'confirm-resize', 'active/running', 'resized'],
  ['resized', 'revert-resize', 'active/running', 'resized'],
  ['stopped', 'evacuate', 'stopped/shutdown', 'stopped'],
  ['error', 'evacuate', 'active/running', 'error'],
  ['paused', 'shelve', 'shelved/shutdown', 'paused'],
  ['shelved', 'shelve-offload', 'shelved_offloaded/shutdown', 'shelved'],
  ['shelved_offloaded', 'unshelve', 'active/running', 'shelved_offloaded'],
  ['soft-delete', 'restore', 'active/running', 'soft-delete'],
]

/** What is made beside the guest leaves it as it is, also when neither done nor undone; but then nobody knows its devices. */
for (const name of ['snapshot', 'backup', 'attach-disk', 'detach-disk', 'attach-interface', 'detach-interface']) {
  for (const from of ['active', 'stopped', 'paused'] as const) {
    test(`${name} from ${from}: it is ${from} afterwards, or in error when its devices are not known`, () => {
      for (const outcome of ['done', 'undone', 'failed'] as const) {
        const row = OPERATION_ROWS.find(([known]) => known === name)?.[1]
        const instance = instanceIn(from)
        if (row) prepare(instance, name, row, from)
        const before = instance.body()
        ask(instance, name)
        instance.end(outcome)
        const after = instance.body()
        const unknown = outcome === 'failed' && !['snapshot', 'backup'].includes(name)
        assert.equal([after?.vmState, after?.powerState, after?.taskState], [unknown ? 'error' : from, before?.powerState, null])
        const devices = after?.devices.disks.length ?? 0
        if (outcome !== 'done') assert.equal(after?.devices, before?.devices)
        else if (name === 'attach-disk') assert.is(devices, 1)
        else assert.is(devices, 0)
      }
    })
  }
}

for (const [from, name, done, undone] of ENDS) {
  test(`${name} from ${from}: done is ${done}, undone is ${undone}, failed is error`, () => {
    for (const [outcome, expected] of [
      ['done', done.split('/')[0]],
      ['undone', undone],
      ['failed', 'error'],
    ] as const) {
      const instance = instanceIn(from)
      ask(instance, name)
      instance.end(outcome)
      const body = instance.body()
      assert.is(body?.vmState, expected, outcome)
      assert.is(body?.taskState, null)
      if (outcome === 'done') assert.is(`${body?.vmState}/${body?.powerState}`, done)
      assert.is(body?.fault === null, outcome === 'done')
    }
  })
}

test('a locked instance refuses what the table says, with the reason, and lets the rest begin', () => {
  for (const [name, row] of OPERATION_ROWS) {
    const [from] = row.from
    if (!from || name === 'build' || name === 'soft-delete') continue
    const instance = instanceIn(name === 'delete' ? 'active' : from)
    prepare(instance, name, row, from)
    instance.send('lock', { reason: 'audit' })
    const answer = ask(instance, name)
    if (row.locks) assert.match(answer.fault?.message ?? '', /locked \(audit\); unlock it first/, name)
    else assert.ok(answer.ok, name)
    instance.send('unlock', {})
    if (row.locks) assert.ok(ask(instance, name).ok, name)
  }
})

test.run()
