/** The page in a real browser, before a cluster in memory: what a person does there, and what the page does when the cluster changes. */
// Two of them look at large clusters for a while; time limit: 180 s
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { shown } from '../support/hooks.ts'
import { ADMIN_PASSWORD } from '../support/identity.ts'
import type { PageWorld } from '../support/page-world.ts'
import { reload, signIn } from './browser.ts'
import { closeBrowser, go, serious, until, visiting } from './visit.ts'

const test = suite('console in a browser')

const ALL_VIEWS = ['overview', 'instances', 'operations', 'hosts', 'hosts/compute-3', 'queues', 'events', 'doctor', 'topology', 'create']

test.after(shown(closeBrowser))

/** An instance that is active. */
async function made(world: PageWorld): Promise<string[]> {
  const id = '4be6c5d0-8a5f-4a53-9c42-0d3f6d0d2f11'
  const asked = { project: 'default', flavor: 'small', image: 'fake', metadata: {}, reservation: 'r', requestId: 'req-made' }
  await world.fake.api.createInstances({ ids: [id], name: 'shop-front-1', ...asked })
  world.finish(id)
  world.setInstance(id, { host: 'compute-1' })
  return [id]
}

test('a wrong password is told; the token is in no URL; signing out ends it', () =>
  visiting({}, async ({ world, browser, page }) => {
    const other = await (await browser.newContext()).newPage()
    const urls: string[] = []
    other.on('request', request => urls.push(request.url()))
    other.on('websocket', socket => urls.push(socket.url()))
    await other.goto(world.origin)
    await other.getByLabel('User').fill('admin')
    await other.getByLabel('Password').fill('a guess')
    await other.getByRole('button', { name: 'Sign in' }).click()
    await other.getByRole('alert').waitFor()
    await signIn(other, world.origin)
    const token = String(await other.evaluate(`JSON.parse(sessionStorage.getItem('baton.session')).token`))
    assert.ok(token.length > 50 && urls.some(url => url.startsWith('ws')) && !urls.some(url => url.includes(token)))
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    await page.reload()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
  }))

