/** Every image comes to an end of its making, and hosts have the bytes of those that are there and of no others. */
import type { ImageBody } from '../../../actors/api.ts'
import { bodies, type Checker } from './checker.ts'

export const images: Checker = {
  name: 'images are made or are not, and their bytes with them',
  atRest(world) {
    const all = bodies<ImageBody>(world, 'image')
    const violations = all.flatMap(i =>
      i.status === 'queued' || i.status === 'saving' ? [`image ${i.id} of ${i.instance} is still being made`] : [],
    )
    for (const [host, blobs] of world.blobs) {
      const there = new Set(blobs.ids('images'))
      const wanted = new Set(all.filter(i => i.status === 'active' && i.hosts?.includes(host)).map(i => i.id))
      for (const id of there) if (!wanted.has(id)) violations.push(`image ${id} is left on ${host}`)
      for (const id of wanted) if (!there.has(id)) violations.push(`image ${id} is active, but not on ${host}`)
    }
    return violations
  },
}
