/**
 * Builds the page, and prints how large it is. With `--if-stale` only when something it is made of has changed since, and without the
 * tools to build it (an installation without development dependencies) it says so and fails nobody: the API does not need the page.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { PAGE_FOLDER } from '../transport/http/page.ts'

/** Of all the page loads, gzipped. */
const BUDGET_BYTES = 250_000
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SOURCES = ['console', 'transport/console-client', 'transport/remote-console', 'actors', 'package-lock.json']

function newestMs(path: string): number {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(0, ...readdirSync(path).map(name => newestMs(join(path, name))))
}

const index = join(PAGE_FOLDER, 'index.html')
const isStale = (): boolean => !existsSync(index) || SOURCES.some(name => newestMs(join(ROOT, name)) > statSync(index).mtimeMs)

async function build(): Promise<void> {
  const vite = await import('vite').catch(() => null)
  if (vite === null) {
    console.log('The console page is not built: vite is not installed (npm ci without --omit=dev installs it).')
    return
  }
  await vite.build({ configFile: join(ROOT, 'console/vite.config.ts') })
  const sizes = readdirSync(join(PAGE_FOLDER, 'assets')).map(name => gzipSync(readFileSync(join(PAGE_FOLDER, 'assets', name))).length)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  console.log(`The console page: ${sizes.length} files, ${(total / 1000).toFixed(1)} kB gzipped (at most ${BUDGET_BYTES / 1000} kB).`)
  if (total > BUDGET_BYTES) throw new Error('The console page is too large.')
}

if (!process.argv.includes('--if-stale') || isStale()) await build()