test('create, and watch it become active; what it is called is text, whatever it is called', () =>
  visiting({}, async ({ world, page }) => {
    const name = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`
    await go(page, '#/create')
    await page.getByLabel('Name').fill(name)
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('heading', { name }).waitFor()
    await page.getByText('building', { exact: true }).waitFor()
    const [made] = await world.fake.api.listInstances({})
    world.finish(made?.id ?? '')
    await page.locator('h1').getByText('active', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.locator('h1').getByText('powering-off …').waitFor()
    world.finish(made?.id ?? '', { code: 'DriverFault', message: `<b onclick=alert(1)>broken</b>` })
    await page.getByText('<b onclick=alert(1)>broken</b>').first().waitFor()
    await go(page, '#/instances')
    await page.getByRole('link', { name }).waitFor()
    assert.is.not(await page.title(), 'owned')
    assert.is(await page.locator('img, main script').count(), 0)
  }))

test('a conductor dies: its shards are seen to move, and the take-over is told', () =>
  visiting({ conductors: 3 }, async ({ world, page }) => {
    await go(page, '#/overview')
    const map = page.locator('.shards')
    const label = () => map.getAttribute('aria-label')
    await until(page, `document.querySelectorAll('.shards i').length === 128`)
    assert.match((await label()) ?? '', /conductor-2 43/)
    const { settle } = world.kill('conductor-2')
    await page.locator('.shards i.moved').first().waitFor()
    settle()
    await until(page, `/conductor-2 0/.test(document.querySelector('.shards')?.getAttribute('aria-label'))`)
    await page.getByText(/43 shards/).waitFor()
    await page.locator('.conductors').getByText('gone').waitFor()
    assert.is(await page.locator('.shards .owner-none').count(), 0)
    await page.getByLabel('Time of what is shown').focus()
    await page.keyboard.press('Home')
    await until(page, `/conductor-2 43/.test(document.querySelector('.shards')?.getAttribute('aria-label'))`)
  }))

test('the last hour is replayed: a take-over, the hosts and the alerts of then, and back to now', () =>
  visiting({ conductors: 3, hosts: 8, remembers: 30 }, async ({ world, page }) => {
    const now = Date.now()
    const alert = { code: 'host-silent', severity: 'critical', subject: 'host/compute-1', remedy: 'look at the host' } as const
    const over = { ...alert, id: 1, message: 'no heartbeat of compute-1', firedAt: now - 19 * 60_000, clearedAt: now - 17 * 60_000 }
    world.setAlerts({
      firing: [{ ...alert, id: 2, subject: 'host/compute-2', message: '<b>compute-2</b>', firedAt: now, clearedAt: null }],
      ended: [over],
    })
    await go(page, '#/overview')
    await page.getByRole('img', { name: '1 alert' }).waitFor()
    await page.getByRole('alert').getByText('<b>compute-2</b>').waitFor()
    assert.is(await page.getByText('no heartbeat of compute-1', { exact: true }).count(), 0, 'what is over is not shown as if it were now')
    await page.getByText(/42 shards from conductor-3|from conductor-3 \(42\)/).waitFor()

    await page
      .getByRole('button', { name: /^take-over: .*conductor-3/ })
      .first()
      .click()
    await page.getByText(/^As it was at/).waitFor()
    await until(page, `/conductor-3 0/.test(document.querySelector('.shards')?.getAttribute('aria-label'))`)
    assert.is(await page.locator('.tile.bad').count(), 4)
    await page.getByText('no heartbeat of compute-1', { exact: true }).waitFor()
    assert.is(await page.getByText('<b>compute-2</b>').count(), 0)
    await page.getByText(/done and .* not done in a second/).waitFor()

    await page.getByLabel('Time of what is shown').focus()
    await page.keyboard.press('Home')
    await until(page, `/conductor-3 42/.test(document.querySelector('.shards')?.getAttribute('aria-label'))`)
    assert.is(await page.locator('.tile.bad').count(), 0)
    await page.getByRole('button', { name: 'Back to now' }).click()
    await page.getByRole('alert').getByText('<b>compute-2</b>').waitFor()
    assert.is(await page.getByText(/^As it was at/).count(), 0)
  }))

test('the gateway is cut off: the page says so, comes back by itself, and shows what happened meanwhile', () =>
  visiting({}, async ({ world, page }) => {
    await go(page, '#/hosts')
    await page.getByRole('link', { name: 'compute-1', exact: true }).waitFor()
    await world.cut()
    await page.getByText(/^Not live: .*trying again/).waitFor()
    world.setHost('compute-1', { state: 'down' })
    await world.restore()
    await page.getByText(/^Live by/).waitFor()
    await page.getByRole('row', { name: /compute-1 down/ }).waitFor()
  }))

test('the serial console: what was before, what is typed is answered; one has the keyboard; closed, it says why and opens again', () =>
  visiting({}, async ({ world, browser, page }) => {
    const [id] = await made(world)
    await go(page, `#/instances/${id}?tab=serial`)
    const said = (text: string) => page.getByText(text).first().waitFor()
    await said('shop-front-1 login:')
    await page.keyboard.type('root')
    await page.keyboard.press('Enter')
    await said('you typed a line')
    assert.is(world.guest.opened[0]?.heard(), 'root\r')
    await page.keyboard.press('Control+]')
    assert.is(await page.evaluate(`document.activeElement.closest('.terminal') === null`), true, 'there is a way out by keys')
    const other = await browser.newPage()
    await signIn(other, world.origin)
    await go(other, `#/instances/${id}?tab=serial`)
    await other.getByText('Somebody else types; you look.').waitFor()
    await other.getByText('you typed a line').first().waitFor()
    await other.getByRole('button', { name: 'Take the keyboard' }).click()
    await said('Somebody else types; you look.')
    await other.close()
    world.guest.opened[0]?.end('the guest has been switched off')
    await page.getByRole('alert').filter({ hasText: 'the guest has been switched off' }).waitFor()
    await page.getByRole('button', { name: 'Open again' }).click()
    await page.getByText('You have the keyboard').waitFor()
    assert.is(world.guest.opened.length, 2)
  }))

