/** The webhook against a receiver of the test's own. */
import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Notification } from '../../actors/alerts/body.ts'
import { loadConfig } from '../../supervisors/config/config.ts'
import { createWebhook, webhookProblem } from '../../transport/webhook.ts'
import { rejectsWith } from './persistence-fixtures.ts'

const test = suite('webhook')
const SECRET = 'a-secret-of-the-test'
const NOTIFICATION: Notification = {
  ...{ id: '7.fired', kind: 'fired', attempt: 2 },
  alert: {
    ...{ id: 7, code: 'host-silent', severity: 'critical', subject: 'host/h1', message: 'no heartbeat of h1', remedy: 'look' },
    ...{ firedAt: 5, clearedAt: null },
  },
}

interface Heard {
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

async function withReceiver(answer: (response: ServerResponse) => void, body: (url: string, heard: Heard[]) => Promise<void>): Promise<void> {
  const heard: Heard[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const piece of request) text += piece
    heard.push({ headers: request.headers, body: text })
    answer(response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  try {
    await body(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/hook?token=hidden`, heard)
  } finally {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
}

test('what is sent is signed over its time and text, so that a receiver can check both', () =>
  withReceiver(
    response => response.writeHead(204).end(),
    async (url, heard) => {
      await createWebhook({ url, secret: SECRET, nowMs: () => 1_700_000_000_500 })(NOTIFICATION)
      const [{ headers, body } = { headers: {}, body: '' }] = heard
      assert.equal(JSON.parse(body), { ...NOTIFICATION, attempt: 3, sentAt: 1_700_000_000_500 })
      assert.is(headers['baton-notification'], '7.fired')
      const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['baton-signature'])) ?? []
      assert.is(t, '1700000000')
      assert.is(v1, createHmac('sha256', SECRET).update(`${t}.${body}`).digest('hex'))
      await createWebhook({ url, secret: null, nowMs: () => 0 })(NOTIFICATION)
      assert.is(heard[1]?.headers['baton-signature'], undefined)
    },
  ))

test('what is no 2xx is a failure that says so, a redirect too; what the address hides is not said', async () => {
  for (const [status, headers] of [
    [500, {}],
    [302, { location: 'http://169.254.169.254/' }],
    [410, {}],
  ] as const)
    await withReceiver(
      response => response.writeHead(status, headers).end('x'.repeat(100_000)),
      async url => {
        const error = await rejectsWith('WebhookFailed', createWebhook({ url, secret: SECRET, nowMs: () => 0 })(NOTIFICATION))
        assert.match(error.message, new RegExp(`^the webhook at 127.0.0.1:\\d+ answered with ${status}$`))
      },
    )
})

test('nobody there, or somebody who never answers, is a failure too', async () => {
  let gone = ''
  await withReceiver(
    () => {},
    async url => {
      gone = url
      const error = await rejectsWith('WebhookFailed', createWebhook({ url, secret: null, nowMs: () => 0, timeoutMs: 100 })(NOTIFICATION))
      assert.match(error.message, /did not answer within 100 ms$/)
    },
  )
  assert.match((await rejectsWith('WebhookFailed', createWebhook({ url: gone, secret: null, nowMs: () => 0 })(NOTIFICATION))).message, /ECONNREFUSED/)
})

test('addresses and secrets are checked, and never shown', () => {
  assert.is(webhookProblem('https://example.org/hook'), null)
  for (const [text, says] of [
    ['ftp://example.org', /must begin with http:\/\/ or https:\/\/, not ftp:/],
    ['file:///etc/passwd', /not file:/],
    ['nonsense', /must be an address such as/],
    ['https://ann:pw@example.org/', /must not hold a user and password/],
  ] as const)
    assert.match(webhookProblem(text) ?? '', says)
  const wrong = () => loadConfig({ env: { BATON_ALERTS_WEBHOOK: 'gopher://x/?key=abc', BATON_ALERTS_SECRET: 'too-short' } })
  assert.throws(wrong, (error: Error) => /at least 16 characters/.test(error.message) && !/too-short|key=abc/.test(error.message))
})

test.run()
