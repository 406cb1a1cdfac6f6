/** The pure parts of the drivers: rules, queues, the history, and what is read from the kernel. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limitFiles, parseMounts } from '../../actors/hypervisor/drivers/cgroup.ts'
import { tailOf } from '../../actors/hypervisor/drivers/folder-store.ts'
import { unshareArguments } from '../../actors/hypervisor/drivers/process/capabilities.ts'
import { parseStat } from '../../actors/hypervisor/drivers/process/proc.ts'
import { keyedQueue, limiter } from '../../actors/hypervisor/drivers/queue.ts'
import { admit, checkInstanceId, type Standing } from '../../actors/hypervisor/drivers/rules.ts'
import { BatonError } from '../../actors/kernel/errors.ts'

const codeOf = (run: () => unknown): string => {
  try {
    return String(run())
  } catch (error) {
    return error instanceof BatonError ? error.code : String(error)
  }
}

test('which command is obeyed, answered without being done, or refused', () => {
  const at = (order: number, begun = order): Standing => ({ order, begun, method: 'stop' })
  const table: readonly (readonly [string, Parameters<typeof admit>])[] = [
    ['obey', ['spawn', 0, undefined, undefined]],
    ['obey', ['stop', 6, at(5), undefined]],
    ['done', ['stop', 5, at(5), undefined]],
    ['obey', ['start', 5, at(5), undefined]],
    ['StaleCommand', ['stop', 4, at(5), undefined]],
    // Begun but not brought to its end: it may be tried again, and nothing older may.
    ['obey', ['stop', 7, at(5, 7), undefined]],
    ['StaleCommand', ['stop', 6, at(5, 7), undefined]],
    ['StaleCommand', ['spawn', 4, undefined, 5]],
    ['obey', ['spawn', 6, undefined, 5]],
    ['DriverFault', ['stop', Number.NaN, at(5), undefined]],
    ['DriverFault', ['stop', -1, undefined, undefined]],
  ]
  for (const [verdict, args] of table)
    assert.is(
      codeOf(() => admit(...args)),
      verdict,
      JSON.stringify(args),
    )
})

test('instance ids are hex digits and dashes', () => {
  for (const id of ['a', '0', 'b19c6f4e-0000-4000-8000-000000000001', 'a'.repeat(64)])
    assert.is(
      codeOf(() => checkInstanceId(id)),
      'undefined',
    )
  for (const id of ['', '-', '--help', '..', 'a/b', 'A', 'g', 'a'.repeat(65), 'a\n'])
    assert.is(
      codeOf(() => checkInstanceId(id)),
      'DriverFault',
      id,
    )
})

test('a keyed queue keeps the order of each key, goes on after a failure, and holds up no other key', async () => {
  const inTurn = keyedQueue()
  const seen: string[] = []
  let open = () => {}
  const gate = new Promise<void>(resolve => {
    open = resolve
  })
  const first = inTurn('a', async () => {
    await gate
    throw new Error('no')
  })
  const second = inTurn('a', async () => seen.push('a2'))
  await inTurn('b', async () => seen.push('b1'))
  assert.equal(seen, ['b1'])
  open()
  await first.then(assert.unreachable, error => assert.is(error.message, 'no'))
  await second
  assert.equal(seen, ['b1', 'a2'])
})

test('a limiter runs so many at once, first come first served, also after failures', async () => {
  const slots = limiter(2)
  let running = 0
  let most = 0
  const started: number[] = []
  const job = (i: number) => async () => {
    started.push(i)
    most = Math.max(most, ++running)
    await new Promise(resolve => setImmediate(resolve))
    running--
    if (i % 3 === 0) throw new Error('no')
  }
  const outcomes = await Promise.allSettled(Array.from({ length: 9 }, (_, i) => slots(job(i))))
  assert.is(most, 2)
  assert.equal(started, [0, 1, 2, 3, 4, 5, 6, 7, 8])
  assert.is(outcomes.filter(outcome => outcome.status === 'rejected').length, 3)
})

test('the start time of a process is found behind any name', () => {
  const fields = Array.from({ length: 49 }, (_, i) => `${i + 4}`).join(' ')
  assert.equal(parseStat(`4692 (cat) R ${fields}`), { pid: 4692, startTicks: 22, state: 'R' })
  assert.equal(parseStat(`7 (a) Z 1 (b) S ${fields}\n`), { pid: 7, startTicks: 22, state: 'S' })
  assert.is(parseStat(''), null)
  assert.is(parseStat('7 (cut'), null)
})

const MOUNTS = `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`

test('control groups are looked for where they are mounted', () => {
  const { v1, v2 } = parseMounts(MOUNTS)
  assert.equal(
    [...v1],
    [
      ['cpu', '/sys/fs/cgroup/cpu,cpuacct'],
      ['memory', '/sys/fs/cgroup/memory'],
    ],
  )
  assert.is(v2, '/sys/fs/cgroup/unified')
  assert.equal(parseMounts(''), { v1: new Map(), v2: null })
})

test('limits are written in the words of each version', () => {
  const limits = { vcpus: 1.5, ramMb: 64, processes: 512 }
  const controllers = ['cpu', 'memory', 'pids', 'freezer'] as const
  assert.equal(limitFiles({ version: 1, controllers }, limits), [
    ['cpu.cfs_period_us', '100000'],
    ['cpu.cfs_quota_us', '150000'],
    ['memory.limit_in_bytes', '67108864'],
    ['pids.max', '512'],
  ])
  assert.equal(limitFiles({ version: 2, controllers }, limits), [
    ['cpu.max', '150000 100000'],
    ['memory.max', '67108864'],
    ['pids.max', '512'],
  ])
  assert.equal(limitFiles({ version: 2, controllers: ['pids'] }, limits), [['pids.max', '512']])
})

test('the command that makes namespaces kills all in them when it is killed', () => {
  assert.equal(unshareArguments([]), [])
  assert.equal(unshareArguments(['user', 'pid']), ['unshare', '--map-root-user', '--pid', '--fork', '--kill-child', '--'])
})

test('the tail of a file is cut between characters', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'baton-tail-'))
  try {
    const file = join(folder, 'text')
    await writeFile(file, 'ab€d')
    const tails = await Promise.all([0, 1, 2, 3, 4, 5, 99, -1].map(bytes => tailOf(file, bytes)))
    assert.equal(tails, ['', 'd', 'd', 'd', '€d', 'b€d', 'ab€d', ''])
    assert.is(await tailOf(join(folder, 'none'), 10), '')
  } finally {
    await rm(folder, { recursive: true })
  }
})

test.run()
