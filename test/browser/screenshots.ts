/**
 * `npm run screenshots`: pictures of the views into docs/pictures/, of a cluster in memory, light and dark, wide and on a phone.
 * With names of views behind it, only those.
 */
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { RULES } from '../../actors/alerts/rules.ts'
import { createPageWorld, type PageWorld } from '../support/page-world.ts'
import { launch, signIn } from './browser.ts'

const FOLDER = fileURLToPath(new URL('../../docs/pictures', import.meta.url))
const MAX_BYTES = 200_000
const WIDE = { width: 1280, height: 860 }
const PHONE = { width: 390, height: 800 }

interface Picture {
  readonly name: string
  readonly hash: string
  readonly scheme?: 'dark'
  readonly phone?: true
  before?(page: Page): Promise<unknown>
}

const only = process.argv.slice(2)
const world = await createPageWorld({ instances: 3000, hosts: 60, remembers: 52 })
const browser = await launch()
try {
  const ids = await prepare(world)
  const pictures: readonly Picture[] = [
    { name: 'overview', hash: '#/overview' },
    { name: 'overview-dark', hash: '#/overview', scheme: 'dark' },
    { name: 'overview-past', hash: '#/overview', before: replayTakeover },
    { name: 'overview-past-dark', hash: '#/overview', scheme: 'dark', before: replayTakeover },
    { name: 'overview-phone', hash: '#/overview', phone: true },
    { name: 'instances', hash: '#/instances?sort=name:asc' },
    { name: 'instances-dark', hash: '#/instances?state=error', scheme: 'dark' },
    { name: 'instances-phone', hash: '#/instances', phone: true },
    { name: 'instance', hash: `#/instances/${ids.failed}` },
    { name: 'instance-dark', hash: `#/instances/${ids.running}`, scheme: 'dark' },
    { name: 'agent', hash: `#/instances/${ids.kept}`, before: page => page.getByText('COMPLETED').first().waitFor() },
    { name: 'serial', hash: `#/instances/${ids.seen}?tab=serial`, before: page => typing(page) },
    { name: 'screen-dark', hash: `#/instances/${ids.seen}?tab=screen`, scheme: 'dark', before: page => pressing(page) },
    { name: 'create', hash: '#/create' },
    { name: 'operations', hash: '#/operations' },
    { name: 'operation', hash: `#/operations/${ids.running}.1` },
    { name: 'hosts', hash: '#/hosts' },
    { name: 'host', hash: '#/hosts/compute-7' },
    { name: 'queues', hash: '#/queues' },
    { name: 'events', hash: '#/events', before: async () => ids.stir() },
    { name: 'doctor', hash: '#/doctor' },
    { name: 'topology', hash: '#/topology' },
    { name: 'palette', hash: '#/hosts', before: page => page.keyboard.press('Control+k').then(() => page.keyboard.type('web-1')) },
    { name: 'take-over-1', hash: '#/overview' },
    { name: 'take-over-2', hash: '#/overview', before: async () => ids.kill() },
    { name: 'take-over-3', hash: '#/overview', before: async () => ids.settle() },
  ]
  mkdirSync(FOLDER, { recursive: true })
  const pages = new Map<string, Page>()
  for (const { name, hash, scheme, phone, before } of pictures) {
    if (only.length > 0 && !only.some(each => name.startsWith(each))) continue
    const kind = `${scheme ?? 'light'} ${phone ? 'phone' : 'wide'}`
    const page = pages.get(kind) ?? (await browser.newPage({ viewport: phone ? PHONE : WIDE, colorScheme: scheme ?? 'light' }))
    if (!pages.has(kind)) await signIn(page, world.origin)
    pages.set(kind, page)
    await page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
    await page.getByRole('heading', { level: 1 }).first().waitFor()
    await before?.(page)
    // Two looks of the hub, so that what is asked every second is there.
    await page.waitForTimeout(2200)
    const path = join(FOLDER, `${name}.png`)
    await page.screenshot({ path })
    const { size } = statSync(path)
    console.log(`${name}.png ${Math.round(size / 1000)} kB`)
    if (size > MAX_BYTES) throw new Error(`${name}.png is larger than ${MAX_BYTES / 1000} kB`)
    await page.keyboard.press('Escape')
  }
} finally {
  await browser.close()
  await world.close()
}

/** A full backup, one on top of it, and one that is being made. */
async function backedUp({ fake, finish }: PageWorld, id: string): Promise<void> {
  const [full, more, now] = ['monday', 'tuesday', 'wednesday'].map((name, i) => ({ name, backup: `5c0ffee0-0000-4000-8000-00000000000${i}` }))
  if (!full || !more || !now) return
  const make = (what: typeof full, parent?: string) =>
    fake.api.createBackup({ id, ...what, kind: parent ? 'incremental' : 'full', ...(parent ? { parent } : {}), requestId: `req-${what.name}` })
  await make(full)
  finish(id)
  fake.setImage(full.backup, { status: 'active', sizeBytes: 48_234_496 })
  await make(more, full.backup)
  finish(id)
  fake.setImage(more.backup, { status: 'active', sizeBytes: 1_310_720 })
  await make(now, more.backup)
  fake.setImage(now.backup, { status: 'saving' })
}

async function typing(page: Page): Promise<void> {
  await page.getByText('You have the keyboard').waitFor()
  await page.keyboard.type('root')
  await page.keyboard.press('Enter')
}

