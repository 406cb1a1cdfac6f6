/** Alerts of real processes: a host is frozen, the webhook refuses, the conductor that judged is killed; one alert is fired, told and over. */
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { until, withCluster } from '../support/cluster.ts'
import { kill, signal } from '../support/kill.ts'

const test = suite('alerts of a cluster')
const BOUND_MS = 20_000
const SECRET = 'a secret of the test'

interface Told {
  readonly id: string
  readonly kind: string
  readonly attempt: number
  readonly sentAt: number
  readonly alert: { readonly code: string; readonly subject: string; readonly message: string }
  readonly isSigned: boolean
}

/** Refuses the first. */
async function receiver() {
  const told: Told[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    const [, t, v1] = /^t=(\d+),v1=(\w+)$/.exec(String(request.headers['baton-signature'])) ?? []
    told.push({ ...JSON.parse(body), isSigned: v1 === createHmac('sha256', SECRET).update(`${t}.${body}`).digest('hex') })
    response.writeHead(told.length === 1 ? 500 : 204).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { told, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`, close: () => server.close() }
}

test('a frozen host: fired, told again after a refusal by another conductor, and over when it is heard', async () => {
  const hook = await receiver()
  const env = {
    ...{ BATON_ALERTS_WEBHOOK: hook.url, BATON_ALERTS_SECRET: SECRET },
    ...{ BATON_HEARTBEAT_INTERVAL_MS: '300', BATON_HEARTBEAT_SUSPECT_MS: '1200', BATON_HEARTBEAT_DOWN_MS: '2000' },
  }
  try {
    await withCluster({ args: ['--conductors', '2', '--computes', '2'], env }, async cluster => {
      await cluster.whole()
      const victim = cluster.processes('compute').find(({ id }) => id === 'compute-2')
      if (!victim) throw new Error('compute-2 does not run')
      const frozenAt = Date.now()
      signal(victim.pid, 'SIGSTOP')
      const [first] = await until('the webhook is told', BOUND_MS, () => hook.told.length > 0 && hook.told)
      const judge = await until('the judge is known by its log', BOUND_MS, async () => {
        for (const node of cluster.processes('conductor')) if ((await cluster.log(node.id)).some(({ msg }) => msg === 'an alert fires')) return node
        return undefined
      })
      kill(judge.pid)
      const again = await until('it is told again', BOUND_MS, () => hook.told[1])
      assert.equal([first?.id, again.id, again.kind, again.alert.subject], ['1.fired', '1.fired', 'fired', 'host/compute-2'])
      const text = await cluster.baton(['alerts'])
      assert.match(text.stdout, /critical +host-silent +host\/compute-2/)
      assert.match(text.stdout, /Next:\n {2}host-silent: look at the host/)

      signal(victim.pid, 'SIGCONT')
      await until('it is told that it is over', BOUND_MS, () => hook.told.find(({ id }) => id === '1.cleared'))
      const { stdout } = await cluster.baton(['alerts', '--history', '--json'])
      const { firing, ended, webhook } = JSON.parse(stdout)
      assert.equal([firing.filter((a: Told['alert']) => a.code === 'host-silent'), webhook.waiting, webhook.failure], [[], 0, null])
      assert.equal(
        ended.filter((a: Told['alert']) => a.subject === 'host/compute-2').map((a: Told['alert']) => a.code),
        ['host-silent'],
        'one alert, though two conductors have judged',
      )
      assert.ok(hook.told.every(({ isSigned }) => isSigned))
      const config = await cluster.baton(['config', 'show'])
      assert.not.match(config.stdout, SECRET)
      for (const { id, attempt, sentAt, alert } of hook.told)
        console.log(`${sentAt - frozenAt} ms after the freeze: ${id} attempt ${attempt}: ${alert.message}`)
      for (const { id } of cluster.processes()) assert.not.match(JSON.stringify(await cluster.log(id)), SECRET)
    })
  } finally {
    hook.close()
  }
})

test.run()