test('the screen: its picture is drawn, keys go to the guest; by a link it is shown once, without signing in', () =>
  visiting({}, async ({ world, browser, page }) => {
    const [id] = await made(world)
    await go(page, `#/instances/${id}?tab=screen`)
    const isDrawn = `[...document.querySelectorAll('.screen canvas')].some(each => each.width === 320)`
    await until(page, isDrawn)
    await page.keyboard.press('a')
    await until(page, `(c => c && c.getContext('2d').getImageData(20, 20, 1, 1).data[0] === 0xdd)(document.querySelector('.screen canvas'))`)
    assert.equal(world.keys(), [0x61])
    await page.getByRole('button', { name: 'Send Ctrl+Alt+Del' }).click()
    await until(page, `true`)
    const token = await world.identity.token('admin', ADMIN_PASSWORD)
    const answer = await fetch(`${world.origin}/compute/v2.1/servers/${id}/remote-consoles`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-auth-token': token, 'openstack-api-version': 'compute 2.90' },
      body: JSON.stringify({ remote_console: { protocol: 'vnc', type: 'novnc' } }),
    })
    const { remote_console: asked } = (await answer.json()) as { remote_console: { url: string } }
    const guest = await (await browser.newContext()).newPage()
    const urls: string[] = []
    guest.on('request', request => urls.push(request.url()))
    await guest.goto(asked.url)
    await until(guest, isDrawn)
    assert.not(
      urls.some(url => url.includes('token')),
      'the page is fetched without it',
    )
    await guest.reload()
    await guest.getByRole('alert').filter({ hasText: 'was used already' }).waitFor()
    await guest.close()
  }))

test('a page of another site gets no WebSocket', () =>
  visiting({}, async ({ world, browser }) => {
    const page = await (await browser.newContext()).newPage()
    // To a browser this is another site: the same machine by another name. What is open there has no policy of its own.
    const elsewhere = world.origin.replace('127.0.0.1', 'localhost')
    await page.goto(`${elsewhere}/healthz`)
    const trying = (origin: string) => `new Promise(done => {
      const socket = new WebSocket(${JSON.stringify(`${origin.replace('http', 'ws')}/console`)}, 'baton.console.v1')
      socket.onopen = () => done('open')
      socket.onerror = () => done('refused')
    })`
    assert.equal([await page.evaluate(trying(world.origin)), await page.evaluate(trying(elsewhere))], ['refused', 'open'])
    // And the page itself may connect to nobody but where it came from.
    await page.goto(world.origin)
    assert.is(await page.evaluate(trying(elsewhere)), 'refused')
  }))

test('of a hundred thousand instances as many as the cluster tells are scrolled through, and few are drawn', () =>
  visiting({ instances: 100_000 }, async ({ page }) => {
    await go(page, '#/instances')
    const table = page.getByRole('table')
    await page.getByRole('table', { name: 'Instances: 1,000 rows' }).focus()
    await page.keyboard.press('End')
    await page.getByRole('table', { name: 'Instances: 10,000 rows' }).waitFor()
    await page.keyboard.press('End')
    await page.getByRole('row').nth(20).waitFor()
    await page.getByRole('link', { name: 'worker-9999' }).waitFor()
    assert.ok((await page.getByRole('row').count()) < 80)
    await page.getByLabel('State').selectOption('error')
    await until(page, `location.hash.includes('state=error')`)
    await page.getByRole('table', { name: /^Instances: 2,4.. rows/ }).waitFor()
    await table.focus()
    await page.keyboard.press('Home')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.getByText('DriverFault').first().waitFor()
  }))

const settled = (page: Page): Promise<void> =>
  until(page, `![...document.querySelectorAll('main [role=status]')].some(each => /^Reading/.test(each.textContent))`)

/** Dark differs from light in its colours alone; on a phone other things stand elsewhere, or are left out. */
const LOOKS = [
  { name: 'light', width: 1280, colorScheme: 'light', rules: undefined },
  { name: 'dark', width: 1280, colorScheme: 'dark', rules: ['color-contrast'] },
  { name: 'phone', width: 390, colorScheme: 'light', rules: undefined },
] as const

