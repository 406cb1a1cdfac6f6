/** A drain goes on whatever happens to conductors: every instance leaves its host, each is carried once, and none stops running. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { OperationBody } from '../../actors/api.ts'
import { FakeGuestSchema, parseWith } from '../../actors/hypervisor/drivers/records.ts'
import { startCluster, type TestCluster, telling, until } from '../support/cluster.ts'
import { assertOneStory, buildWhile, effectsIn, guestsIn } from '../support/history.ts'
import { shown } from '../support/hooks.ts'
import { anyOf, killEvery } from '../support/kill.ts'

const BUILDS = 50
const KILL_EVERY_MS = 2000
/** Each move takes long enough that several conductors die under the drain. */
const SWITCH_MS = 200

const drain = suite('drain under kill -9')
let cluster: TestCluster

drain.before(
  shown(async () => {
    const env = { BATON_DRIVER_FAKE_LATENCY_MS: String(SWITCH_MS) }
    cluster = await startCluster({ args: ['--computes', '3'], env })
  }),
)
drain.after(shown(() => cluster?.stop()))

drain(`a host with ${BUILDS} instances is emptied, each is carried once and goes on without a gap`, () => telling(cluster, emptied))

async function emptied(): Promise<void> {
  const [host = '', ...others] = cluster.processes('compute').map(({ id }) => id)
  // The others take nothing for a while, so that all are on one.
  for (const other of others) await post(`/baton/v1/hosts/${other}/disable`, { reason: 'not yet' })
  const ids: string[] = []
  let asked = 0
  await buildWhile(cluster, 'drained', 10, () => asked++ < BUILDS, ids)
  assert.is((await guestsIn(cluster.folder)).get(host)?.length, BUILDS, 'all are on one host')
  for (const other of others) await post(`/baton/v1/hosts/${other}/enable`)
  const boots = await bootsOf(ids, host)

  const { body } = await post(`/baton/v1/hosts/${host}/drain`, { parallel: 5 })
  const id: string = body.operation.id
  assert.match((await cluster.request('POST', `/baton/v1/hosts/${host}/drain`, {})).text, 'being emptied already')
  const killing = killEvery(KILL_EVERY_MS, 8, () => anyOf(cluster.processes('conductor')))
  const ended = await until('the drain to end', 60_000, async () => {
    const { body: seen } = await cluster.request('GET', `/baton/v1/operations/${id}`)
    const operation: OperationBody | undefined = seen?.operation
    return operation && operation.endedAt !== null ? operation : undefined
  }).finally(killing.stop)
  console.log(
    `drain: ${killing.victims.length} kills (${killing.victims.join(' ')}), ${BUILDS} moved in ${(ended.endedAt ?? 0) - ended.startedAt} ms`,
  )

  assert.is(ended.status, 'done', ended.fault?.message)
  assert.equal(ended.steps.at(-1)?.progress, { total: BUILDS, moved: BUILDS, failed: 0, left: 0 })
  assert.ok(killing.victims.length >= 1, 'somebody was killed meanwhile')
  assert.equal((await guestsIn(cluster.folder)).get(host), [], 'nothing is left on it')
  const { body: after } = await cluster.request('GET', `/baton/v1/hosts/${host}`)
  assert.equal([after.host.mode, after.host.claims, after.host.operation], ['disabled', 0, null])
  await assertOneStory(cluster, ids)

  const arrivals = (await effectsIn(cluster.folder)).filter(e => e.method === 'finishIncoming').map(e => e.instance)
  assert.equal(arrivals.toSorted(), ids.toSorted(), 'each was carried once')
  const guests = await guestsIn(cluster.folder)
  for (const other of others) {
    const here = guests.get(other) ?? []
    for (const [instance, boot] of await bootsOf(here, other)) assert.is(boot, boots.get(instance), `${instance} runs since the same boot`)
  }
}

async function post(path: string, body: object = {}) {
  const answer = await cluster.request('POST', path, body)
  assert.ok(answer.status < 300, `${path}: ${answer.status} ${answer.text}`)
  return answer
}

/** The boot since which each of these guests of a host runs. */
async function bootsOf(instances: readonly string[], host: string): Promise<Map<string, number>> {
  const parse = parseWith(FakeGuestSchema)
  const boots = new Map<string, number>()
  for (const instance of instances) {
    const guest = parse(JSON.parse(await readFile(join(cluster.folder, 'hosts', host, 'fake', 'guests', `${instance}.json`), 'utf8')))
    assert.ok(guest?.memory, `${instance} has memory on ${host}`)
    boots.set(instance, guest?.memory?.boot ?? -1)
  }
  return boots
}

drain.run()
