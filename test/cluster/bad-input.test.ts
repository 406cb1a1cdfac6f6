/**
 * Whatever comes in from outside, over HTTP, from a terminal or on the ZeroMQ port: it is answered in words that help, no process
 * ends by it, and nobody sees a stack trace.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Dealer } from 'zeromq'
import { MIGRATION_TABLE } from '../../persistence/orm.ts'
import { LINK_LIMITS } from '../../transport/link.ts'
import { encode } from '../../transport/protocol.ts'
import {
  type Answer,
  ask,
  baton,
  FAKE_IMAGE,
  newFolder,
  nodesAndPids,
  SERVERS,
  STACK,
  startCluster,
  type TestCluster,
  telling,
  until,
} from '../support/cluster.ts'
import { runSql } from '../support/database.ts'
import { active, create } from '../support/history.ts'
import { shown } from '../support/hooks.ts'

const test = suite('bad input')
const FLAVORS = '/compute/v2.1/flavors'

let cluster: TestCluster
let pids: string[] = []
/** Somebody to act upon. */
let active1 = ''
let deleted = ''

const check = (what: string, body: () => Promise<void>) => test(what, () => telling(cluster, body))

test.before(
  shown(async () => {
    cluster = await startCluster({ args: ['--conductors', '2', '--computes', '1'] })
    await telling(cluster, async () => {
      pids = nodesAndPids(cluster)
      active1 = await create(cluster, 'someone')
      deleted = await create(cluster, 'gone')
      for (const id of [active1, deleted]) await active(cluster, id)
      await cluster.request('DELETE', `${SERVERS}/${deleted}`)
      await until('the delete', 10_000, async () => (await cluster.request('GET', `${SERVERS}/${deleted}`)).status === 404)
    })
  }),
)
test.after(shown(() => cluster?.stop()))

const server = (more: object = {}) => ({ server: { name: 'x', flavorRef: 'tiny', imageRef: FAKE_IMAGE, networks: 'none', ...more } })
const flavor = (more: object = {}) => ({ flavor: { name: randomUUID(), vcpus: 1, ram: 64, disk: 1, ...more } })

interface Request {
  readonly what: string
  readonly method?: string
  readonly path: () => string
  readonly body?: unknown
  readonly version?: string
  readonly status: number
  readonly says: RegExp
}

const post = (what: string, path: string | (() => string), body: unknown, status: number, says: RegExp): Request => ({
  what,
  method: 'POST',
  path: typeof path === 'string' ? () => path : path,
  body,
  status,
  says,
})
const action = () => `${SERVERS}/${active1}/action`

