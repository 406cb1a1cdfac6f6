/** Each kind of difference, planted in a whole cluster on simulated time: found, explained, repaired, and then gone. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ClusterApi, InstanceBody } from '../../actors/api.ts'
import type { DoctorBody } from '../../actors/doctor/report.ts'
import type { ReconcilePolicy } from '../../actors/host/policies.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { commandOrder } from '../../actors/instance/instance.ts'
import { address } from '../../actors/kernel/address.ts'
import { createLoop, type Loop } from '../sim/loop.ts'
import { createRandom } from '../sim/random.ts'
import { SIM_SETTINGS } from '../sim/settings.ts'
import { createWorld, type World } from '../sim/world.ts'

const DAY_MS = 86_400_000
const SIZE = { vcpus: 1, ramMb: 64, diskGb: 1 }
const STRANGER = { name: 'x', image: FAKE_IMAGE.id, metadata: {}, ...SIZE }
/** Until rows have settled. */
const SETTLED_MS = 6000

interface Bench {
  readonly world: World
  readonly loop: Loop
  /** Runs until it is answered. */
  done<T>(answer: Promise<T>): Promise<T>
  run(ms: number): Promise<void>
  tell(kind: string, id: string, method: string, args: object): Promise<unknown>
  create(): Promise<InstanceBody>
  get(id: string): Promise<InstanceBody>
  act(args: Omit<Parameters<ClusterApi['actOnInstance']>[0], 'requestId'>): Promise<InstanceBody>
  diagnose(): Promise<DoctorBody>
}

async function inWorld(policy: Partial<ReconcilePolicy>, auditMs: number, body: (bench: Bench) => Promise<void>): Promise<void> {
  const loop = createLoop()
  loop.install()
  try {
    const reconcile = { unknownGuests: 'keep', vanishedGuests: 'error', claims: 'report', ...policy } as const
    const settings = { ...SIM_SETTINGS, reconcile, heartbeat: { ...SIM_SETTINGS.heartbeat, auditMs } }
    const timers = { reclaimMs: 0, confirmResizeMs: 0, shelvedOffloadMs: -1 }
    const world = createWorld(loop, createRandom(5), { conductors: 2, computes: 3, settings: { ...settings, timers } }, () => {})
    let requests = 0
    const run = (ms: number) => loop.runUntil(loop.nowMs() + ms)
    async function done<T>(answer: Promise<T>): Promise<T> {
      let settled = false
      const marked = answer.finally(() => {
        settled = true
      })
      marked.catch(() => {})
      await loop.runUntil(loop.nowMs() + 60_000, () => settled)
      if (!settled) throw new Error('no answer within a minute')
      return marked
    }
    const get = (id: string) => done(world.api().getInstance({ id }))
    async function idle(id: string): Promise<InstanceBody> {
      for (let i = 0; i < 60; i++) {
        const now = await get(id)
        if (now.operation === null) return now
        await run(500)
      }
      throw new Error(`${id} does not come to rest`)
    }
    const bench: Bench = {
      world,
      loop,
      run,
      done,
      get,
      tell(kind, id, method, args) {
        const conductor = world.conductors[0]?.running
        if (!conductor) throw new Error('no conductor runs')
        return done(conductor.messenger.call(address(kind, id), method, args, { timeoutMs: 10_000 }))
      },
      async create() {
        const id = `0000000${++requests}-0000-4000-8000-000000000000`
        const rest = { name: 'n', project: 'p', flavor: 'tiny', image: FAKE_IMAGE.id, metadata: {}, reservation: 'r-1', requestId: `req-${requests}` }
        await done(world.api().createInstances({ ids: [id], ...rest }))
        return idle(id)
      },
      async act(args) {
        await done(world.api().actOnInstance({ ...args, requestId: `req-${++requests}` }))
        return idle(args.id)
      },
      diagnose: () => done(world.api().diagnose({})),
    }
    await run(5000)
    await body(bench)
  } finally {
    loop.uninstall()
  }
}

const said = ({ findings }: DoctorBody): string[] => findings.map(f => `${f.code} ${f.subject}${f.host ? ` ${f.host}` : ''}`).sort()

const notOn = (host: string | null): string => (host === 'compute-1' ? 'compute-2' : 'compute-1')

const claimOn = (bench: Bench, host: string, claim: string, instance: string) =>
  bench.tell('host', host, 'claim', { claim, instance, order: commandOrder(2, 900), ...SIZE })