test('no view has a serious accessibility finding, light or dark, on a phone or not, and none is wider than its screen', () =>
  visiting({ instances: 50 }, async ({ world, page }) => {
    const create = { project: 'default', flavor: 'small', image: 'fake', metadata: {}, reservation: 'r', requestId: 'req-axe' }
    const [failed = '', running = ''] = ['11111111-0000-4000-8000-000000000001', '11111111-0000-4000-8000-000000000002']
    for (const id of [failed, running]) await world.fake.api.createInstances({ ids: [id], name: id, ...create })
    world.finish(failed, { code: 'DriverFault', message: 'the guest did not start' })
    const views = [...ALL_VIEWS, `instances/${failed}`, `instances/${running}`, `operations/${failed}.1`]
    const found: string[] = []
    for (const { name, width, colorScheme, rules } of LOOKS) {
      await page.setViewportSize({ width, height: 800 })
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      for (const view of views) {
        await go(page, `#/${view}`)
        await page.getByRole('heading', { level: 1 }).waitFor()
        await settled(page)
        found.push(...(await serious(page, rules)).map(finding => `${name} ${view} ${finding}`))
        if (await page.evaluate('document.documentElement.scrollWidth > innerWidth')) found.push(`${name} ${view} is wider than the screen`)
      }
      await page.keyboard.press('Control+k')
      await page.getByRole('option').first().waitFor()
      found.push(...(await serious(page, rules)).map(finding => `${name} palette ${finding}`))
      await page.keyboard.press('Escape')
    }
    assert.equal(found, [])
  }))

test('the palette goes anywhere by keys, also to what is not shown', () =>
  visiting({ instances: 5000 }, async ({ page }) => {
    await page.keyboard.press('Control+k')
    await page.keyboard.type('host compute-5')
    await page.getByRole('option', { name: 'Host compute-5' }).waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: /compute-5/ }).waitFor()
    await page.keyboard.press('/')
    await page.getByRole('combobox', { name: 'Where to' }).fill('instance 4999')
    await page.getByRole('option', { name: /-4999 / }).waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: /-4999/ }).waitFor()
    await page.keyboard.press('Control+k')
    await page.keyboard.type('zzz')
    await page.getByText('Nothing of that name.').waitFor()
    await page.keyboard.press('Escape')
    await until(page, `!document.querySelector('dialog')`)
  }))

test('ten thousand hosts that change: the overview is told of those to look at, lists scroll and are searched by the cluster, memory stays', () =>
  visiting({ hosts: 10_000, instances: 100_000 }, async ({ world, page }) => {
    let received = 0
    page.on('websocket', socket => {
      socket.on('framereceived', ({ payload }) => {
        received += payload.length
      })
    })
    world.setHost('compute-7777', { state: 'down' })
    await reload(page)
    await page.getByRole('link', { name: /^compute-7777: down/ }).waitFor()
    await page.getByText('9,999 enabled, 1 down').waitFor()
    assert.ok(received < 1_000_000, `${received} bytes for the overview`)
    assert.ok(Number(await page.locator('.tile').count()) <= 400)
    await go(page, '#/hosts?state=down')
    await page.getByRole('table', { name: 'Hosts: 1 rows' }).waitFor()
    await go(page, '#/hosts')
    await page.getByRole('table', { name: 'Hosts: 1,000 rows' }).focus()
    await page.keyboard.press('End')
    await page.getByRole('table', { name: 'Hosts: 10,000 rows' }).waitFor()
    await page.keyboard.press('End')
    await page.getByRole('link', { name: 'compute-10000', exact: true }).waitFor()
    assert.ok((await page.getByRole('row').count()) < 80)
    await go(page, '#/instances')
    await page.getByText('the first 1,000 of 100,000').waitFor()
    await page.getByRole('table').focus()
    await page.keyboard.press('End')
    await page.getByRole('table', { name: 'Instances: 10,000 rows' }).waitFor()
    await page.getByRole('link', { name: 'The next 10,000 in this order' }).click()
    await page.getByText('the next 10,000 of 100,000').waitFor()
    await page.getByRole('link', { name: 'From the first' }).click()
    await page.getByLabel('Find').fill('-99999')
    await page.getByRole('table', { name: 'Instances: 1 rows' }).waitFor()
    await page.getByLabel('Find').fill('')
    await page.getByRole('table', { name: 'Instances: 10,000 rows' }).waitFor()
    const debug = await page.context().newCDPSession(page)
    const heapMb = async (): Promise<number> => {
      await debug.send('HeapProfiler.collectGarbage')
      return (await debug.send('Runtime.getHeapUsage')).usedSize / 2 ** 20
    }
    const stir = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) {
        world.stir(100, 100)
        await page.evaluate('new Promise(requestAnimationFrame)')
      }
    }
    await stir(30)
    const before = await heapMb()
    await stir(150)
    const after = await heapMb()
    assert.ok(after < before * 1.5 + 5, `the page took ${before} MB, and ${after} MB after thirty thousand changes`)
  }))

test.run()
