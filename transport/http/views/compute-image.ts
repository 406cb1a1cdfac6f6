/** An image in Nova's words, as its proxy of the image service showed it. */
import { aboutOf, hasSize, type ImageBody } from '../../../actors/api.ts'
import { IMAGE } from '../context.ts'
import { type Link, links } from './links.ts'
import { isoSeconds } from './time.ts'

/** Nova's word for each of Glance's, and how far it says that such an image is, in percent; others are UNKNOWN. */
const STATUS: Readonly<Partial<Record<ImageBody['status'], { readonly word: string; readonly progress: number }>>> = {
  queued: { word: 'SAVING', progress: 25 },
  saving: { word: 'SAVING', progress: 50 },
  active: { word: 'ACTIVE', progress: 100 },
  deleted: { word: 'DELETED', progress: 0 },
  error: { word: 'ERROR', progress: 0 },
}
const UNKNOWN = { word: 'UNKNOWN', progress: 0 }

/** Glance's words behind one of Nova's, in any case; what is no word of Nova's is taken for one of Glance's. */
export function imageStatuses(word: string): string[] {
  const found = Object.entries(STATUS).flatMap(([status, nova]) => (nova.word === word.toUpperCase() ? [status] : []))
  if (word.toUpperCase() === UNKNOWN.word) return ['deactivated']
  return found.length > 0 ? found : [word.toLowerCase()]
}

const imageLinks = (origin: string, id: string): (Link & { readonly type?: string })[] => [
  ...links(origin, `images/${encodeURIComponent(id)}`),
  { rel: 'alternate', type: 'application/vnd.openstack.image', href: `${origin}${IMAGE}/images/${encodeURIComponent(id)}` },
]

/** One line of GET /images. */
export const computeImageSummary = (image: ImageBody, origin: string) => ({
  id: image.id,
  name: image.name === '' ? null : image.name,
  links: imageLinks(origin, image.id),
})

/** GET /images/:id. The server is the one that it is a snapshot of. */
export function computeImageDetail(image: ImageBody, origin: string) {
  const { minDiskGb, minRamMb } = aboutOf(image)
  const { word, progress } = STATUS[image.status] ?? UNKNOWN
  const { instance } = image
  return {
    ...computeImageSummary(image, origin),
    status: word,
    progress,
    minDisk: minDiskGb,
    minRam: minRamMb,
    metadata: image.properties,
    created: isoSeconds(image.createdAt),
    updated: isoSeconds(image.updatedAt),
    'OS-EXT-IMG-SIZE:size': hasSize(image) ? image.sizeBytes : null,
    ...(instance === null ? {} : { server: { id: instance, links: links(origin, `servers/${instance}`) } }),
  }
}
