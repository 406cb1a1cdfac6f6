/** A Chromium for tests and pictures, and a page of it that is signed in. */
import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { ADMIN_PASSWORD } from '../support/identity.ts'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync']

export const hasChromium = existsSync(CHROMIUM)

export const launch = (): Promise<Browser> => chromium.launch({ executablePath: CHROMIUM, args: QUIET })

/** Loads the page again, still signed in: its token is of the cluster's time here, which is long past to a browser. */
export async function reload(page: Page): Promise<void> {
  await page.evaluate(`{
    const session = JSON.parse(sessionStorage.getItem('baton.session'))
    sessionStorage.setItem('baton.session', JSON.stringify({ ...session, expiresAt: Date.now() + 1e6 }))
  }`)
  await page.reload()
}

export async function signIn(page: Page, origin: string, password = ADMIN_PASSWORD, user = 'admin'): Promise<void> {
  await page.goto(origin)
  await page.getByLabel('User').fill(user)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText(/^Live by/).waitFor()
}