async function pressing(page: Page): Promise<void> {
  await page.getByText('Keys go to the guest').waitFor()
  await page.keyboard.type('hello')
}

/** The last hour, at the first take-over that it remembers. */
async function replayTakeover(page: Page): Promise<void> {
  await page
    .getByRole('button', { name: /^take-over/ })
    .first()
    .click()
}

/** Something of everything that can be seen. */
async function prepare(of: PageWorld) {
  const { fake } = of
  const create = async (id: string, name: string) => {
    const asked = { project: 'default', flavor: 'small', image: 'fake', metadata: { tier: 'front' }, reservation: 'r', requestId: `req-${name}` }
    await fake.api.createInstances({ ids: [id], name, ...asked })
    of.setInstance(id, { createdAt: Date.now() - 8000, updatedAt: Date.now() - 5000, host: 'compute-7' })
    return id
  }
  const running = await create('4be6c5d0-8a5f-4a53-9c42-0d3f6d0d2f11', 'shop-front-1')
  const failed = await create('9d0e7c2a-61f8-4c1b-8d7e-5a4f7b1c9e22', 'shop-front-2')
  const now = Date.now()
  const step = { direction: 'do', attempt: 1, fault: null } as const
  const fault = { code: 'NoValidHost', message: 'of 60 hosts none has room: ram refused 57, state 3' } as const
  fake.finish(failed, fault)
  const plan = ['place', 'claim', 'spawn']
  of.setOperation(`${failed}.1`, {
    ...{ plan, startedAt: now - 61_000, endedAt: now - 60_400, deadlineAt: now + 500_000, status: 'undone', fault },
    steps: [{ ...step, name: 'place', state: 'failed', startedAt: now - 61_000, endedAt: now - 60_400, fault }],
  })
  of.setInstance(failed, {
    createdAt: now - 61_000,
    updatedAt: now - 60_400,
    launchedAt: null,
    host: null,
    vmState: 'error',
    fault: { ...fault, at: now - 60_400 },
  })
  const kept = await create('55b2e0f4-3c1d-4f0a-8e77-1d9f6d0d2f14', 'database-1')
  fake.finish(kept)
  of.setInstance(kept, { host: 'compute-7', agent: { required: true, bootMs: 120_000 } })
  await backedUp(of, kept)
  const seen = await create('77a1c0de-8a5f-4a53-9c42-0d3f6d0d2f13', 'shop-front-3')
  fake.finish(seen)
  of.setInstance(seen, { host: 'compute-7' })
  of.setOperation(`${running}.1`, {
    ...{ plan, startedAt: now - 8000, deadlineAt: now + 500_000 },
    steps: [
      { ...step, name: 'place', state: 'done', startedAt: now - 8000, endedAt: now - 7950 },
      { ...step, name: 'claim', state: 'done', startedAt: now - 7950, endedAt: now - 7900 },
      { ...step, name: 'spawn', state: 'running', attempt: 2, startedAt: now - 4900, endedAt: null },
    ],
  })
  of.setHost('compute-4', { state: 'down', stateSince: now - 240_000 })
  of.setHost('compute-9', { mode: 'maintenance', enabled: false })
  of.setHost('compute-15', { mode: 'disabled', enabled: false, disabledReason: 'disk' })
  of.setHost('compute-22', { state: 'suspect' })
  fake.findings.push({
    ...{ code: 'UnknownGuest', severity: 'warning', subject: 'host/compute-7', instance: null, host: 'compute-7', since: now - 90_000 },
    ...{ believed: 'no guest 77aa on compute-7', seen: 'a guest 77aa runs there' },
    ...{ byItself: 'nothing: reconcile.unknownGuests is keep', repair: null, command: 'baton host guests compute-7' },
  })
  of.setStatus({
    advice: {
      addConductor: true,
      because: 'a message has waited 1240 ms on conductor-3 (limit 1000); conductor-3 is busy 93 % of the time (limit 85 %)',
      spread: { conductors: 4, shardsBefore: 43, shardsAfter: 32, busyBefore: 0.93, busyAfter: 0.61 },
    },
  })
  const quiet = { code: 'host-silent', severity: 'critical', remedy: RULES['host-silent'].remedy } as const
  of.setAlerts({
    firing: [
      {
        ...quiet,
        id: 3,
        subject: 'host/compute-4',
        message: 'no heartbeat of compute-4, which has 12 instances',
        firedAt: now - 230_000,
        clearedAt: null,
      },
      {
        ...{ id: 4, code: 'certificate-ends-soon', severity: 'warning', subject: 'gateway/gateway-1', firedAt: now - 900_000, clearedAt: null },
        ...{ message: 'its certificate ends in 19 days (limit 21 days)', remedy: RULES['certificate-ends-soon'].remedy },
      },
    ],
    ended: [1, 2].map(i => ({
      ...{ ...quiet, id: i, subject: `host/compute-${i}`, message: `no heartbeat of compute-${i}, which has 9 instances` },
      ...{ firedAt: now - 18.2 * 60_000, clearedAt: now - 17 * 60_000 },
    })),
  })
  const late = { settle: () => {} }
  return {
    ...{ running, failed, seen, kept },
    stir() {
      for (let i = 0; i < 6; i++) of.setInstance(running, { metadata: { tier: `front-${i}` } })
    },
    kill() {
      late.settle = of.kill('conductor-2').settle
    },
    settle: () => late.settle(),
  }
}
