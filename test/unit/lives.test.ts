import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { nextLife } from '../../supervisors/membership/lives.ts'

const inFolder = (body: (folder: string) => Promise<void>) => async () => {
  const folder = await mkdtemp(join(tmpdir(), 'baton-lives-'))
  try {
    await body(join(folder, 'host'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test(
  'each life is larger than the one before, also when the wall clock was set back an hour',
  inFolder(async folder => {
    assert.is(await nextLife(folder, 5_000_000), 5_000_000)
    assert.is(await nextLife(folder, 1_400_000), 5_000_001)
    assert.is(await nextLife(folder, 1_400_000), 5_000_002)
    assert.is(await nextLife(folder, 6_000_000), 6_000_000)
    assert.is(await readFile(join(folder, 'life'), 'utf8'), '6000000\n')
  }),
)

test(
  'what cannot be read counts for nothing',
  inFolder(async folder => {
    await nextLife(folder, 7)
    await writeFile(join(folder, 'life'), 'seven')
    assert.is(await nextLife(folder, 9), 9)
  }),
)

test.run()
