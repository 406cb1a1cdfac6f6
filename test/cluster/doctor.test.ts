/** `baton doctor` on real processes: what is done behind Baton's back is found, explained, repaired, and then gone. */
import { randomUUID } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DoctorBody } from '../../actors/doctor/report.ts'
import { baton, until, withCluster } from '../support/cluster.ts'
import { runSql } from '../support/database.ts'
import { active, create, guestsIn } from '../support/history.ts'
import { kill } from '../support/kill.ts'

const test = suite('baton doctor')
const FOUND_MS = 20_000
/** No audit gets there first. */
const QUIET = { BATON_RECONCILE_AUDIT_MS: '3600000', BATON_RECONCILE_UNKNOWN_GUESTS: 'destroy', BATON_HEARTBEAT_INTERVAL_MS: '300' }

test('a guest that vanished, one that nobody owns, and a row that lies', () =>
  withCluster({ args: ['--conductors', '1', '--computes', '2'], env: QUIET }, async cluster => {
    const [victim, liar] = [await create(cluster, 'victim'), await create(cluster, 'liar')]
    for (const id of [victim, liar]) await active(cluster, id)
    const look = async (...args: string[]): Promise<{ code: number | null; body: DoctorBody }> => {
      const { code, stdout, stderr } = await cluster.baton(['doctor', '--json', ...args])
      assert.is(stderr, '')
      return { code, body: JSON.parse(stdout) }
    }
    const healthy = await until('both guests are reported', FOUND_MS, async () => {
      const now = await look()
      return now.body.looked.guests === 2 && now
    })
    assert.equal([healthy.code, healthy.body.findings, healthy.body.unseen], [0, [], []])

    const [host = ''] = [...(await guestsIn(cluster.folder))].find(([, guests]) => guests.includes(victim)) ?? []
    const folder = join(cluster.folder, 'hosts', host, 'fake', 'guests')
    const guest = JSON.parse(await readFile(join(folder, `${victim}.json`), 'utf8'))
    const stranger = randomUUID()
    await writeFile(join(folder, `${stranger}.json`), JSON.stringify({ ...guest, spec: { ...guest.spec, instance: stranger } }))
    await rm(join(folder, `${victim}.json`))
    kill(cluster.processes('compute').find(p => p.id === host)?.pid ?? 0)
    await runSql(cluster.databaseUrl(), `update instance set body = jsonb_set(body, '{name}', '"somebody"') where id = '${liar}'`)

    const planted = [`StaleView instance/${liar}`, `UnknownGuest instance/${stranger}`, `VanishedGuest instance/${victim}`]
    const names = ({ findings }: DoctorBody) => findings.map(f => `${f.code} ${f.subject}`).sort()
    const found = await until('the doctor finds all that was planted', FOUND_MS, async () => {
      const now = await look()
      if (names(now.body).join() !== planted.join()) throw new Error(JSON.stringify(names(now.body)))
      return now
    })
    assert.is(found.code, 1)
    const text = await cluster.baton(['doctor', '--host', host])
    assert.match(text.stdout, new RegExp(`critical +VanishedGuest +instance/${victim} +${host} +active on ${host} +no guest on ${host}`))
    assert.match(text.stdout, /--repair +does what reconcile.vanishedGuests says/)

    const { code, stdout } = await cluster.baton(['doctor', '--repair'])
    for (const what of planted) assert.match(stdout, new RegExp(`repaired +${what.replace(' ', ' +')}`))
    assert.is(code, 0, stdout)
    assert.match(stdout, 'Nothing differs.')
    assert.equal((await guestsIn(cluster.folder)).get(host)?.includes(stranger), false)
    assert.is((await look()).code, 0)

    assert.is((await cluster.baton(['doctor', '--instance', 'nope'])).code, 3)
    assert.is((await baton(['doctor', '--endpoint', 'http://127.0.0.1:1'])).code, 2, 'it could not look')
  }))

test.run()
