/** Health and metrics of a node that has no API, over a socket. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type HealthServer, startHealthServer } from '../../transport/http/health-server.ts'

const state = { ready: true, reasons: ['no database'], fails: false }

async function withServer(body: (url: string, server: HealthServer) => Promise<void>): Promise<void> {
  const server = await startHealthServer({
    isReady: () => ({ ready: state.ready, reasons: state.ready ? [] : state.reasons }),
    metrics(openMetrics) {
      if (state.fails) throw new Error('no numbers')
      return openMetrics ? '# EOF\n' : 'baton_up 1\n'
    },
  })
  try {
    await body(`http://127.0.0.1:${server.port}`, server)
  } finally {
    await server.close()
  }
}

test('alive, ready or not with reasons, and numbers in both formats', () =>
  withServer(async url => {
    assert.equal(await (await fetch(`${url}/healthz?deep=1`)).json(), { status: 'ok' })
    assert.equal(await (await fetch(`${url}/readyz`)).json(), { status: 'ready', reasons: [] })
    state.ready = false
    const unready = await fetch(`${url}/readyz`)
    state.ready = true
    assert.equal([unready.status, unready.headers.get('retry-after')], [503, '1'])
    assert.equal(await unready.json(), { status: 'not ready', reasons: ['no database'] })
    const plain = await fetch(`${url}/metrics`)
    assert.equal([plain.headers.get('content-type'), await plain.text()], ['text/plain; version=0.0.4; charset=utf-8', 'baton_up 1\n'])
    const open = await fetch(`${url}/metrics`, { headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' } })
    assert.equal([open.headers.get('content-type'), await open.text()], ['application/openmetrics-text; version=1.0.0; charset=utf-8', '# EOF\n'])
  }))

test('another path, another method and numbers that cannot be had are refused, and the next is answered', () =>
  withServer(async url => {
    const missing = await fetch(`${url}/`)
    assert.equal([missing.status, await missing.text()], [404, 'There are only /healthz, /readyz, /metrics here.\n'])
    assert.is((await fetch(`${url}/healthz`, { method: 'POST', body: 'x' })).status, 405)
    assert.is((await fetch(`${url}/healthz`, { method: 'HEAD' })).status, 200)
    state.fails = true
    const failed = await fetch(`${url}/metrics`)
    state.fails = false
    assert.equal([failed.status, await failed.text()], [500, 'no numbers\n'])
    assert.is((await fetch(`${url}/metrics`)).status, 200)
  }))

test('it closes under somebody who never sends the rest', () =>
  withServer(async (url, server) => {
    const client = connect(Number(new URL(url).port), '127.0.0.1')
    await once(client, 'connect')
    client.write('GET /healthz HTTP/1.1\r\n')
    await fetch(`${url}/healthz`) // by now the half is there as well
    const ended = once(client, 'close')
    client.resume()
    await server.close()
    await ended
  }))

test.run()
