/**
 * A real cluster that is looked at: one resize as one trace over gateway, conductors and hosts, told to a collector and by `baton trace`; its
 * lines in the logs of all nodes; what was done in the audit log; and a bundle for a bug report in which no planted secret is found.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { NodeBody, OperationBody, TracedSpan } from '../../actors/api.ts'
import { ask, baton, FAKE_IMAGE, SERVERS, type Started, startBaton, startCluster, telling, until } from '../support/cluster.ts'
import { runSql } from '../support/database.ts'
import { adminOf } from '../support/login.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-01`
const SECRETS = {
  fence: 'planted-fence-password',
  userData: 'cGxhbnRlZC11c2VyLWRhdGE=',
  plainUserData: 'planted-user-data',
  adminPass: 'planted-admin-pass',
}

/** A collector that only counts: what its spans look like is the business of test/unit/otlp.test.ts. */
async function collector() {
  const names = new Map<string, Set<string>>()
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const part of request.setEncoding('utf8')) text += part
    for (const { resource, scopeSpans } of JSON.parse(text).resourceSpans) {
      const node = resource.attributes.find((a: { key: string }) => a.key === 'service.instance.id').value.stringValue
      for (const span of scopeSpans[0].spans) if (span.traceId === TRACE) names.set(node, (names.get(node) ?? new Set()).add(span.name))
    }
    response.end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return { names, server, url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}` }
}

test('a resize is one trace, its lines are found everywhere, what was done is in the audit log, and a bundle holds no secret', async () => {
  const { names, server, url } = await collector()
  const env = {
    ...{ BATON_AUTH_MODE: 'token', BATON_TRACING_SAMPLE: '0', BATON_TRACING_ENDPOINT: url },
    BATON_FENCE_COMMAND: JSON.stringify(['true', '--password', SECRETS.fence]),
  }
  const cluster = await startCluster({ args: ['--conductors', '2', '--computes', '2'], env })
  const run = async (args: string) => {
    const ended = await baton([...args.split(' '), '--data', cluster.folder], { cwd: cluster.folder })
    assert.is(ended.code, 0, `baton ${args}: ${ended.stdout}${ended.stderr}`)
    return ended.stdout
  }
  const json = async (args: string) => JSON.parse(await run(`${args} --json`))
  const started: Started[] = []
  try {
    await telling(cluster, async () => {
      const { token, password } = await adminOf(cluster.folder)
      const auth = { 'x-auth-token': token }
      const server_ = {
        name: 'web',
        flavorRef: 'tiny',
        imageRef: FAKE_IMAGE,
        networks: 'none',
        user_data: SECRETS.userData,
        adminPass: SECRETS.adminPass,
      }
      const created = await cluster.request('POST', SERVERS, { server: server_ }, auth)
      assert.is(created.status, 202, created.text)
      const id: string = created.body.server.id
      const operations = async (): Promise<OperationBody[]> =>
        (await cluster.request('GET', `/baton/v1/operations?subject=${id}`, undefined, auth)).body.operations
      await until('the build', 20_000, async () => (await operations()).every(o => o.status === 'done'))

      const following = startBaton(['logs', '--follow', '--instance', id, '--level', 'info', '--data', cluster.folder], { cwd: cluster.folder })
      started.push(following)
      await following.said('kind=build')
      const resized = await cluster.request(
        'POST',
        `${SERVERS}/${id}/action`,
        { resize: { flavorRef: 'small' } },
        { ...auth, traceparent: TRACEPARENT },
      )
      assert.is(resized.status, 202, resized.text)
      await until('the resize', 20_000, async () => (await operations()).some(o => o.kind === 'resize' && o.status === 'done'))
      const resize = (await operations()).find(o => o.kind === 'resize')
      assert.ok(resize)

      const seen: { spans: TracedSpan[]; traceId: string } = await json(`trace ${resize.id}`)
      assert.is(seen.traceId, TRACE)
      const spans = seen.spans.map(s => s.name)
      for (const name of [
        'POST /compute/v2.1/servers/:id/action',
        'operation resize',
        'step stop',
        'driver stop',
        'driver receive',
        'journal commit',
        'step claim',
        'host.claim',
      ])
        assert.ok(spans.includes(name), `${name} is not in ${spans.join(', ')}`)
      assert.equal(new Set(seen.spans.map(s => s.node.split('-')[0])), new Set(['gateway', 'conductor', 'compute']))
      // Every span hangs below another, but the request: its parent is the client's.
      const ids = new Set(seen.spans.map(s => s.spanId))
      assert.equal(
        seen.spans.filter(s => s.parentId === null || !ids.has(s.parentId)).map(s => [s.name, s.parentId]),
        [['POST /compute/v2.1/servers/:id/action', 'b7ad6b7169203331']],
      )
      console.log(await run(`trace ${TRACE}`))
      await until('the same spans at the collector', 10_000, () => spans.every(name => [...names.values()].some(of => of.has(name))))

      // Histograms lead to it: it is the newest trace in a bucket of each.
      const nodes: NodeBody[] = (await cluster.request('GET', '/baton/v1/nodes', undefined, auth)).body.nodes
      const ports = nodes.filter(n => n.role === 'conductor').map(n => `http://127.0.0.1:${n.load.metricsPort}`)
      const texts = [cluster.endpoint, ...ports].map(at => ask(`${at}/metrics`, 'GET', undefined, { accept: 'application/openmetrics-text' }))
      const openMetrics = (await Promise.all(texts)).map(answer => answer.text).join('')
      for (const name of ['http_request_duration', 'journal_commit', 'message_handling', 'operation_duration'])
        assert.match(openMetrics, new RegExp(`^baton_${name}_seconds_bucket.*trace_id="${TRACE}"`, 'm'))

      const lines: { node: string; message: string }[] = await json(`logs --request ${resize.requestId}`)
      const told = new Set(lines.map(l => `${l.node.split('-')[0]}: ${l.message}`))
      for (const line of ['gateway: a request was answered', 'conductor: an operation has ended', 'compute: a command was carried out'])
        assert.ok(told.has(line), `${line}: ${[...told].join(', ')}`)
      assert.equal(await json(`logs gateway-1 --request ${resize.requestId} --level error`), [])
      assert.ok((await json(`logs --instance ${id}`)).length > lines.length)
      // Also who only looked on has it, once.
      await following.said(new RegExp(`an operation has ended.*operation=${resize.id}`), 10_000)
      await following.stop('SIGINT')
      assert.is(
        following
          .output()
          .split('\n')
          .filter(l => l.includes('an operation has ended') && l.includes(resize.id)).length,
        1,
        following.output(),
      )

      const audited: { action: string; target: string; requestId: string }[] = await until('the audit line of the resize', 10_000, async () => {
        const entries = await json('audit list')
        return entries.some((e: { requestId: string }) => e.requestId === resize.requestId) && entries
      })
      assert.ok(audited.some(e => e.action.endsWith(' resize') && e.target === id))
      assert.match(await run('audit verify'), 'The chain is whole')

      const bundle: { file: string; files: { path: string }[] } = await json('debug bundle --out bundle.tar.gz')
      const packed = await readFile(join(cluster.folder, bundle.file))
      const text = gunzipSync(packed).toString('latin1')
      const databasePassword = new URL(cluster.databaseUrl().replace('@/', '@localhost/')).password
      for (const [what, secret] of Object.entries({ ...SECRETS, token, password, databasePassword })) {
        assert.ok(secret.length > 5 || what === 'databasePassword', what)
        if (secret !== '') assert.not.ok(text.includes(secret), `${what} is in the bundle`)
      }
      const paths = execFileSync('tar', ['-tzf', join(cluster.folder, bundle.file)], { encoding: 'utf8' })
        .trim()
        .split('\n')
      assert.equal(
        paths,
        bundle.files.map(f => f.path),
      )
      console.log(paths.join('\n'))
      for (const node of ['conductor-1', 'conductor-2', 'gateway-1', 'compute-1', 'compute-2'])
        for (const file of ['config.json', 'metrics.txt', 'log.txt'])
          assert.ok(paths.includes(`baton-debug/nodes/${node}/${file}`), `${node}/${file}`)
      assert.not.ok(paths.includes('baton-debug/missing.txt'))
      assert.match(text, `"fence.command": [`)
      const again = await baton(['debug', 'bundle', '--out', 'bundle.tar.gz', '--data', cluster.folder], { cwd: cluster.folder })
      assert.ok(again.code !== 0)
      assert.match(again.stderr, 'it is there already')

      await runSql(cluster.databaseUrl(), `update audit set line = replace(line, ' resize', ' os-stop') where line like '% resize%'`)
      const tampered = await baton(['audit', 'verify', '--data', cluster.folder])
      assert.is(tampered.code, 1)
      assert.match(tampered.stdout, 'TAMPERED: line')
    })
  } finally {
    for (const one of started) await one.stop()
    await cluster.stop()
    server.closeAllConnections()
    server.close()
  }
})

test.run()
