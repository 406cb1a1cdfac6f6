/**
 * The console's page in a Chromium, before a cluster in memory of 10,000 hosts and 100,000 instances that changes all the time: how long until
 * there is something to see, how smoothly it scrolls and goes on under changes, what it is sent, and whether its memory stays. The reference of
 * frames is an empty page in the same browser.
 */
import type { CDPSession, Page } from 'playwright-core'
import { hasChromium, launch, reload, signIn } from '../test/browser/browser.ts'
import { createPageWorld, type PageWorld } from '../test/support/page-world.ts'
import { type BenchResult, percentile, result } from './result.ts'

const HOSTS = 10_000
const INSTANCES = 100_000
/** Changes each second while frames are measured: of instances that are shown and of others, and of hosts. */
const STIR = { instances: 500, hosts: 500 }
const STIR_MS = 50
const SCROLL_MS = 5000
const LIVE_MS = 6000
const HEAP_MS = 20_000
const GOAL_FRAME_MS = 1000 / 60

const settle = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
const go = (page: Page, hash: string) => page.evaluate(`location.hash = ${JSON.stringify(hash)}`)

/** Times between frames for so long, ms; `each` is done in the page at each of them. */
async function frames(page: Page, forMs: number, each = ''): Promise<number[]> {
  const times: unknown = await page.evaluate(`new Promise(done => {
    const times = []
    let last = performance.now()
    const end = last + ${forMs}
    let i = 0
    requestAnimationFrame(function frame() {
      const now = performance.now()
      times.push(now - last)
      last = now
      i++
      ${each}
      if (now < end) requestAnimationFrame(frame)
      else done(times.slice(1))
    })
  })`)
  return Array.isArray(times) ? times.map(Number) : []
}

async function heapMb(debug: CDPSession): Promise<number> {
  await debug.send('HeapProfiler.collectGarbage')
  const { usedSize } = await debug.send('Runtime.getHeapUsage')
  return usedSize / 2 ** 20
}

function stirring(world: PageWorld): () => void {
  const timer = setInterval(() => world.stir((STIR.instances * STIR_MS) / 1000, (STIR.hosts * STIR_MS) / 1000), STIR_MS)
  return () => clearInterval(timer)
}

const framesOf = (name: string, times: readonly number[], reference: readonly number[]): BenchResult[] => [
  result(`${name}: frame p50, reference an empty page`, percentile(times, 0.5), 'ms', percentile(reference, 0.5)),
  result(`${name}: frame p99, reference an empty page`, percentile(times, 0.99), 'ms', percentile(reference, 0.99)),
  result(`${name}: frames later than two of 60 a second`, (times.filter(ms => ms > 2 * GOAL_FRAME_MS + 1).length / times.length) * 100, '%'),
]

/** Down, and up again at its end, at each frame. */
const SCROLL = `
  const table = document.querySelector('.table')
  const far = (i * 300) % Math.max(1, 2 * (table.scrollHeight - table.clientHeight))
  const most = table.scrollHeight - table.clientHeight
  table.scrollTop = far > most ? 2 * most - far : far
`

export async function bench(): Promise<BenchResult[]> {
  if (!hasChromium) throw new Error('this benchmark needs a Chromium; name one in CHROMIUM')
  const world = await createPageWorld({ hosts: HOSTS, instances: INSTANCES })
  const browser = await launch()
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 860 } })
    const debug = await page.context().newCDPSession(page)
    let received = 0
    page.on('websocket', socket => {
      socket.on('framereceived', ({ payload }) => {
        received += payload.length
      })
    })
    await page.goto('about:blank')
    const empty = await frames(page, 2000)

    await signIn(page, world.origin)
    await page.evaluate(`location.hash = '#/overview'`)
    await page.locator('.tile').first().waitFor()
    const firsts: number[] = []
    for (let i = 0; i < 3; i++) {
      received = 0
      const begun = performance.now()
      await reload(page)
      await page.locator('.tile').first().waitFor()
      firsts.push(performance.now() - begun)
    }
    const firstKb = received / 1000

    const still = stirring(world)
    received = 0
    const overview = await frames(page, LIVE_MS)
    const overviewKb = received / 1000 / (LIVE_MS / 1000)

    await go(page, '#/hosts')
    await page.getByRole('row').nth(20).waitFor()
    const hosts = await frames(page, SCROLL_MS, SCROLL)

    await go(page, '#/instances')
    await page.getByRole('row').nth(20).waitFor()
    await page.getByRole('table').focus()
    await page.keyboard.press('End')
    await page.getByRole('table', { name: 'Instances: 10,000 rows' }).waitFor({ timeout: 20_000 })
    await settle(1000)
    const instances = await frames(page, SCROLL_MS, SCROLL)
    const searched = performance.now()
    await page.getByLabel('Find').fill('worker-99999')
    await page.getByRole('table', { name: 'Instances: 1 rows' }).waitFor({ timeout: 20_000 })
    const searchMs = performance.now() - searched
    await page.getByLabel('Find').fill('')
    await page.getByRole('row').nth(20).waitFor()
    await settle(2000)
    const heap = [await heapMb(debug)]
    for (let i = 0; i < 4; i++) {
      await settle(HEAP_MS / 4)
      heap.push(await heapMb(debug))
    }
    still()
    return [
      result(`page of ${HOSTS} hosts and ${INSTANCES} instances: first picture of the overview, p50`, percentile(firsts, 0.5), 'ms'),
      result('… what it is sent for it', firstKb, 'kB'),
      result('… what the overview is sent each second under changes', overviewKb, 'kB/s'),
      ...framesOf('overview under changes', overview, empty),
      ...framesOf('hosts, scrolled under changes', hosts, empty),
      ...framesOf('10,000 instances, scrolled under changes', instances, empty),
      result('one of 100,000 instances found by its name, from the last key', searchMs, 'ms'),
      result(`heap of the page after ${HEAP_MS / 1000} s of changes, reference before`, heap.at(-1) ?? 0, 'MB', heap[0] ?? 0),
    ]
  } finally {
    await browser.close()
    await world.close()
  }
}
