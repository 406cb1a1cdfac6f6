/** Agents and backups on the page: how the agent of an instance is, a backup that is made, put back and thrown away, all of it seen live. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { shown } from '../support/hooks.ts'
import type { PageWorld } from '../support/page-world.ts'
import { closeBrowser, go, serious, visiting } from './visit.ts'

const test = suite('agents on the page')
test.after(shown(closeBrowser))

const ID = '4be6c5d0-8a5f-4a53-9c42-0d3f6d0d2f11'

async function withAgent(world: PageWorld): Promise<void> {
  const asked = { project: 'default', flavor: 'small', image: 'fake', metadata: {}, reservation: 'r', requestId: 'req-made' }
  await world.fake.api.createInstances({ ids: [ID], name: 'database-1', ...asked })
  world.finish(ID)
  world.setInstance(ID, { host: 'compute-1', agent: { required: true, bootMs: 1000 } })
}

test('an agent is seen, has a backup made, which is put back and thrown away; nothing of it is an accessibility finding', () =>
  visiting({}, async ({ world, page }) => {
    await withAgent(world)
    await go(page, `#/instances/${ID}`)
    const card = page.locator('section', { has: page.getByRole('heading', { name: 'Agent' }) })
    await card.getByText('There is no backup for it.').waitFor()
    await card.getByText('fake/1').waitFor()
    await card.getByRole('button', { name: 'Back up (full)' }).click()
    const backup = card.locator('.backup')
    await backup.waitFor()
    const [made] = await world.fake.api.listBackups({})
    world.fake.setImage(made?.id ?? '', { status: 'saving' })
    await backup.getByText('BUILDING').waitFor()
    assert.is(await backup.getByRole('button', { name: 'Restore' }).count(), 0, 'not before it is made')
    world.finish(ID)
    world.fake.setImage(made?.id ?? '', { status: 'active', sizeBytes: 4096 })
    await backup.getByText('COMPLETED').waitFor()
    assert.equal(await serious(page), [])
    const answer = (button: string) => page.getByRole('dialog').getByRole('button', { name: button, exact: true }).click()
    await backup.getByRole('button', { name: 'Restore' }).click()
    assert.equal(await serious(page), [])
    const asked = page.waitForResponse(response => response.url().endsWith(`/guests/${ID}/restore`))
    await answer('Restore')
    assert.is((await asked).status(), 202)
    world.finish(ID)
    await page.getByText('guest-restore').first().waitFor()
    await backup.getByRole('button', { name: 'Delete' }).click()
    await answer('Cancel')
    assert.is(await backup.count(), 1)
    await backup.getByRole('button', { name: 'Delete' }).click()
    await answer('Delete')
    await card.getByText('There is no backup for it.').waitFor()
  }))

test.run()
