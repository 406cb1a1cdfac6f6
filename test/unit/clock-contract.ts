/** What every Membership must do when the database's clock is set. Part of `persistence-contract.ts`. */
import * as assert from 'uvu/assert'
import type { ContractTest } from './persistence-contract.ts'
import { append, event, instanceRow, node, rejectsWith } from './persistence-fixtures.ts'

/** Time between two renewals, ms. */
const RENEW_MS = 300

const reckoning = (boot: string, believedMs: number) => ({ believedMs, machine: { boot, uptimeMs: 0 } })

export function clockContract(test: ContractTest, leaseMs: number): void {
  test("the database's clock is set an hour forth and back: conductors that know better keep time, leases and all", async (subject, me, journal) => {
    const { membership } = subject
    const { incarnation: b, now: began } = await membership.join(node('b'))
    let elapsed = 0
    const believed = (): number => began + elapsed
    const renewBoth = async () => {
      const mine = await membership.renew(me, leaseMs, {}, reckoning('a', believed()))
      await membership.renew(b, leaseMs, {}, reckoning('b', believed()))
      return mine.now
    }
    for (const hours of [1, -1, -1, 1]) {
      await renewBoth()
      await subject.setClock(hours * 3_600_000)
      assert.is(await membership.declareDead(me, b, true), false, 'no lease has run out')
      const now = await renewBoth()
      assert.ok(Math.abs(now - believed()) < 1000, `${hours} h: ${now - believed()} ms off`)
      await subject.elapse(RENEW_MS)
      elapsed += RENEW_MS
      assert.is(await membership.declareDead(me, b, true), false)
    }
    await journal.append(append('x', [event(1, {}, began)], { row: instanceRow('x'), finished: true }))
    assert.equal(await subject.trim(60_000), { actors: 0, events: 0 }, 'retention goes by cluster time too')
  })

  test('whoever joins right after the clock was set waits for one who was there, or for as long as its lease', async (subject, me) => {
    const { membership } = subject
    const { now } = await membership.renew(me, leaseMs, {})
    await subject.setClock(3_600_000)
    const error = await rejectsWith('Unavailable', membership.join(node('b')))
    assert.is(error.details?.settlesWithinMs, leaseMs)
    await membership.renew(me, leaseMs, {}, reckoning('a', now))
    const joined = await membership.join(node('b'))
    assert.ok(Math.abs(joined.now - now) < 2000)
    await subject.setClock(3_600_000)
    const alone = await membership.join(node('c'), true)
    assert.ok(alone.now - now > 3_500_000, 'nobody knew better')
  })

  test('whoever starts on a machine where another ran knows from it how much time has passed', async (subject, me) => {
    const { membership } = subject
    const { now } = await membership.renew(me, leaseMs, {}, { believedMs: 0, machine: { boot: 'a', uptimeMs: 50_000 } })
    for (const [i, jumpMs] of [3_600_000, -3_600_000].entries()) {
      await subject.setClock(jumpMs)
      const joined = await membership.join(node('a', 51_000 + i))
      assert.ok(Math.abs(joined.now - now - 1000) < 2500, `${joined.now - now} ms`)
    }
  })
}
