/** Quotas on real processes: exact under 50 clients at once, also while conductors are killed. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Answer, FAKE_IMAGE, SERVERS, startCluster, type TestCluster, telling, until } from '../support/cluster.ts'
import { shown } from '../support/hooks.ts'
import { anyOf, killEvery } from '../support/kill.ts'

const CLIENTS = 50
const LIMIT = 20
const SETS = '/compute/v2.1/os-quota-sets'

const quotas = suite('quotas')
let cluster: TestCluster

quotas.before(
  shown(async () => {
    cluster = await startCluster({ args: ['--conductors', '3', '--computes', '2'] })
  }),
)
quotas.after(shown(() => cluster?.stop()))

/** Asks for so many instances, by many clients at once. A request whose answer was lost comes again with its token. */
async function createMany(project: string, prefix: string, count: number): Promise<{ made: string[]; refused: Answer[] }> {
  const made: string[] = []
  const refused: Answer[] = []
  let next = 0
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (next < count) {
        const name = `${prefix}-${next++}`
        const server = { name, flavorRef: 'tiny', imageRef: FAKE_IMAGE, networks: 'none' }
        const answer = await cluster.request('POST', SERVERS, { server }, { 'x-project-id': project, 'x-client-token': name })
        if (answer.status === 202) made.push(answer.body.server.id)
        else refused.push(answer)
      }
    }),
  )
  return { made, refused }
}

const setLimit = async (project: string, limits: object): Promise<Answer> => cluster.request('PUT', `${SETS}/${project}`, { quota_set: limits })

const inUse = async (project: string): Promise<number> => (await cluster.request('GET', `${SETS}/${project}/detail`)).body.quota_set.instances.in_use

const nothingDiffers = async (project: string): Promise<void> => {
  const { code, stdout, stderr } = await cluster.baton(['quota', 'check', project])
  assert.is(code, 0, `${stdout}${stderr}`)
}

quotas('200 creates of 50 clients at once: exactly as many as the limit, and after 5 deletes exactly 5 more', () =>
  telling(cluster, async () => {
    await setLimit('race', { instances: LIMIT })
    const { made, refused } = await createMany('race', 'race', 200)
    assert.is(new Set(made).size, LIMIT)
    for (const { status, headers, body } of refused) {
      assert.is(status, 403)
      assert.is(headers.get('x-baton-error'), 'QuotaExceeded')
      assert.match(body.forbidden.message, 'Quota exceeded for instances: requested 1, but already used 20 of 20 in project race')
    }
    assert.is(await inUse('race'), LIMIT)
    for (const id of made.slice(0, 5)) assert.is((await cluster.request('DELETE', `${SERVERS}/${id}`)).status, 204)
    await until('the deleted ones given back', 30_000, async () => (await inUse('race')) === LIMIT - 5)
    assert.is((await createMany('race', 'again', 60)).made.length, 5)
    const several = { server: { name: 'm', flavorRef: 'tiny', imageRef: FAKE_IMAGE, networks: 'none', min_count: 3, max_count: 3 } }
    await setLimit('race', { instances: LIMIT + 2 })
    assert.is((await cluster.request('POST', SERVERS, several, { 'x-project-id': 'race' })).status, 403, 'three do not fit where two do')
    assert.is(await inUse('race'), LIMIT)
    await nothingDiffers('race')
  }),
)

quotas('the same while conductors get kill -9', () =>
  telling(cluster, async () => {
    await setLimit('storm', { instances: LIMIT })
    const killing = killEvery(120, 2, () => anyOf(cluster.processes('conductor')))
    const { made } = await createMany('storm', 'storm', 200).finally(killing.stop)
    console.log(`${killing.victims.length} kills (${killing.victims.join(' ')}), ${made.length} created`)
    assert.ok(killing.victims.length > 0)
    assert.is(new Set(made).size, LIMIT)
    assert.is(await inUse('storm'), LIMIT)
    await nothingDiffers('storm')
  }),
)

quotas('bad input is refused, and changes nothing', () =>
  telling(cluster, async () => {
    const cases: readonly (readonly [object, string])[] = [
      [{ cores: -2 }, 'whole number from 0 to 2147483647, or -1'],
      [{ cores: 1.5 }, 'whole number'],
      [{ cores: 'many' }, 'whole number'],
      [{ volumes: 3 }, 'there is no such quota'],
      [{}, 'it names no quota to set'],
      [{ instances: 3 }, 'limit 3 for instances must be greater than or equal to the 20 already used'],
    ]
    const before = await cluster.request('GET', `${SETS}/race`)
    for (const [limits, message] of cases) {
      const { status, body } = await setLimit('race', limits)
      assert.is(status, 400, message)
      assert.match(body.badRequest.message, message)
    }
    assert.equal((await cluster.request('GET', `${SETS}/race`)).body, before.body)
    assert.is((await cluster.request('GET', `${SETS}/a.b`)).status, 400)
    assert.is((await cluster.request('GET', '/compute/v2.1/limits', undefined, { 'x-project-id': 'a b' })).status, 400)
    assert.is((await setLimit('race', { instances: 3, force: true })).status, 200)
    assert.is((await cluster.request('GET', '/compute/v2.1/limits', undefined, { 'x-project-id': 'race' })).body.limits.absolute.maxTotalInstances, 3)
    assert.is((await cluster.request('DELETE', `${SETS}/race`)).status, 202)
    assert.is((await cluster.request('GET', `${SETS}/race`)).body.quota_set.instances, -1)
  }),
)

quotas.run()
