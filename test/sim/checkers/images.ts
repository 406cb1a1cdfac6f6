/** Every image comes to an end of its making, and hosts have the bytes of those that are there and of no others. */
import type { ImageBody } from '../../../actors/api.ts'
import { bodies, type Checker, whoFailed } from './checker.ts'

const MAKING: ReadonlySet<string> = new Set(['snapshot', 'backup', 'guest-backup'])

export const images: Checker = {
  name: 'images are made or are not, and their bytes with them',
  atRest(world) {
    const all = bodies<ImageBody>(world, 'image')
    const violations = all.flatMap(i =>
      i.status === 'queued' || i.status === 'saving' ? [`image ${i.id} of ${i.instance} is still being made`] : [],
    )
    // A host that did not answer before the deadline may have made its copy after all.
    const failed = whoFailed(world, MAKING)
    const unclear = new Set(all.filter(i => i.instance !== null && failed.has(i.instance)).map(i => i.id))
    for (const [host, blobs] of world.blobs) {
      const there = new Set(blobs.ids('images'))
      const wanted = new Set(all.filter(i => i.status === 'active' && i.hosts?.includes(host)).map(i => i.id))
      for (const id of there) if (!wanted.has(id) && !unclear.has(id)) violations.push(`image ${id} is left on ${host}`)
      for (const id of wanted) if (!there.has(id)) violations.push(`image ${id} is active, but not on ${host}`)
    }
    return violations
  },
}