/** One of each kind that can be planted from outside. Answers with what the doctor must say. */
async function plantAll(bench: Bench): Promise<string[]> {
  const { tell } = bench
  const planted: string[] = []
  const plant = (code: string, id: string, host: string | null): void => void planted.push(`${code} instance/${id} ${host}`)

  await tell('compute', 'compute-3', 'spawn', { instance: '5742a9e7', order: 1, spec: STRANGER })
  plant('UnknownGuest', '5742a9e7', 'compute-3')

  const gone = await bench.create()
  await bench.done(bench.world.api().deleteInstance({ id: gone.id, requestId: 'req-gone' }))
  await bench.run(2000)
  await tell('compute', 'compute-3', 'spawn', { instance: gone.id, order: commandOrder(2, 900), spec: STRANGER })
  plant('DeletedGuest', gone.id, 'compute-3')
  await claimOn(bench, 'compute-3', `${gone.id}.1`, gone.id)
  plant('ClaimOfNobody', gone.id, 'compute-3')
  await claimOn(bench, 'compute-3', 'nobody.1', 'nobody')
  plant('ClaimOfNobody', 'nobody', 'compute-3')

  const twice = await bench.create()
  await tell('compute', notOn(twice.host), 'spawn', { instance: twice.id, order: commandOrder(1, 50), spec: STRANGER })
  plant('GuestElsewhere', twice.id, notOn(twice.host))
  await claimOn(bench, notOn(twice.host), `${twice.id}.7`, twice.id)
  plant('SecondClaim', twice.id, notOn(twice.host))

  const off = await bench.create()
  await tell('compute', off.host ?? '', 'stop', { instance: off.id, order: commandOrder(1, 60), graceMs: 0 })
  plant('PowerState', off.id, off.host)
  await tell('host', off.host ?? '', 'release', { claim: off.claim, order: commandOrder(1, 60) })
  plant('NoClaim', off.id, off.host)

  const vanished = await bench.create()
  await tell('compute', vanished.host ?? '', 'destroy', { instance: vanished.id, order: commandOrder(1, 60) })
  plant('VanishedGuest', vanished.id, vanished.host)
  const larger = { claim: vanished.claim, instance: vanished.id, order: commandOrder(1, 60), ...SIZE, ramMb: 128 }
  await tell('host', vanished.host ?? '', 'restore', larger)
  plant('ClaimSize', vanished.id, vanished.host)

  const moved = await bench.act({ id: (await bench.create()).id, action: 'migrate' })
  await tell('compute', moved.origin?.host ?? '', 'start', { instance: moved.id, order: commandOrder(2, 500) })
  plant('GuestRunsTwice', moved.id, moved.origin?.host ?? '')

  const bare = await bench.act({ id: (await bench.create()).id, action: 'migrate' })
  await tell('compute', bare.origin?.host ?? '', 'destroy', { instance: bare.id, order: commandOrder(2, 500) })
  plant('VanishedSource', bare.id, bare.origin?.host ?? '')
  return planted.sort()
}

test('differences of hosts: each is found, a look changes nothing, a repair leaves only what is for a person', () =>
  inWorld({ unknownGuests: 'destroy', vanishedGuests: 'rebuild' }, DAY_MS, async bench => {
    assert.equal(said(await bench.diagnose()), [])
    const planted = await plantAll(bench)
    await bench.run(SETTLED_MS)
    assert.equal(said(await bench.diagnose()), planted)
    const again = await bench.diagnose()
    assert.equal(said(again), planted, 'it only looks')
    assert.is(again.looked.hosts, 3)
    assert.equal(again.unseen, [])

    const repaired = await bench.done(bench.world.api().repair({}))
    assert.equal(
      repaired.repairs.map(r => `${r.outcome} ${r.finding.code}`).sort(),
      planted.map(line => (line.startsWith('VanishedSource') ? 'left VanishedSource' : `repaired ${line.split(' ')[0]}`)).sort(),
    )
    await bench.run(SETTLED_MS * 2)
    const left = planted.filter(line => line.startsWith('VanishedSource'))
    assert.equal(said(await bench.diagnose()), left)
    const second = await bench.done(bench.world.api().repair({}))
    assert.equal(
      second.repairs.map(r => r.outcome),
      ['left'],
      'there is nothing more to do',
    )
  }))

test('by default an unknown guest is kept, and a vanished one puts its instance in error', () =>
  inWorld({}, DAY_MS, async bench => {
    await bench.tell('compute', 'compute-3', 'spawn', { instance: '5742a9e7', order: 1, spec: STRANGER })
    const vanished = await bench.create()
    await bench.tell('compute', vanished.host ?? '', 'destroy', { instance: vanished.id, order: commandOrder(1, 60) })
    await bench.run(SETTLED_MS)
    const { repairs } = await bench.done(bench.world.api().repair({}))
    assert.equal(
      repairs.map(r => `${r.outcome} ${r.finding.code}: ${r.detail}`),
      ['repaired VanishedGuest: the instance was told, and is in ERROR', 'left UnknownGuest: reconcile.unknownGuests is keep'],
    )
    assert.is((await bench.get(vanished.id)).vmState, 'error')
  }))

