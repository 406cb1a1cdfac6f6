/** A visit of the page: a browser signed in to a cluster in memory, and what tests ask of both. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { createPageWorld, type PageWorld, type PageWorldOptions } from '../support/page-world.ts'
import { skip } from '../support/skip.ts'
import { hasChromium, launch, signIn } from './browser.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const PATIENCE_MS = 10_000

export interface Visit {
  readonly world: PageWorld
  readonly browser: Browser
  readonly page: Page
}

/** One for all tests: each has a context of its own, which shares nothing with the others. */
let browser: Browser | null = null
export const closeBrowser = async (): Promise<void> => browser?.close()

/** Runs `visit` with an admin signed in; whatever the page throws, or its policy refuses, fails it. */
export async function visiting(options: PageWorldOptions, visit: (visit: Visit) => Promise<void>): Promise<void> {
  if (!hasChromium) return skip('no Chromium here', { installedByCi: true })
  browser ??= await launch()
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  const world = await createPageWorld(options)
  try {
    const page = await context.newPage()
    page.setDefaultTimeout(PATIENCE_MS)
    const wrong: string[] = []
    page.on('pageerror', error => wrong.push(error.message))
    page.on('console', message => /Content Security Policy|TrustedHTML/.test(message.text()) && wrong.push(message.text()))
    await signIn(page, world.origin)
    await visit({ world, browser, page })
    assert.equal(wrong, [])
  } finally {
    await context.close()
    await world.close()
  }
}

/** In the page's own policy nothing can wait by evaluating text; so it is asked from here, frame by frame. */
export async function until(page: Page, expression: string): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS
  while (!(await page.evaluate(expression))) {
    if (performance.now() > endMs) throw new Error(`never true: ${expression}`)
    await page.evaluate('new Promise(requestAnimationFrame)')
  }
}

export const go = (page: Page, hash: string) => page.evaluate(`location.hash = ${JSON.stringify(hash)}`)

interface Violation {
  readonly id: string
  readonly impact: string
  readonly nodes: readonly { readonly html: string }[]
}

/** What axe finds on what is shown, of these rules or of all, if it is serious. */
export async function serious(page: Page, rules?: readonly string[]): Promise<string[]> {
  // As the page's own policy lets nothing in, by the debugger.
  await page.evaluate(AXE)
  const options = rules ? { runOnly: { type: 'rule', values: rules } } : {}
  const { violations } = (await page.evaluate(`axe.run(${JSON.stringify(options)})`)) as { violations: readonly Violation[] }
  return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
}
