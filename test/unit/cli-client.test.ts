/** The client side of the CLI over real HTTP: the gateway's own server, with a cluster in memory behind it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type Outcome, runHere, runSpawned } from '../support/command.ts'
import { shown } from '../support/hooks.ts'
import { createFace, type TestFace } from '../support/http.ts'

const folder = mkdtempSync(join(tmpdir(), 'baton-cli-'))
process.chdir(folder)
let face: TestFace
let endpoint = ''

test.before.each(
  shown(async () => {
    face = createFace({ watchPollMs: 20 })
    await face.app.listen({ host: '127.0.0.1', port: 0 })
    const address = face.app.server.address()
    assert.ok(typeof address === 'object' && address !== null)
    endpoint = `http://127.0.0.1:${address.port}`
  }),
)
test.after.each(shown(() => face.app.close()))
test.after(shown(() => rmSync(folder, { recursive: true })))

const variables = (env: Record<string, string>) => ({ BATON_DATA: undefined, BATON_DEBUG: undefined, BATON_ENDPOINT: endpoint, ...env })
const baton = (args: string, env: Record<string, string> = {}): Promise<Outcome> => runHere(args, variables(env))
const spawned = (args: string, env: Record<string, string> = {}): Promise<Outcome> => runSpawned(args, variables(env))

/** Ends the operations of an instance as soon as the gateway was asked for one of them. */
async function finishAll(count: number, fault?: Parameters<TestFace['fake']['finish']>[1]): Promise<void> {
  for (;;) {
    const open = await face.fake.api.listOperations({ open: true })
    const watched = face.fake.calls.filter(c => c.method === 'getOperation').length
    if (open.length === count && watched >= count) {
      for (const operation of open) face.fake.finish(operation.subject, fault)
      return
    }
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

const json = (outcome: Outcome): unknown => JSON.parse(outcome.out)

test('an instance is created, by names, and listed', async () => {
  const created = await baton('instance create web --flavor tiny --image fake --json')
  assert.is(created.code, 0, created.err)
  const [instance] = await face.fake.api.listInstances({})
  assert.ok(instance)
  const listed = json(await baton('instance list --json'))
  assert.ok(Array.isArray(listed))
  assert.equal(
    [listed[0].id, listed[0].name, listed[0].status, listed[0].vmState, listed[0].taskState, listed[0].flavor, listed[0].image],
    [instance.id, 'web', 'BUILD', 'building', 'scheduling', 'tiny', 'fake'],
  )
  assert.equal(Object.keys(listed[0]).toSorted(), [
    'createdAt',
    'fault',
    'flavor',
    'ha',
    'host',
    'id',
    'image',
    'launchedAt',
    'metadata',
    'name',
    'powerState',
    'reservation',
    'status',
    'taskState',
    'updatedAt',
    'vmState',
    'zone',
  ])
})

test('--wait shows each step in plain lines on stderr and the result on stdout', async () => {
  const [waited] = await Promise.all([spawned('instance create web --flavor tiny --image fake --wait'), finishAll(1)])
  assert.is(waited.code, 0, waited.err)
  assert.match(waited.err, /^web {2}do-it …\nweb {2}do-it ✓ .*\nweb {2}build done in /)
  assert.match(waited.out, /web +ACTIVE/)
})

test('--wait waits for a build that has not begun when the request is answered', async () => {
  face.fake.pretend('listOperations', [])
  const waiting = baton('instance create web --flavor tiny --image fake --wait')
  const looks = (): number => face.fake.calls.filter(c => c.method === 'listOperations').length
  for (let i = 0; looks() < 2 && i < 1000; i++) await new Promise(resolve => setTimeout(resolve, 5))
  assert.ok(looks() >= 2, 'it looks again')
  face.fake.heal('listOperations')
  const [waited] = await Promise.all([waiting, finishAll(1)])
  assert.is(waited.code, 0, waited.err)
  assert.match(waited.out, /web +ACTIVE/)
})

test('--count with --wait waits for all, and shows each', async () => {
  const [waited] = await Promise.all([baton('instance create web --flavor tiny --image fake --count 3 --wait --json'), finishAll(3)])
  assert.is(waited.code, 0, waited.err)
  for (const name of ['web-1', 'web-2', 'web-3']) assert.match(waited.err, new RegExp(`^${name} {2}build done`, 'm'))
  const instances = json(waited)
  assert.ok(Array.isArray(instances))
  assert.equal(instances.map(i => `${i.name} ${i.status}`).toSorted(), ['web-1 ACTIVE', 'web-2 ACTIVE', 'web-3 ACTIVE'])
})

test('the same client token gives the same instances', async () => {
  const command = 'instance create web --flavor tiny --image fake --count 2 --client-token t1 --json'
  const [first, second] = [json(await baton(command)), json(await baton(command))]
  assert.equal(second, first)
  assert.is((await face.fake.api.listInstances({})).length, 2)
})

test('a build that fails is exit code 1, with its reason', async () => {
  const fault = { code: 'NoValidHost', message: 'no host has 64 MB left' } as const
  const [waited] = await Promise.all([baton('instance create web --flavor tiny --image fake --wait'), finishAll(1, fault)])
  assert.is(waited.code, 1)
  assert.match(waited.err, /no host has 64 MB left \[NoValidHost\]/)
  assert.match(waited.out, /web +ERROR/)
})

test('actions take names and ids, and wait for their own operation', async () => {
  const id = await face.newServer({ name: 'web' })
  face.fake.finish(id)
  const [stopped] = await Promise.all([baton('instance stop web --wait --json'), finishAll(1)])
  assert.equal(json(stopped), [{ id, name: 'web', operation: `${id}.2`, status: 'done' }])
  assert.is((await face.fake.api.getInstance({ id })).vmState, 'stopped')
  assert.match((await baton(`instance start ${id}`)).out, /start running, operation .*\.3/)
})

test('each verb sends its action', async () => {
  const expected: readonly (readonly [string, string, unknown])[] = [
    ['instance stop web', 'actOnInstance', 'stop'],
    ['instance start web', 'actOnInstance', 'start'],
    ['instance reboot web', 'actOnInstance', 'soft'],
    ['instance reboot web --hard', 'actOnInstance', 'hard'],
    ['instance pause web', 'actOnInstance', 'pause'],
    ['instance unpause web', 'actOnInstance', 'unpause'],
    ['instance delete web', 'deleteInstance', undefined],
  ]
  const id = await face.newServer({ name: 'web' })
  face.fake.finish(id)
  for (const [command, method, detail] of expected) {
    const outcome = await baton(command)
    assert.is(outcome.code, 0, outcome.err)
    const call = face.fake.calls.findLast(c => c.method === method)
    if (detail !== undefined) assert.match(JSON.stringify(call?.args), `"${detail}"`)
    face.fake.finish(id)
  }
})

test('a name that several have is refused with their ids; one that nobody has is not found', async () => {
  const ids = [await face.newServer({ name: 'twin' }), await face.newServer({ name: 'twin' })]
  const ambiguous = await baton('instance delete twin')
  assert.is(ambiguous.code, 2)
  for (const id of ids) assert.match(ambiguous.err, id)
  assert.is(face.fake.calls.filter(c => c.method === 'deleteInstance').length, 0)
  const missing = await baton('instance show nobody')
  assert.is(missing.code, 3)
  assert.match(missing.err, 'no instance is called "nobody"')
})

test('a conflict is exit code 4 and says which state would do', async () => {
  const id = await face.newServer({ name: 'web' })
  face.fake.finish(id)
  const outcome = await baton('instance unpause web')
  assert.is(outcome.code, 4)
  assert.match(outcome.err, 'it must be paused')
  assert.not.match(outcome.err, /\n {4}at /)
})

test('unknown flavors are refused with the ones there are, before anything is created', async () => {
  const outcome = await baton('instance create web --flavor huge --image fake')
  assert.is(outcome.code, 3)
  assert.match(outcome.err, 'no flavor is called "huge"; there are: tiny, small')
  assert.is((await face.fake.api.listInstances({})).length, 0)
})

test('lists read on until the last page', async () => {
  await face.app.close()
  face = createFace({ maxPageItems: 2 })
  await face.app.listen({ host: '127.0.0.1', port: 0 })
  const address = face.app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  for (let i = 0; i < 5; i++) await face.newServer({ name: `vm${i}` })
  const env = { BATON_ENDPOINT: `http://127.0.0.1:${port}` }
  const names = async (command: string): Promise<unknown[]> => {
    const rows = json(await baton(command, env))
    return Array.isArray(rows) ? rows.map(row => row.name) : []
  }
  assert.equal(await names('instance list --json'), ['vm4', 'vm3', 'vm2', 'vm1', 'vm0'])
  assert.equal(await names('instance list --json --limit 3'), ['vm4', 'vm3', 'vm2'])
})

test('operations are listed, shown, and cancelled', async () => {
  const id = await face.newServer({ name: 'web' })
  const listed = await baton('operation list --instance web --open')
  assert.match(listed.out, new RegExp(`^${id}\\.1 +build +running +do-it`, 'm'))
  assert.match((await baton(`operation show ${id}.1`)).out, /DEADLINE +2026-01-31/)
  assert.match((await baton(`operation cancel ${id}.1`)).out, 'is being cancelled')
  assert.is((await face.fake.api.getOperation({ id: `${id}.1` })).cancelRequested, true)
  assert.is((await baton(`operation show ${id}.9`)).code, 3)
})

test('a watch goes on over refusals of the gateway until the operation has ended', async () => {
  const id = await face.newServer({ name: 'web' })
  const watching = baton(`operation watch ${id}.1`)
  while (!face.fake.calls.some(c => c.method === 'getOperation')) await new Promise(resolve => setTimeout(resolve, 10))
  face.fake.fail('getOperation', new BatonError('Unavailable', 'shards are moving'))
  await new Promise(resolve => setTimeout(resolve, 100))
  face.fake.heal('getOperation')
  face.fake.finish(id)
  const watched = await watching
  assert.is(watched.code, 0, watched.err)
  assert.match(watched.err, /build done/)
})

test('tables and JSON of what Nova has no words for', async () => {
  const nodes = json(await baton('node list --json'))
  assert.ok(Array.isArray(nodes))
  for (const name of ['id', 'role', 'pid', 'state', 'endpoint', 'version', 'shards', 'load']) assert.ok(name in nodes[0], name)
  assert.match((await baton('node list')).out, /^n1 +conductor +40 +alive +tcp:\/\/127\.0\.0\.1:1 +0\.1\.0 +128 +10 % +- +- +-$/m)
  const shown = (await baton('node show n1')).out
  assert.match(shown, /^CPU +10 %$/m)
  assert.not.match(shown, /cpu 0\.1/)
  assert.is(JSON.parse((await baton('node show n1 --json')).out).load.cpu, 0.1)
  const nobody = await baton('node show n9')
  assert.equal([nobody.code, /there is no node n9; `baton node list`/.test(nobody.err)], [3, true])
  assert.match((await baton('node drain n1')).out, /^n1: draining$/m)
  assert.match((await baton('host list')).out, /^c2 +down +disabled: disk +fake +2\/8/m)
  assert.match((await baton('host show c1')).out, /^CLAIMS +2$/m)
  assert.match((await baton('queue list')).out, /^n1 +journal +3 +10000 +12 ms +-$/m)
  assert.match((await baton('image list')).out, /^fake +fake +active +4096 +- +all$/m)
  const status = await baton('status')
  assert.match(status.out, /^Advice +no conductor needed: queues are short$/m)
})

test('snapshots, backups, disks and interfaces', async () => {
  const id = await face.newServer({ name: 'web' })
  face.fake.finish(id)
  const made = json(await baton('instance snapshot web --json')) as Record<string, string>
  assert.equal([made.instance, made.name, made.operation, made.status], [id, 'web-snapshot', `${id}.2`, 'running'])
  face.fake.finish(id)
  assert.match((await baton('image show web-snapshot')).out, new RegExp(`^ID +${made.image}$`, 'm'))
  assert.is((await baton('image delete web-snapshot')).code, 0)
  assert.is((await baton('image delete fake')).code, 1)
  assert.is((await baton('instance backup web --type daily')).code, 2)
  assert.is((await baton('instance backup web --type daily --rotation 1.5')).code, 2)
  assert.match((await baton('instance backup web --type daily --rotation 2')).out, /backup into image web-daily/)
  face.fake.finish(id)
  assert.match((await baton('disk attach web data --size 3')).out, /attach disk data as \/dev\/vdb: running, operation/)
  face.fake.finish(id)
  assert.match((await baton('disk list --instance web')).out, new RegExp(`^data +3 +attached +c1 +${id}$`, 'm'))
  assert.is((await baton('disk delete data')).code, 4)
  assert.match((await baton('disk detach web data')).out, /detach disk data: running/)
  face.fake.finish(id)
  const port = json(await baton('interface attach web --json')) as Record<string, string>
  face.fake.finish(id)
  assert.match((await baton('interface list web')).out, new RegExp(`^${port.interface} +local +${port.mac} +ACTIVE$`, 'm'))
  assert.is((await baton(`interface detach web ${port.interface}`)).code, 0)
})

test('flavors are created, shown and deleted', async () => {
  const made = await baton('flavor create big --vcpus 8 --ram 4096 --disk 0 --id big1 --json')
  assert.equal(json(made), { id: 'big1', name: 'big', vcpus: 8, ramMb: 4096, diskGb: 0 })
  assert.match((await baton('flavor show big')).out, /^RAM MB +4096$/m)
  assert.is((await baton('flavor delete big')).code, 0)
  assert.is((await baton('flavor show big')).code, 3)
  assert.is((await baton('flavor create x --vcpus -1 --ram 1 --disk 1')).code, 2)
})

test('placement: extra specs, aggregates, groups, host settings and explanations', async () => {
  assert.match((await baton('flavor set tiny --property resources:CUSTOM_FPGA=1,trait:CUSTOM_SSD=required')).out, /^ {2}trait:CUSTOM_SSD=required$/m)
  const left = await baton('flavor unset tiny --property trait:CUSTOM_SSD --json')
  assert.equal(json(left), { id: 'tiny', name: 'tiny', extraSpecs: { 'resources:CUSTOM_FPGA': '1' } })
  const refused = await baton('flavor set tiny --property trait:ssd=required')
  assert.is(refused.code, 2)
  assert.match(refused.err, '"ssd" is no trait')
  assert.is((await baton('aggregate create fast --zone west')).code, 0)
  assert.match((await baton('aggregate add-host fast c1')).out, /^HOSTS +c1$/m)
  assert.match((await baton('aggregate set fast --metadata ssd=true --name faster')).out, /^METADATA +availability_zone=west, ssd=true$/m)
  assert.match((await baton('aggregate list')).out, /^1 +faster +west +c1 +/m)
  assert.is((await baton('aggregate delete faster')).code, 2)
  assert.match((await baton('group create web --policy anti-affinity --max-per-host 2')).out, /^MAX PER HOST +2$/m)
  assert.is((await baton('group create db --policy affinity --max-per-host 2')).code, 2)
  const set = await baton('host set c1 --reserved-ram-mb 512 --cpu-ratio default --resources CUSTOM_FPGA=2 --add-traits CUSTOM_SSD')
  assert.is(set.code, 0)
  const configured = face.fake.calls.find(c => c.method === 'configureHost')
  assert.equal(configured?.args, { id: 'c1', reservedRamMb: 512, cpuRatio: null, custom: { CUSTOM_FPGA: 2 }, addTraits: ['CUSTOM_SSD'] })
  assert.is((await baton('host set c1')).code, 2)
  const why = await baton('schedule explain --flavor tiny --zone west --group web')
  assert.match(why.out, /^0 of 2 hosts fit 64 MB; refused 1 by capacity, 1 by up$/m)
  assert.match(why.out, /^c2 +no +- +up: is down$/m)
  assert.match(why.out, /^ {2}free 64 ram \(MB\) on c1$/m)
})

test('an instance is created where it was asked to be', async () => {
  const other = await face.newServer({ name: 'db' })
  const { id } = await face.fake.api.createGroup({ id: 'g1', name: 'g', project: 'default', policy: 'affinity' })
  const made = await baton('instance create web --flavor tiny --image fake --zone nova --host c1 --group g --hint different_host=db')
  assert.is(made.code, 0, made.err)
  const created = face.fake.calls.findLast(c => c.method === 'createInstances')?.args as { placement?: object } | undefined
  assert.equal(created?.placement, { zone: 'nova', host: 'c1', group: id, differentHost: [other] })
  assert.is((await baton('instance create web --flavor tiny --image fake --hint near=db')).code, 2)
})

test('the console log is printed as it is', async () => {
  await face.newServer({ name: 'web' })
  assert.is((await baton('instance log web')).out, 'one\ntwo\nthree\n')
})

test('a cluster that refuses for a while is asked again; with --json errors are JSON', async () => {
  face.fake.fail('listNodes', new BatonError('Unavailable', 'starting', { retryAfterMs: 1 }))
  const asking = baton('node list')
  while (!face.fake.calls.some(c => c.method === 'listNodes')) await new Promise(resolve => setTimeout(resolve, 10))
  face.fake.heal('listNodes')
  assert.is((await asking).code, 0)
  face.fake.fail('getHost', new BatonError('NotFound', 'Host x could not be found.'))
  const refused = await baton('host show x --json')
  assert.equal(JSON.parse(refused.err), { error: { code: 'NotFound', message: 'Host x could not be found.' } })
})

test('the endpoint comes from --data and cluster.json; nobody there is exit code 5', async () => {
  writeFileSync(join(folder, 'cluster.json'), JSON.stringify({ endpoint }))
  assert.is((await spawned('node list --data .', { BATON_ENDPOINT: 'http://127.0.0.1:1' })).code, 0)
  const unreachable = await spawned('node list', { BATON_ENDPOINT: 'http://127.0.0.1:1' })
  assert.is(unreachable.code, 5)
  assert.match(unreachable.err, /^baton node list: no cluster answers at http:\/\/127\.0\.0\.1:1.*\n {2}Start one with `baton up`/)
  assert.is((await baton('node list', { BATON_ENDPOINT: 'here' })).code, 2)
})

test('quotas: show, set, reset, check, and whose they are', async () => {
  const shown = await baton('quota show p1')
  assert.match(shown.out, /^instances +2 +unlimited +unlimited$/m)
  const set = await baton('quota set --project p1 --cores 8 --server-groups -1 --json')
  assert.is((json(set) as { limits: { cores: number } }).limits.cores, 8)
  assert.match((await baton('quota reset p1')).out, /^cores +3 +unlimited/m)
  assert.match((await baton('quota set --defaults --cores 9')).out, /^cores +3 +9 +9/m)
  assert.match((await baton('quota set --defaults --cores -1')).out, /^cores +3 +unlimited +unlimited/m)
  assert.match((await baton('quota check')).out, 'project default: 2 holders, what is entered for them is what they hold')
  const odd = await baton('quota check odd')
  assert.is(odd.code, 4)
  assert.match(odd.out, /^instance\/i1 +1 cores, 64 MB +nothing$/m)
})

test('bad quotas are usage errors', async () => {
  for (const [args, message] of [
    ['quota set p1', 'give --instances'],
    ['quota set p1 --cores -2', '--cores must be a whole number, or -1'],
    ['quota set p1 --cores x', '--cores must be a whole number'],
    ['quota show p1 --project p2', 'two projects are named, p1 and p2'],
    ['quota show a.b', 'must be 1 to 64 letters'],
  ] as const) {
    const { code, err } = await baton(args)
    assert.is(code, 2, args)
    assert.match(err, message)
  }
})

test('usage of projects and diagnostics of a guest, for people and programs', async () => {
  const id = await face.newServer()
  face.fake.finish(id)
  const used = await baton('usage --since 2026-01-01 --until 2026-02-02 --json')
  assert.is(used.code, 0, used.err)
  assert.is(JSON.parse(used.out)[0].tenant_id, 'default')
  assert.is((await baton('usage --since soon')).code, 2)
  const seen = await baton(`instance diagnostics ${id}`)
  assert.is(seen.code, 0, seen.err)
  assert.match(seen.out, /CPU TIME s +2\.00/)
})

test('an image that is not what it is said to be is not uploaded', async () => {
  const head = Buffer.alloc(512)
  head.write('QFI\xfb', 'latin1')
  writeFileSync(join(folder, 'disk.qcow2'), head)
  writeFileSync(join(folder, 'disk.raw'), Buffer.alloc(512))
  const create = (file: string, format: string) => baton(`image create --name x --file ${join(folder, file)} --disk-format ${format}`)
  for (const [file, format, why] of [
    ['disk.qcow2', 'raw', /begins as a qcow2 image; say --disk-format qcow2/],
    ['disk.raw', 'qcow2', /said to be qcow2, but does not begin as one/],
    ['disk.qcow2', 'qcow2', /of version 0 of qcow2/],
    ['gone', 'raw', /cannot read .*gone/],
  ] as const) {
    const { code, err } = await create(file, format)
    assert.is(code, 2, err)
    assert.match(err, why)
  }
  assert.not.match((await baton('image list')).out, /\bx\b/)
})

test.run()