const REQUESTS: readonly Request[] = [
  post('an unknown flavor', SERVERS, server({ flavorRef: 'none' }), 400, /flavor none/),
  post('an unknown image', SERVERS, server({ imageRef: 'none' }), 400, /image none/),
  post('an unknown key', SERVERS, server({ colour: 'red' }), 400, /colour/),
  post('a key on the outside', SERVERS, { ...server(), extra: 1 }, 400, /extra/),
  post('no body at all', SERVERS, undefined, 400, /./),
  post('broken JSON', SERVERS, '{"server":', 400, /not valid JSON/),
  post('JSON of another shape', SERVERS, '[[[]]]', 400, /./),
  post('a key that would reach the prototype', SERVERS, '{"__proto__":{"x":1},"server":{}}', 400, /./),
  post('a body of 2 MB', SERVERS, `{"server":{"name":"${'x'.repeat(2 * 1024 * 1024)}"}}`, 413, /too large/),
  post('a name with a line feed', SERVERS, server({ name: 'a\nb' }), 400, /name.*control characters/),
  post('a name with NUL', SERVERS, server({ name: 'a\u0000b' }), 400, /name.*control characters/),
  post('a name with half a surrogate', SERVERS, '{"server":{"name":"\\ud800","flavorRef":"tiny","imageRef":"i","networks":"none"}}', 400, /name/),
  post('an empty name', SERVERS, server({ name: '' }), 400, /name/),
  post('a name of 10,000 characters', SERVERS, server({ name: 'x'.repeat(10_000) }), 400, /name/),
  post('a negative count', SERVERS, server({ min_count: -1 }), 400, /min_count.*whole number/),
  post('a count of one and a half', SERVERS, server({ min_count: 1.5 }), 400, /min_count.*whole number/),
  post('min_count over max_count', SERVERS, server({ min_count: 3, max_count: 2 }), 400, /min_count.*max_count/),
  post('a count over the quota', SERVERS, server({ min_count: 1, max_count: 1001 }), 403, /Quota exceeded.*1000/),
  post('a huge count', SERVERS, server({ max_count: 2 ** 40 }), 400, /max_count/),
  post('a flavor with negative memory', FLAVORS, flavor({ ram: -64 }), 400, /ram.*whole number/),
  post('a flavor with a huge disk', FLAVORS, flavor({ disk: 1e18 }), 400, /disk.*whole number/),
  post('a flavor with half a CPU', FLAVORS, flavor({ vcpus: 0.5 }), 400, /vcpus.*whole number/),
  post('a flavor with text for a number', FLAVORS, flavor({ vcpus: 'many' }), 400, /vcpus/),
  post('an unknown action', action, { 'os-explode': null }, 400, /os-explode/),
  post('two actions in one', action, { 'os-stop': null, pause: null }, 400, /./),
  post('a reboot of no kind', action, { reboot: { type: 'GENTLE' } }, 400, /SOFT.*HARD/),
  post('an action that does not fit the state', action, { 'os-start': null }, 409, /cannot start.*stopped/),
  post('an action on a deleted instance', () => `${SERVERS}/${deleted}/action`, { 'os-start': null }, 404, /deleted/),
  post('an action on an instance that never was', `${SERVERS}/${randomUUID()}/action`, { 'os-start': null }, 404, /./),
  { what: 'a delete of a deleted instance', method: 'DELETE', path: () => `${SERVERS}/${deleted}`, status: 404, says: /deleted/ },
  { what: 'an id that is none', path: () => `${SERVERS}/..%2f..%2fetc`, status: 404, says: /./ },
  { what: 'an unknown page marker', path: () => `${SERVERS}?marker=${randomUUID()}`, status: 400, says: /marker/ },
  { what: 'an unknown marker of another list', path: () => '/image/v2/images?marker=none', status: 400, says: /none/ },
  { what: 'a limit that is no number', path: () => `${SERVERS}?limit=many`, status: 400, says: /limit/ },
  { what: 'an unknown status', path: () => `${SERVERS}?status=HAPPY`, version: '2.38', status: 400, says: /HAPPY/ },
  { what: 'an unknown path', path: () => '/compute/v2.1/unknown', status: 404, says: /./ },
  { what: 'a gateway to drain', method: 'POST', path: () => '/baton/v1/nodes/gateway-1/drain', status: 409, says: /nothing to hand over/ },
  { what: 'an unknown node to drain', method: 'POST', path: () => '/baton/v1/nodes/none/drain', status: 404, says: /no node none/ },
]

for (const { what, method = 'GET', path, body, version, status, says } of REQUESTS) {
  check(`HTTP: ${what}`, async () => {
    const headers: Record<string, string> = version === undefined ? {} : { 'x-openstack-nova-api-version': version }
    const answer = await ask(`${cluster.endpoint}${path()}`, method, body, headers)
    assert.is(answer.status, status, answer.text)
    const [fault]: { code: number; message: string }[] = Object.values(answer.body)
    assert.is(fault?.code, status)
    assert.match(fault?.message ?? '', says)
    assert.not.match(answer.text, STACK)
  })
}

check('HTTP: two deletes at once are one, as in Nova', async () => {
  const { body } = await cluster.request('POST', SERVERS, server({ metadata: { 'fake:destroy_ms': '500' } }))
  const { id } = body.server
  await active(cluster, id)
  const answers: Answer[] = await Promise.all([1, 2].map(() => ask(`${cluster.endpoint}${SERVERS}/${id}`, 'DELETE')))
  assert.equal(
    answers.map(a => a.status),
    [204, 204],
  )
  await until('the delete', 10_000, async () => (await cluster.request('GET', `${SERVERS}/${id}`)).status === 404)
  const actions = (await cluster.request('GET', `${SERVERS}/${id}/os-instance-actions`)).body.instanceActions
  assert.equal(
    actions.map((a: { action: string }) => a.action),
    ['delete', 'create'],
  )
})

check('HTTP: a flavor that fits nowhere gives an instance in ERROR that says so', async () => {
  const made = await cluster.request('POST', FLAVORS, flavor({ ram: 2 ** 31 - 1 }))
  assert.is(made.status, 200, made.text)
  const { body } = await cluster.request('POST', SERVERS, server({ flavorRef: made.body.flavor.id }))
  const shown = await until('its end', 10_000, async () => {
    const { body: now } = await cluster.request('GET', `${SERVERS}/${body.server.id}`)
    return now.server.status !== 'BUILD' && now.server
  })
  assert.is(shown.status, 'ERROR')
  assert.match(shown.fault.message, /host/)
  assert.not.match(JSON.stringify(shown), STACK)
})

