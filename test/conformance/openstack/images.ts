/** Images: listed; made, filled and shared where the image service takes uploads. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, has, hasRow } from './session.ts'

export async function images({ shows, does, refuses, offers }: Client): Promise<void> {
  await shows('image list', rows => hasRow(rows, { Name: 'fake-image', Status: 'active' }))
  await shows('image show fake-image', image => has(image, { name: 'fake-image', status: 'active' }))
  if (!(await offers('/image/v2/schemas/image'))) return
  const folder = await mkdtemp(join(tmpdir(), 'baton-image-'))
  const file = join(folder, 'bytes')
  try {
    await writeFile(file, 'not much of an image')
    await shows(`image create --disk-format raw --container-format bare --file ${file} --property kind=test own`, made => has(made, { name: 'own' }))
    await shows('image show own', image => has(image, { name: 'own', status: 'active', size: 20, visibility: 'shared' }))
    await does('image set --tag kept --protected own')
    await shows('image show own', image => has(image, { protected: true, tags: ['kept'] }))
    await refuses('image delete own', /403|protected/i)
    await does('image set --unprotected own')
    await does('image set --deactivate own')
    await shows('image show own', image => has(image, { status: 'deactivated' }))
    await does('image set --activate own')
    await does(`image save --file ${file}.back own`)
    await does('image delete own')
    await refuses('image show own', /own/)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