test('the reconciler does the same by itself at its audits, and what it may not do it leaves', () =>
  inWorld({ unknownGuests: 'destroy', vanishedGuests: 'rebuild', claims: 'repair' }, 5000, async bench => {
    const planted = await plantAll(bench)
    await bench.run(30_000)
    assert.equal(
      said(await bench.diagnose()),
      planted.filter(line => line.startsWith('VanishedSource')),
    )
  }))

test('an instance that waits for an operation that has ended is told how; only then it goes on', () =>
  inWorld({}, DAY_MS, async bench => {
    const { id, claim, host } = await bench.create()
    const { body: spec } = {
      body: { name: 'n', project: 'p', flavor: { id: 'tiny', name: 'tiny', ...SIZE }, image: 'i', metadata: {}, reservation: 'r' },
    }
    // An operation of this name has been, for another subject: nobody will ever report to this one.
    await bench.tell('operation', `${id}.2`, 'start', { kind: 'stop', subject: 'other', requestId: 'r', args: { spec, host, claim, mode: null } })
    await bench.run(120_000)
    await bench.done(bench.world.api().actOnInstance({ id, action: 'stop', requestId: 'req-lost' }))
    await bench.run(5000)
    assert.equal(said(await bench.diagnose()), [], 'it may just be slow')
    await bench.run(30_000)
    assert.equal(said(await bench.diagnose()), [`LostTask instance/${id} ${host}`])
    const { repairs } = await bench.done(bench.world.api().repair({ instance: id }))
    assert.equal(
      repairs.map(r => r.outcome),
      ['repaired'],
    )
    assert.is((await bench.get(id)).operation, null)
    await bench.run(SETTLED_MS)
    assert.is((await bench.get(id)).taskState, null)
  }))

test('an actor that was set aside, and a row that is not what its actor says', () =>
  inWorld({}, DAY_MS, async bench => {
    const { tables } = bench.world.database
    const [broken, stale] = [await bench.create(), await bench.create()]
    const key = `instance/${broken.id}`
    const stored = tables.actors.get(key)
    assert.ok(stored)
    if (!stored) return
    await bench.run(20_000)
    tables.actors.set(key, { ...stored, snapshot: null, events: stored.events.slice(1) })
    await bench.done(bench.world.api().lockInstance({ id: broken.id })).catch(() => {})
    for (let i = 0; i < 8; i++) await bench.tell('instance', broken.id, 'get', {}).catch(() => {})
    const row = tables.views.instance.get(stale.id)
    if (row) tables.views.instance.set(stale.id, { ...row, body: JSON.stringify({ ...JSON.parse(row.body), name: 'another' }) })
    await bench.run(SETTLED_MS)
    assert.equal(said(await bench.diagnose()), [`PoisonedActor ${key}`, `StaleView instance/${stale.id}`])

    tables.actors.set(key, stored)
    const { repairs } = await bench.done(bench.world.api().repair({}))
    assert.equal(repairs.map(r => r.finding.code).sort(), ['PoisonedActor', 'StaleView'])
    await bench.run(SETTLED_MS)
    assert.equal(said(await bench.diagnose()), [])
    assert.is((await bench.get(stale.id)).name, 'n')
    assert.is(((await bench.tell('instance', broken.id, 'get', {})) as InstanceBody).vmState, 'active')
  }))

test('a host that is silent is a finding, and what it runs is said not to have been seen', () =>
  inWorld({}, DAY_MS, async bench => {
    const { host, id } = await bench.create()
    bench.world.kill(host ?? '')
    await bench.run(20_000)
    const { findings, unseen } = await bench.diagnose()
    assert.equal(
      findings.map(f => `${f.code} ${f.seen}`),
      ['SilentHost it is down'],
    )
    assert.equal(unseen, [`host ${host} is down: its guests were not seen`])
    const one = await bench.done(bench.world.api().diagnose({ host: host === 'compute-1' ? 'compute-2' : 'compute-1' }))
    assert.equal([one.findings, one.unseen, one.looked.hosts], [[], [], 1])
    assert.equal(said(await bench.done(bench.world.api().diagnose({ instance: id }))), [])
    for (const scope of [{ host: 'nope' }, { instance: 'nope' }]) {
      const code = await bench.done(bench.world.api().diagnose(scope)).catch(error => error.code)
      assert.is(code, 'NotFound')
    }
  }))

test('a drain under way is asked where its actor is, and is no finding', async () => {
  await inWorld({}, DAY_MS, async bench => {
    const { host } = await bench.create()
    assert.ok(host)
    await bench.done(bench.world.api().drainHost({ id: host, parallel: 1, requestId: 'req-drain' }))
    const { findings, unseen } = await bench.diagnose()
    const open = await bench.done(bench.world.api().listOperations({ open: true, subject: host }))
    assert.equal(
      open.map(o => o.kind),
      ['drain'],
      'it still goes on',
    )
    assert.equal([findings, unseen], [[], []])
  })
})

test.run()