/** Bytes that no ZeroMQ peer would send, and frames that no node of ours would. */
check('ZeroMQ: garbage, truncated and oversized frames are counted, and the cluster goes on', async () => {
  const conductors = (await cluster.nodes()).filter(n => n.role === 'conductor')
  const before = await malformed(conductors.map(n => n.load.metricsPort ?? 0))
  const framed = (message: Uint8Array, length = message.length) => Buffer.concat([Buffer.from([0, 0, length >> 8, length & 255]), message])
  const hello = { t: 'hello', vs: [1, 1], at: 0, id: { node: 'stranger', inc: 1, role: 'client', pid: 1, ver: '0', eng: 'v0' } } as const
  const call = { t: 'call', id: 'stranger#1:1', to: 'instance/x', m: 'create', a: { deep: [[[]]] }, ttl: 1000, at: 0, n: 1 } as const
  const frames: readonly Uint8Array[] = [
    randomBytes(1000),
    Buffer.alloc(0),
    framed(randomBytes(200)),
    framed(encode(call)),
    framed(encode(hello)),
    framed(encode({ ...hello, vs: [7, 9] })),
    framed(encode(call)),
    framed(encode({ ...call, id: 'stranger#1:2', to: 'no/such/place' })),
    framed(encode({ ...call, id: 'stranger#1:3', to: 'node/conductor-1', m: 'nothing' })),
    ...['conductor-1', 'conductor-2'].map(id => framed(encode({ ...call, id: `stranger#1:${id}`, to: `node/${id}`, m: 'drain' }))),
    framed(encode({ ...call, id: 'stranger#1:4', ttl: -1 })),
    framed(encode({ ...call, id: 'stranger#1:1' })),
    framed(encode(call).subarray(0, 20)),
    framed(encode(call), 4000),
    Buffer.alloc(LINK_LIMITS.maxMessageBytes + 1000),
  ]
  for (const { endpoint } of conductors) {
    await rawly(endpoint, randomBytes(10_000))
    await rawly(endpoint, Buffer.from('GET / HTTP/1.1\r\n\r\n'))
    await rawly(endpoint, Buffer.from('ff00000000000000017f', 'hex'))
    const stranger = new Dealer({ linger: 0 })
    stranger.connect(endpoint)
    for (const frame of frames) await stranger.send(frame)
    await until('they are counted', 10_000, async () => (await malformed(conductors.map(n => n.load.metricsPort ?? 0))) > before)
    stranger.close()
  }
  const counted = (await malformed(conductors.map(n => n.load.metricsPort ?? 0))) - before
  console.log(`${frames.length + 3} kinds of garbage sent to ${conductors.length} conductors, ${counted} counted as malformed`)
  await active(cluster, await create(cluster, 'after-garbage'))
})

const COMMANDS: readonly { readonly what: string; readonly args: readonly string[]; readonly code: number; readonly says: RegExp }[] = [
  { what: 'an unknown command', args: ['instnace', 'list'], code: 2, says: /unknown command/ },
  { what: 'an unknown flag', args: ['instance', 'list', '--colour'], code: 2, says: /unknown option/ },
  { what: 'an unknown flavor', args: ['instance', 'create', 'x', '--flavor', 'none'], code: 3, says: /none/ },
  { what: 'no flavor', args: ['instance', 'create', 'x'], code: 2, says: /--flavor/ },
  { what: 'a count of nothing', args: ['instance', 'create', 'x', '--flavor', 'tiny', '--count', '0'], code: 2, says: /--count/ },
  { what: 'a name with control characters', args: ['instance', 'create', 'a\u0007b', '--flavor', 'tiny'], code: 2, says: /control characters/ },
  { what: 'an instance that is not there', args: ['instance', 'delete', 'nobody'], code: 3, says: /nobody/ },
  { what: 'an action that does not fit', args: ['instance', 'unpause', 'someone'], code: 4, says: /cannot unpause/ },
  { what: 'an operation that is not there', args: ['operation', 'show', 'none.1'], code: 3, says: /none/ },
  { what: 'an endpoint that is none', args: ['status', '--endpoint', 'nowhere'], code: 2, says: /no endpoint/ },
  { what: 'an endpoint where nobody is', args: ['status', '--endpoint', 'http://127.0.0.1:1'], code: 5, says: /127\.0\.0\.1:1/ },
]

