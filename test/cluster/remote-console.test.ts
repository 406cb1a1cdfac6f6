/** A serial console through a whole cluster: typed and answered, by CLI and by WebSocket, while every conductor is killed in turn. */
import { spawn } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PROCESS_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { openRemote } from '../../transport/console-client/remote.ts'
import { BATON, SERVERS, until, withCluster } from '../support/cluster.ts'
import { canRunProcesses } from '../support/driver-process-bench.ts'
import { active } from '../support/history.ts'
import { kill } from '../support/kill.ts'

const test = suite('remote console')

/** What `baton console` prints when this is typed into it by a pipe. */
async function piped(endpoint: string, typed: string): Promise<string> {
  const child = spawn(BATON, ['console', 'typed-at', '--endpoint', endpoint, '--seconds', '1'], { env: { ...process.env, BATON_AUTH_MODE: 'none' } })
  let out = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', data => {
      out += data
    })
  child.stdin.end(typed)
  await new Promise(resolve => child.once('close', resolve))
  return out
}

test('typed and answered, while the conductors between are killed one after the other', async () => {
  if (!(await canRunProcesses())) return
  await withCluster({ args: ['--driver', 'process', '--conductors', '2', '--computes', '1'] }, async cluster => {
    const server = { name: 'typed-at', flavorRef: 'tiny', imageRef: PROCESS_IMAGE.id, networks: 'none' }
    const made = await cluster.request('POST', SERVERS, { server })
    const id: string = made.body.server.id
    await active(cluster, id)
    assert.match(await piped(cluster.endpoint, 'id\n'), new RegExp(`boot complete[\\s\\S]*instance ${id}, named typed-at`))

    const refused = await cluster.request('POST', `${SERVERS}/${id}/remote-consoles`, { remote_console: { protocol: 'vnc', type: 'novnc' } }, AT)
    assert.equal([refused.status, /the driver process has none/.test(refused.text)], [400, true], refused.text)
    const asked = await cluster.request('POST', `${SERVERS}/${id}/remote-consoles`, { remote_console: { protocol: 'serial', type: 'serial' } }, AT)
    let seen = ''
    let closed = ''
    const line = openRemote(asked.body.remote_console.url, {
      onBytes(bytes) {
        seen += Buffer.from(bytes).toString('utf8')
      },
      onClosed(why) {
        closed = why
      },
    })
    const answered = async (word: string): Promise<void> => {
      line.type(`echo ${word}\r`)
      await until(`an answer to ${word}; ${closed}`, 20_000, () => seen.includes(`\r\n${word}\r\n`))
    }
    await answered('before')
    for (const { id: conductor, pid } of cluster.processes('conductor')) {
      kill(pid)
      await answered(`after-${conductor}`)
      await cluster.whole()
    }
    await cluster.request('POST', `${SERVERS}/${id}/action`, { 'os-stop': null })
    await until('the end of the guest to be told', 20_000, () => closed === 'the guest has ended')
    assert.is(seen.split('\r\nbefore\r\n').length, 2, 'nothing came twice')
    const { body } = await cluster.request('GET', '/baton/v1/audit')
    const actions: string[] = body.audit.map((l: { action: string }) => l.action)
    assert.ok(actions.includes('WEBSOCKET /remote-console open serial') && actions.includes('WEBSOCKET /remote-console close serial'), `${actions}`)
  })
})

const AT = { 'openstack-api-version': 'compute 2.90' }

test.run()
