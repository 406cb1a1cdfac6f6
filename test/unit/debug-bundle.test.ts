/** What a bug report holds, and what it does not: gathered from a cluster, or from the log files of one that does not start. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { gatherBundle } from '../../bin/client/bundle.ts'
import { httpClient } from '../../bin/client/http.ts'
import { logFiles } from '../../bin/client/log-files.ts'
import { runHere } from '../support/command.ts'
import { createFace } from '../support/http.ts'

const test = suite('debug bundle')

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'baton-bundle-'))
  try {
    await body(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function plant(folder: string): void {
  mkdirSync(join(folder, 'logs'))
  const line = { level: 50, time: '2026-01-31T12:00:05.123Z', node: 'conductor-1', pid: 7, msg: 'a defect', url: 'postgres://u:planted-1@db/x' }
  writeFileSync(join(folder, 'logs', 'conductor-1.log'), `${JSON.stringify(line)}\nError: password=planted-2 was refused\n{"half": \n`)
  writeFileSync(join(folder, 'logs', 'compute-1.log.1'), `${'x'.repeat(600 * 1024)}\nthe end --token planted-3\n`)
  writeFileSync(join(folder, 'logs', 'not a log'), 'planted-4')
  writeFileSync(join(folder, 'clouds.yaml'), 'password: planted-5\n')
}

test('parts that cannot be had are said to be missing, the others are there; names of nodes cannot leave their folder', async () => {
  const face = createFace()
  const [first] = await face.fake.api.listNodes({})
  if (!first) throw new Error('a node was expected')
  Object.assign(face.fake.api, {
    listNodes: async () => [first, { ...first, id: 'a node: x' }, { ...first, id: 'gone' }],
    listQueues: async () => {
      throw new Error('broken')
    },
    async nodeReport({ id }: { id: string }) {
      if (id === 'gone') throw new Error('gone')
      const logs = [{ node: id, seq: 1, at: 5, level: 'warn', message: 'secret=planted-6', fields: { password: 'planted-7' } }]
      const about = { role: 'compute', version: '1', engine: 'v24', platform: 'linux', uptimeSeconds: 1 }
      return { node: id, ...about, config: { 'database.url': 'postgres://u:planted-8@db/x' }, metrics: 'baton_up 1\n', logs }
    },
  })
  await face.app.listen({ host: '127.0.0.1', port: 0 })
  const address = face.app.server.address()
  const client = httpClient(`http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`)
  try {
    const shards = async () => [{ id: '0', node: 'n1', incarnation: 1 }]
    const files = await gatherBundle({ client, shards, logFiles: [], version: '1', engine: 'v24', atMs: 0 })
    const texts = new Map(files.map(({ path, bytes }) => [path.replace('baton-debug/', ''), Buffer.from(bytes).toString()]))
    const odd = `nodes/${Buffer.from('a node: x').toString('hex')}`
    const of = (folder: string) => ['about.json', 'config.json', 'metrics.txt', 'log.txt'].map(name => `${folder}/${name}`)
    assert.equal(
      [...texts.keys()],
      [
        'README.txt',
        'cluster.json',
        'nodes.json',
        'shards.json',
        'doctor.json',
        'operations.json',
        ...of(`nodes/${first.id}`),
        ...of(odd),
        'missing.txt',
      ],
    )
    assert.match(texts.get('missing.txt') ?? '', /^queues: .*\nnodes\/gone\/report: /)
    assert.match(texts.get(`nodes/${first.id}/log.txt`) ?? '', '1970-01-01 00:00:00.005')
    assert.not.match([...texts.values()].join(), /planted-\d/)
    assert.equal(JSON.parse(texts.get('shards.json') ?? ''), await shards())
  } finally {
    await face.app.close()
  }
})

test('log files: their ends, whole lines, without what is secret', () =>
  inFolder(async folder => {
    assert.equal(await logFiles(folder), [])
    plant(folder)
    const files = await logFiles(folder)
    assert.equal(
      files.map(f => f.name),
      ['compute-1.log.1', 'conductor-1.log'],
    )
    assert.not.match(JSON.stringify(files), /planted-\d/)
    assert.is(files[0]?.text, 'the end --token (redacted)\n')
    assert.match(
      files[1]?.text ?? '',
      /^2026-01-31 12:00:05\.123 conductor-1 ERROR a defect {2}url="?postgres:\/\/u:\(redacted\)@db\/x"?\nError: password=\(redacted\)/,
    )
  }))

test('a cluster that does not run: the log files are in the bundle, and why the rest is not; without them there is nothing to write', () =>
  inFolder(async folder => {
    const out = join(folder, 'b.tar.gz')
    const run = () => runHere(`debug bundle --data ${folder} --out ${out} --json`, { BATON_DATA: undefined, BATON_ENDPOINT: undefined })
    const empty = await run()
    assert.is(empty.code, 5)
    assert.match(empty.err, 'there is nothing to gather')
    plant(folder)
    const { code, out: text, err } = await run()
    assert.is(code, 0, err)
    const { files }: { files: { path: string }[] } = JSON.parse(text)
    const names = ['README.txt', 'cluster.json', 'files/compute-1.log.1', 'files/conductor-1.log', 'missing.txt'].map(name => `baton-debug/${name}`)
    assert.equal(
      files.map(f => f.path),
      names,
    )
    assert.equal(execFileSync('tar', ['-tzf', out], { encoding: 'utf8' }).trim().split('\n'), names)
    const missing = execFileSync('tar', ['-xzOf', out, 'baton-debug/missing.txt'], { encoding: 'utf8' })
    assert.match(missing, /^the cluster: no cluster is known/)
    assert.not.match(execFileSync('tar', ['-xzOf', out], { encoding: 'utf8' }), /planted-\d/)
    assert.is(statSync(out).mode & 0o777, 0o600, 'for nobody else to read')
    const again = await run()
    assert.is(again.code, 2)
    assert.match(again.err, 'it is there already')
  }))

test.run()