for (const { what, args, code, says } of COMMANDS) {
  check(`CLI: ${what}`, async () => {
    const named = args.includes('--endpoint') ? [] : ['--endpoint', cluster.endpoint]
    const ended = await baton([...args, ...named])
    const said = ended.stdout + ended.stderr
    assert.is(ended.code, code, said)
    assert.match(said, says)
    assert.not.match(said, STACK)
  })
}

/** Starts that must be refused, each with what the person at the terminal is told. */
async function refused(args: readonly string[], code: number, says: RegExp, env: NodeJS.ProcessEnv = {}): Promise<void> {
  const ended = await baton(args, { env })
  const said = ended.stdout + ended.stderr
  assert.is(ended.code, code, said)
  assert.match(said, says)
  assert.not.match(said, STACK)
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await newFolder()
  try {
    await body(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

check('start: a wrong database password', () =>
  inFolder(async folder => {
    const url = cluster.databaseUrl().replace(/:[^:@]*@/, ':wrong@')
    await refused(['conductor', '--id', 'x'], 5, /password/, { BATON_DATABASE_URL: url })
    await refused(
      ['up', '--data', folder, '--port', '0', '--driver', 'fake', '--conductors', '1', '--computes', '1', '--database', url],
      5,
      /password/,
    )
  }),
)

check('start: a database that is not there', () => refused(['conductor', '--database', 'postgres://a:b@127.0.0.1:1/x'], 5, /127\.0\.0\.1/))

check('start: a port in use', () =>
  inFolder(async folder => {
    const { port } = new URL(cluster.endpoint)
    await refused(['up', '--data', folder, '--port', port, '--driver', 'fake'], 1, new RegExp(`port ${port} is in use`))
    await refused(['gateway', '--join', 'tcp://127.0.0.1:1', '--port', port], 1, new RegExp(`port ${port} .*in use`))
  }),
)

check('start: a data folder of another PostgreSQL', () =>
  inFolder(async folder => {
    await mkdir(join(folder, 'postgres', 'cluster'), { recursive: true })
    await writeFile(join(folder, 'postgres', 'cluster', 'PG_VERSION'), '12\n')
    await refused(['up', '--data', folder, '--port', '0', '--driver', 'fake'], 1, /made by PostgreSQL 12/)
  }),
)

check('start: a database of a newer Baton', async () => {
  const url = cluster.databaseUrl()
  await runSql(url, `insert into ${MIGRATION_TABLE} (name) values ('9999-from-the-future')`)
  try {
    await refused(['conductor', '--id', 'x'], 1, /newer Baton/, { BATON_DATABASE_URL: url })
  } finally {
    await runSql(url, `delete from ${MIGRATION_TABLE} where name = '9999-from-the-future'`)
  }
})

check('start: configuration that is wrong, with file, line and the nearest name', () =>
  inFolder(async folder => {
    const file = join(folder, 'baton.yaml')
    await writeFile(file, 'http:\n  prot: 1\n')
    await refused(['up', '--data', folder, '--config', file], 2, /baton\.yaml.*2.*port/s)
    await writeFile(file, 'http:\n  port: many\n')
    await refused(['up', '--data', folder, '--config', file], 2, /baton\.yaml.*2.*integer/s)
    await refused(['up', '--data', folder, '--driver', 'magic'], 2, /auto, fake, process/)
    await refused(['compute', '--join', 'nowhere'], 2, /no endpoint/)
  }),
)

test('after all this every process is the one it was, and no log has a defect', async () => {
  assert.equal(nodesAndPids(cluster), pids)
  for (const { id } of cluster.processes()) {
    const lines = await cluster.log(id)
    assert.equal(
      lines.filter(l => Number(l.level) >= 50),
      [],
      id,
    )
  }
})

/** Writes bytes to the port and leaves. */
async function rawly(endpoint: string, bytes: Uint8Array): Promise<void> {
  await new Promise<void>(resolve => {
    const socket = connect(Number(new URL(endpoint).port), '127.0.0.1', () => socket.end(bytes))
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    socket.resume()
    // A peer that waits for the rest of a greeting keeps its side open.
    socket.setTimeout(300, () => socket.destroy())
  })
}

async function malformed(ports: readonly number[]): Promise<number> {
  const texts = await Promise.all(ports.map(async port => (await ask(`http://127.0.0.1:${port}/metrics`)).text))
  const counts = texts.flatMap(text => [...text.matchAll(/^baton_(?:messages|link)_malformed_total\b.* (\d+)$/gm)].map(m => Number(m[1])))
  return counts.reduce((a, b) => a + b, 0)
}

test.run()
