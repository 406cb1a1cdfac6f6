/**
 * Numbers the lives of an agent: each larger than the one before, so that peers know which of two is the newer. The last number
 * is kept beside the guests, for the wall clock may have been set back since; where nothing is kept, the wall clock is the
 * best there is.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The number of the life that now begins. Rejects when the folder cannot be written. */
export async function nextLife(folder: string, wallMs: number): Promise<number> {
  const file = join(folder, 'life')
  const last = Number(await readFile(file, 'utf8').catch(() => '0'))
  const life = Math.max(Number.isSafeInteger(last) ? last + 1 : 0, Math.round(wallMs))
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFile(`${file}.new`, `${life}\n`)
  await rename(`${file}.new`, file)
  return life
}
